"""Read two files as the service would, and count what a load of the one after the other changes.

Only digests are kept of what the records hold, in temporary files without names.
"""

from dataclasses import dataclass
from pathlib import Path

from sisdrop.buckets import Buckets
from sisdrop.difference import Compared, Difference, Packing, compare
from sisdrop.model import Report, Verdict
from sisdrop.reader import Reader
from sisdrop.records.check import Checked
from sisdrop.records.duplicates import DigestSet
from sisdrop.records.judge import Place
from sisdrop.records.value_crew import ValueCrew


@dataclass(frozen=True, slots=True)
class Rejected:
    """One of the files would be rejected: which, and its report."""

    path: Path
    report: Report


def diff(old: Path, new: Path, reader: Reader, folder: Path) -> Compared | Rejected:
    """Compare the records that would be delivered of two files.

    Temporary files lie in `folder`. If killed here: nothing is left.

    Raises:
        FileUnread: as `Reader.read`.
        FolderUnusable: if there is no room for temporary files.
    """
    with Buckets(folder) as before, Buckets(folder) as after, ValueCrew() as held:
        sides = _Sides(before, after, held)
        first = reader.read(old, sides.learn)
        if first.verdict is Verdict.REJECTED:
            return Rejected(old, first)
        second = reader.read(new, sides.meet)
        if second.verdict is Verdict.REJECTED:
            return Rejected(new, second)
        held.finish()
        return Compared(first, second, sides.difference())


class _Sides:
    """What is known of the records of both files."""

    def __init__(self, before: Buckets, after: Buckets, held: ValueCrew) -> None:
        self._before = before
        self._after = after
        self._held = held
        self._packing = Packing()
        self._seen = DigestSet()

    def learn(self, checked: Checked, _place: Place, kept: list[int]) -> None:
        """Keep records of the old file."""
        self._keep(self._before, checked, kept)
        for index in kept:
            self._seen.add_new([_as_it_stands(checked, index)])

    def meet(self, checked: Checked, _place: Place, kept: list[int]) -> None:
        """Keep records of the new file; of those that were the same in the old one, only whose."""
        other = []
        for index in kept:
            if _as_it_stands(checked, index) in self._seen:
                self._after.add(checked.people[index])
            else:
                other.append(index)
        self._keep(self._after, checked, other)

    def difference(self) -> Difference:
        """Compare what was kept."""
        found = Difference()
        for old, new in zip(self._before, self._after, strict=True):
            compare(self._packing, old, new, found)
        return found

    def _keep(self, side: Buckets, checked: Checked, records: list[int]) -> None:
        people = [(checked.people[index], checked.traits[index].group) for index in records]

        def pack(values: list[dict[str, int]]) -> None:
            for (person, group), held in zip(people, values, strict=True):
                side.add(self._packing.pack(person, group, held))

        self._held.read(checked.chunk, records, pack)


def _as_it_stands(checked: Checked, index: int) -> int:
    """A person with their record, byte for byte."""
    return hash(checked.people[index] + checked.contents[index]) or 1
