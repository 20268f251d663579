"""Choose records that stand for a whole file: one of each user group, then the earliest. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sisdrop.plain import number, quantity, visible
from sisdrop.records.duplicates import DigestSet, digests


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a record lies, in bytes of the XML from `start` up to `end`, and its user group."""

    start: int
    end: int
    group: str


class Choice:
    """Takes records as they come in the file; memory grows with `most`, not with the file."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._firsts: dict[str, Spot] = {}
        self._others: list[Spot] = []
        self._homeless = DigestSet()
        self._counts: Counter[str] = Counter()

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self._firsts) + len(self._homeless)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many records each group has."""
        return self._counts

    @property
    def chosen(self) -> list[Spot]:
        """The first of each group and the earliest others, in the order of the file."""
        room = self._most - len(self._firsts)
        return sorted([*self._firsts.values(), *self._others[:room]], key=attrgetter("start"))

    def offer(self, spot: Spot) -> None:
        """Take the next record into account."""
        if spot.group in self._firsts:
            if len(self._others) < self._most:
                self._others.append(spot)
        elif len(self._firsts) < self._most:
            self._firsts[spot.group] = spot
        else:
            self._homeless.add_new(digests([spot.group]))
            return
        self._counts[spot.group] += 1


@dataclass(frozen=True, slots=True)
class Taken:
    """What a sample holds: for each user group how many records of how many that could be sent."""

    file: str
    groups: Mapping[str, tuple[int, int]]

    @property
    def records(self) -> int:
        """How many records the sample holds."""
        return sum(taken for taken, _ in self.groups.values())

    @property
    def of(self) -> int:
        """How many there were to choose from."""
        return sum(of for _, of in self.groups.values())


def taken_text(taken: Taken) -> str:
    """What the sample holds, for a terminal, ending in a line end."""
    headline = (
        f"{visible(taken.file)}: {number(taken.records)} of {quantity(taken.of, 'record')} "
        f"that would be sent, from {quantity(len(taken.groups), 'user group')}"
    )
    rows = (
        f"  {number(records):>6} of {number(of):>9}  {visible(group) or '(none)'}"
        for group, (records, of) in taken.groups.items()
    )
    return "\n".join((headline, *rows)) + "\n"


def taken_json(taken: Taken) -> dict[str, Any]:
    """The same as a JSON object."""
    return {
        "file": visible(taken.file),
        "records": taken.records,
        "of": taken.of,
        "groups": {group: {"records": n, "of": of} for group, (n, of) in taken.groups.items()},
    }
