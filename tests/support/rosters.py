"""Rosters of invented people, written by hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sisdrop.roster import MAX_FIELDS, RosterWriter

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
FIELDS = ("last_name", "preferred_email", "phone")


@dataclass(frozen=True)
class Person:
    """What a roster knows of a person."""

    content: int = 0
    fields: frozenset[str] = frozenset()
    group: str = ""


def digest(number: int) -> bytes:
    """A digest that tells numbers apart and keeps their order."""
    return number.to_bytes(8, "big")


def write(
    path: Path,
    people: Mapping[int, Person],
    *,
    fields: Iterable[str] = FIELDS,
    groups: Iterable[str] = ("", "STAFF", "UNDERGRAD"),
    key: bytes = KEY,
) -> Path:
    """The roster of these people, by their numbers."""
    names, codes = list(fields), list(groups)
    writer = RosterWriter(key)
    writer.add_all(
        [digest(number) for number in people],
        [digest(person.content) for person in people.values()],
        [
            codes.index(person.group) << MAX_FIELDS
            | sum(1 << names.index(name) for name in person.fields)
            for person in people.values()
        ],
    )
    writer.finish(path, names, codes)
    return path
