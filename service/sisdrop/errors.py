"""The four kinds of failure and the closed list of reasons.

The class of an error says what to do; its reason says what happened; its hint says what the
reader can do about it. No message, hint or fact ever holds patron content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from typing_extensions import override

Fact = str | int | float | bool


class Reason(StrEnum):
    """One word per thing that can go wrong: metric label, ledger column, log field, runbook."""

    # The file's fault: rejected. Named after the fatal rule that found it.
    XML_NOT_WELL_FORMED = "xml_not_well_formed"
    XML_ENCODING = "xml_encoding"
    XML_CONTROL_CHARACTER = "xml_control_character"
    XML_FORBIDDEN_CONSTRUCT = "xml_forbidden_construct"
    XML_WRONG_ROOT = "xml_wrong_root"
    XML_TRUNCATED = "xml_truncated"
    XML_EMPTY = "xml_empty"
    XML_NO_RECORDS = "xml_no_records"
    XML_TOO_LARGE = "xml_too_large"
    XML_RECORD_TOO_LARGE = "xml_record_too_large"
    ZIP_UNREADABLE = "zip_unreadable"
    ZIP_NOT_ONE_FILE = "zip_not_one_file"
    ZIP_TOO_LARGE = "zip_too_large"
    NO_DELIVERABLE_RECORDS = "no_deliverable_records"
    DUPLICATES_REFUSED = "duplicates_refused"
    REFUSED = "refused"
    # A person decides: held.
    SHRUNK = "shrunk"
    GROWN = "grown"
    GROUP_SHRUNK = "group_shrunk"
    TOO_MANY_NEW = "too_many_new"
    TOO_MANY_ABSENT = "too_many_absent"
    STATE_RISE = "state_rise"
    FIELD_LOSS = "field_loss"
    TOO_MANY_LEFT_OUT = "too_many_left_out"
    STALE = "stale"
    FIRST_LOAD = "first_load"
    INTERNAL_ERROR = "internal_error"
    # The world's fault: retried for ever.
    CONNECT = "connect"
    CONNECTION_LOST = "connection_lost"
    TIMEOUT = "timeout"
    REMOTE_FAILURE = "remote_failure"
    REMOTE_FULL = "remote_full"
    SHARE_GONE = "share_gone"
    DATA_FULL = "data_full"
    # An operator mends it: the lane stops.
    HOST_KEY = "host_key"
    AUTH = "auth"
    KEY_UNREADABLE = "key_unreadable"
    REMOTE_PATH = "remote_path"
    REMOTE_PERMISSION = "remote_permission"
    REMOTE_CONFLICT = "remote_conflict"
    SHARE_CHANGED = "share_changed"
    SHARE_PERMISSION = "share_permission"
    LEDGER_UNUSABLE = "ledger_unusable"


REJECTED_REASONS = frozenset(
    {r for r in Reason if r.startswith(("xml_", "zip_"))}
    | {Reason.NO_DELIVERABLE_RECORDS, Reason.DUPLICATES_REFUSED, Reason.REFUSED}
)
HELD_REASONS = frozenset(
    {
        Reason.SHRUNK,
        Reason.GROWN,
        Reason.GROUP_SHRUNK,
        Reason.TOO_MANY_NEW,
        Reason.TOO_MANY_ABSENT,
        Reason.STATE_RISE,
        Reason.FIELD_LOSS,
        Reason.TOO_MANY_LEFT_OUT,
        Reason.STALE,
        Reason.FIRST_LOAD,
        Reason.INTERNAL_ERROR,
    }
)
TRANSIENT_REASONS = frozenset(
    {
        Reason.CONNECT,
        Reason.CONNECTION_LOST,
        Reason.TIMEOUT,
        Reason.REMOTE_FAILURE,
        Reason.REMOTE_FULL,
        Reason.SHARE_GONE,
        Reason.DATA_FULL,
    }
)
OPERATOR_REASONS = frozenset(
    {
        Reason.HOST_KEY,
        Reason.AUTH,
        Reason.KEY_UNREADABLE,
        Reason.REMOTE_PATH,
        Reason.REMOTE_PERMISSION,
        Reason.REMOTE_CONFLICT,
        Reason.SHARE_CHANGED,
        Reason.SHARE_PERMISSION,
        Reason.LEDGER_UNUSABLE,
    }
)


class ServiceError(Exception):
    """A failure with a kind, a reason, a hint for the reader, and typed facts (never patron data).

    Raises:
        ValueError: if the reason does not belong to this kind.
    """

    reasons: ClassVar[frozenset[Reason]] = frozenset(Reason)

    def __init__(self, reason: Reason, hint: str, facts: Mapping[str, Fact] | None = None) -> None:
        if reason not in self.reasons:
            raise ValueError(f"{reason} is no reason for {type(self).__name__}")
        self.reason = reason
        self.hint = hint
        self.facts: dict[str, Fact] = dict(facts or {})
        super().__init__(f"{reason}: {hint}")


class FileRejected(ServiceError):
    """The file is at fault: it goes to `rejected/` with a report and is never retried."""

    reasons = REJECTED_REASONS


class Transient(ServiceError):
    """The world is at fault: the file stays where it is and is retried with backoff, for ever."""

    reasons = TRANSIENT_REASONS


class NeedsOperator(ServiceError):
    """Retrying cannot help: the lane stops, files stay safe, one slow probe goes on."""

    reasons = OPERATOR_REASONS


class Broken(ServiceError):
    """The program is at fault: this one file is set aside after three tries."""

    reasons = frozenset({Reason.INTERNAL_ERROR})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the settings: the key's path, what is wrong, what is allowed."""

    key: str
    message: str

    @override
    def __str__(self) -> str:
        """The problem on one line."""
        return f"{self.key}: {self.message}"


class ConfigError(Exception):
    """The settings cannot be used; carries every problem found, in the order of the keys."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))
