"""What differs between two files, person by person. Pure.

A person is packed into bytes: the person's digest, the group, and for each field that is there
what it holds. Fields and groups go by numbers that both files share.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from sisdrop.model import Report
from sisdrop.profile import MAX_GROUPS, OTHER

PERSON_BYTES = 8
# More than the schema has fields and an institution has types of identifiers.
MAX_FIELDS = 1000
_GROUP = struct.Struct("<H")
_FIELD = struct.Struct("<HI")
# From so many people on, and by so large a share of them, it is no change of people.
_SWITCHED_FROM, _SWITCHED_SHARE = 10, 0.9


class Codes:
    """Small numbers for words, in the order in which they come; the last is shared by the rest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._numbers: dict[str, int] = {}
        self._words: list[str] = []

    def __getitem__(self, number: int) -> str:
        return self._words[number]

    def number(self, word: str) -> int:
        """The number of a word."""
        found = self._numbers.get(word)
        if found is not None:
            return found
        if len(self._words) >= self._most - 1 and word != OTHER:
            return self.number(OTHER)
        self._numbers[word] = len(self._words)
        self._words.append(word)
        return self._numbers[word]


class Packing:
    """Packs what is known of a person into bytes, and takes it apart again."""

    def __init__(self) -> None:
        self.groups = Codes(MAX_GROUPS)
        self.fields = Codes(MAX_FIELDS)

    def pack(self, person: bytes, group: str, values: Mapping[str, int]) -> bytes:
        """One person with all that their record holds."""
        numbers = map(self.fields.number, values)
        pairs = chain.from_iterable(zip(numbers, values.values(), strict=True))
        rest = struct.pack("<" + "HI" * len(values), *pairs)
        return person + _GROUP.pack(self.groups.number(group)) + rest

    def group(self, content: bytes) -> str:
        """The group, from what follows the person's digest."""
        return self.groups[_GROUP.unpack_from(content)[0]]

    def values(self, content: bytes) -> dict[str, int]:
        """The fields, from what follows the person's digest."""
        pairs = _FIELD.iter_unpack(content[_GROUP.size :])
        return {self.fields[number]: value for number, value in pairs}


@dataclass(slots=True)
class Shift:
    """Of the people in both files, how many lose a field, gain it, or have it changed."""

    lose: int = 0
    gain: int = 0
    change: int = 0


@dataclass(slots=True)
class Difference:
    """What a load of the new file after the old one changes: counts that grow.

    `fields` has those that differ for anybody, `moves` how many go from one group to another.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    absent: int = 0
    fields: dict[str, Shift] = field(default_factory=dict)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    new_groups: Counter[str] = field(default_factory=Counter)
    absent_groups: Counter[str] = field(default_factory=Counter)

    @property
    def is_switched(self) -> bool:
        """Whether nearly nobody of the one file is in the other."""
        both = self.changed + self.unchanged
        return all(
            alone >= max(_SWITCHED_FROM, _SWITCHED_SHARE * (alone + both))
            for alone in (self.new, self.absent)
        )

    @property
    def losses(self) -> list[tuple[str, int]]:
        """The fields that people lose, and how many do; the worst first."""
        lost = [(name, shift.lose) for name, shift in self.fields.items() if shift.lose]
        return sorted(lost, key=lambda loss: (-loss[1], loss[0]))


@dataclass(frozen=True, slots=True)
class Compared:
    """Two files and what a load of the new one after the old one changes."""

    old: Report
    new: Report
    difference: Difference


def compare(
    packing: Packing, old: Sequence[bytes], new: Sequence[bytes], difference: Difference
) -> None:
    """Count how the people of two buckets differ.

    Someone in `new` of whom nothing but the digest is packed is known to be as before.
    """
    before, after = _people(old), _people(new)
    for person, content in after.items():
        earlier = before.pop(person, None)
        if earlier is None:
            difference.new += 1
            difference.new_groups[packing.group(content)] += 1
        elif content in (b"", earlier):
            difference.unchanged += 1
        else:
            _count(packing, earlier, content, difference)
    difference.absent += len(before)
    difference.absent_groups.update(packing.group(content) for content in before.values())


def _people(packed: Sequence[bytes]) -> dict[bytes, bytes]:
    return {one[:PERSON_BYTES]: one[PERSON_BYTES:] for one in packed}


def _count(packing: Packing, earlier: bytes, later: bytes, difference: Difference) -> None:
    old, new = packing.values(earlier), packing.values(later)
    kinds = list(_shifts(old, new))
    difference.changed += bool(kinds)
    difference.unchanged += not kinds
    for name, kind in kinds:
        shift = difference.fields.setdefault(name, Shift())
        setattr(shift, kind, getattr(shift, kind) + 1)
    groups = packing.group(earlier), packing.group(later)
    if groups[0] != groups[1]:
        difference.moves[groups] += 1


def _shifts(old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for name in {**old, **new}:
        if name not in new:
            yield name, "lose"
        elif name not in old:
            yield name, "gain"
        elif old[name] != new[name]:
            yield name, "change"
