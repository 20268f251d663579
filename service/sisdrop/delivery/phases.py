"""The phases of a delivery: the same error means different things in different phases."""

from enum import StrEnum

from sisdrop.errors import ServiceError


class Phase(StrEnum):
    """What we were doing when something failed; stands in the `phase` fact of each error."""

    KEY = "key"
    PINS = "pins"
    CONNECT = "connect"
    LOGIN = "login"
    FOLDER = "folder"
    LIST = "list"
    READ = "read"
    OPEN = "open"
    WRITE = "write"
    RENAME = "rename"
    STAT = "stat"
    REMOVE = "remove"


ACCOUNT_PHASES = frozenset({Phase.KEY, Phase.PINS, Phase.CONNECT, Phase.LOGIN})


def is_account_failure(error: ServiceError) -> bool:
    """Whether the way to the server failed, which stops every lane, and not one file."""
    return error.facts.get("phase") in ACCOUNT_PHASES
