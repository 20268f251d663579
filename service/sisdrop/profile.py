"""Count what the records to be sent carry: user groups, fields, and states of dates.

A later file of the same stream is judged by these counts, so what they mean must not change
without the ledger's knowing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from sisdrop.model import Profile
from sisdrop.records.fields import COUNTED, NAMES
from sisdrop.records.traits import STATES, Traits

MAX_GROUPS = 500
MAX_IDENTIFIER_TYPES = 100
OTHER = "(other)"


@dataclass(slots=True)
class Tally:
    """Counts that grow chunk by chunk; `profile` freezes them."""

    records: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    masks: Counter[int] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(STATES, 0)))

    def add(self, people: Sequence[Traits]) -> None:
        """Count these records."""
        self.records += len(people)
        self.masks.update(map(attrgetter("fields"), people))
        for group, count in Counter(map(attrgetter("group"), people)).items():
            if group:
                _count(self.groups, group, count, MAX_GROUPS)
        for types, count in Counter(map(attrgetter("types"), people)).items():
            for label in types:
                _count(self.types, label, count, MAX_IDENTIFIER_TYPES)
        for states, count in Counter(map(attrgetter("states"), people)).items():
            self.states.update(dict.fromkeys(states, count))

    @property
    def profile(self) -> Profile:
        """The counts so far."""
        coverage = {name: self._count_of(name) for name in COUNTED}
        coverage.update({f"identifier:{t}": n for t, n in sorted(self.types.items())})
        return Profile(self.records, dict(sorted(self.groups.items())), coverage, dict(self.states))

    def _count_of(self, name: str) -> int:
        bit = 1 << NAMES.index(name)
        return sum(count for mask, count in self.masks.items() if mask & bit)


def _count(counter: Counter[str], word: str, times: int, most: int) -> None:
    known = word in counter or len(counter) < most
    counter[word if known else OTHER] += times


def merge(one: Profile, other: Profile) -> Profile:
    """The counts of both, as if their records stood in one file."""
    return Profile(
        one.records + other.records,
        _sum(one.groups, other.groups),
        _sum(one.coverage, other.coverage),
        _sum(one.states, other.states),
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}
