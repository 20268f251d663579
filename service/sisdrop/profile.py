"""Count what the records to be sent carry: user groups, fields, and states of dates.

A later file of the same stream is judged by these counts, so what they mean must not change
without the ledger's knowing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sisdrop.model import Profile
from sisdrop.records.fields import COUNTED, NAMES
from sisdrop.records.traits import STATES, Traits

MAX_GROUPS = 500
MAX_IDENTIFIER_TYPES = 100
OTHER = "(other)"
_MOST_MET = 4096


@dataclass(slots=True)
class Tally:
    """Counts that grow chunk by chunk; `profile` freezes them."""

    records: int = 0
    met: Counter[Traits] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    masks: Counter[int] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(STATES, 0)))

    def add(self, people: Sequence[Traits]) -> None:
        """Count these records."""
        self.records += len(people)
        self.met.update(people)
        if len(self.met) > _MOST_MET:
            self._fold()

    def _fold(self) -> None:
        """Count what was met so far by what it says."""
        for traits, count in self.met.items():
            self.masks[traits.fields] += count
            if traits.group:
                _count(self.groups, traits.group, count, MAX_GROUPS)
            for label in traits.types:
                _count(self.types, label, count, MAX_IDENTIFIER_TYPES)
            for state in traits.states:
                self.states[state] += count
        self.met.clear()

    @property
    def profile(self) -> Profile:
        """The counts so far."""
        self._fold()
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
