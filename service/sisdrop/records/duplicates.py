"""Tell which identifiers of a file have been seen before, in a few bytes per identifier.

Alma compares identifiers without regard to case, and whatever their label: primary ids and
additional identifiers share one namespace. They come here in the form of `facts.comparable`.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SMALLEST = 1024


def digests(values: Iterable[str]) -> list[int]:
    """64 bits for each identifier, never 0; they mean nothing outside this process.

    Python's own hash of a text is SipHash under a key that is drawn at its start (PEP 456), so
    nobody can choose identifiers that collide. Among four million the odds of any two doing so
    by chance are one in two million.
    """
    return [hash(value) or 1 for value in values]


class DigestSet:
    """A set of 64-bit digests in one packed open-addressing table: 12 to 24 bytes for each.

    A Python set of the same digests takes about 70. Zero marks a free slot.
    """

    def __init__(self) -> None:
        self._slots = array("q", bytes(8 * _SMALLEST))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, digest: int) -> bool:
        slots = self._slots
        mask = len(slots) - 1
        slot = digest & mask
        while (found := slots[slot]) and found != digest:
            slot = (slot + 1) & mask
        return found != 0

    @property
    def size_bytes(self) -> int:
        """What the table takes in memory."""
        return len(self._slots) * self._slots.itemsize

    def add_new(self, digests: Sequence[int]) -> list[int] | None:
        """Take the digests in if all are new and differ: gives the slots filled, for `undo`.

        Otherwise takes none and gives None.
        """
        self._make_room(len(digests))
        slots = self._slots
        mask = len(slots) - 1
        filled: list[int] = []
        for digest in digests:
            slot = digest & mask
            while found := slots[slot]:
                if found == digest:
                    self._count += len(filled)
                    self.undo(filled)
                    return None
                slot = (slot + 1) & mask
            slots[slot] = digest
            filled.append(slot)
        self._count += len(filled)
        return filled

    def undo(self, filled: list[int]) -> None:
        """Take back what was added last; nothing may have been added since."""
        for slot in filled:
            self._slots[slot] = 0
        self._count -= len(filled)

    def _make_room(self, more: int) -> None:
        """Keep a third of the slots free."""
        size = len(self._slots)
        while (self._count + more) * 3 > size * 2:
            size *= 2
        if size == len(self._slots):
            return
        # Not from bytes, which would lie beside it while it is made.
        slots = array("q", (0,)) * size
        mask = size - 1
        for digest in self._slots:
            if digest:
                slot = digest & mask
                while slots[slot]:
                    slot = (slot + 1) & mask
                slots[slot] = digest
        self._slots = slots


@dataclass(frozen=True, slots=True)
class Identity:
    """The identifiers of one record, comparable, blank ones left out of `others`."""

    primary: str
    others: tuple[str, ...]

    @classmethod
    def read(cls, line: str) -> "Identity":
        """What a line of identifiers says: the primary one first, tabs between."""
        primary, *others = line.split("\t")
        return cls(primary, tuple(value for value in others if value))

    @property
    def values(self) -> tuple[str, ...]:
        """All of them, each once, the primary one first."""
        return tuple(dict.fromkeys((self.primary, *self.others) if self.primary else self.others))

    @property
    def repeats(self) -> bool:
        """Whether one value stands under two labels."""
        return len(self.values) < len(self.others) + bool(self.primary)


class Register:
    """Who has been seen in this file so far, and which identifiers are taken.

    `same_person_may_return` must be true when a repeated primary id does not leave a record out:
    only then must the register remember whose an identifier is.
    """

    def __init__(self, *, same_person_may_return: bool = False) -> None:
        self._seen = DigestSet()
        self._taken = DigestSet()
        self._owned = DigestSet() if same_person_may_return else None

    @property
    def size_bytes(self) -> int:
        """What all tables together take in memory."""
        owned = self._owned.size_bytes if self._owned is not None else 0
        return self._seen.size_bytes + self._taken.size_bytes + owned

    def take_all(self, identities: list[str]) -> bool:
        """Meet and keep a run of records if nothing in them was met before; else touch nothing.

        A value that a record repeats counts as met, too.
        """
        if self._owned is not None:
            return False
        values = "\t".join(identities).split("\t")
        taken = self._taken.add_new(digests(filter(None, values)))
        if taken is None:
            return False
        primaries = (line.partition("\t")[0] for line in identities)
        if self._seen.add_new(digests(filter(None, primaries))) is None:
            self._taken.undo(taken)
            return False
        return True

    def meet(self, identity: Identity) -> bool:
        """Note that the person occurs; tells whether they did before. Blank ids never did."""
        return bool(identity.primary) and self._seen.add_new(digests([identity.primary])) is None

    def is_taken(self, identity: Identity) -> bool:
        """Whether a kept record of somebody else carries one of these identifiers."""
        return any(
            digest in self._taken and not self._is_own(value, identity)
            for value, digest in zip(identity.values, digests(identity.values), strict=True)
        )

    def keep(self, identity: Identity) -> None:
        """Note that the record is kept: its identifiers are taken from now on."""
        for value, digest in zip(identity.values, digests(identity.values), strict=True):
            if self._taken.add_new([digest]) is not None and self._owned is not None:
                self._owned.add_new(digests([_owned(value, identity)]))

    def _is_own(self, value: str, identity: Identity) -> bool:
        return self._owned is not None and digests([_owned(value, identity)])[0] in self._owned


def _owned(value: str, identity: Identity) -> str:
    # No identifier holds a tab: it separates them.
    return f"{value}\t{identity.primary}"
