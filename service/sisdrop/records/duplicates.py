"""Tell which identifiers of a file have been seen before, in a few bytes per identifier.

Alma compares identifiers without regard to case, and whatever their label: primary ids and
additional identifiers share one namespace. They come here in the form of `facts.comparable`.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SMALLEST = 1024
# A table below this size is made four times as large at once, since each time costs a walk.
_LARGE = 1 << 20
_BITS = (1 << 61) - 1
# Flags of what a register knows: the primary id of a record so far; an identifier of a kept one.
_MET, _TAKEN = 1 << 61, 1 << 62


def digests(values: Iterable[str], flags: int = 0) -> list[int]:
    """61 bits for each identifier, and flags above them; they mean nothing outside this process.

    Python's own hash of a text is SipHash under a key that is drawn at its start (PEP 456), so
    nobody can choose identifiers that collide. Among four million the odds of any two doing so
    by chance are one in 290,000. With flags, or by chance but once in 2^61, they are not 0.
    """
    return [hash(value) & _BITS | flags or 1 for value in values]


class DigestSet:
    """A set of 64-bit digests in one packed open-addressing table: 12 to 24 bytes for each.

    While the table is small, up to 8 MiB, it may be up to 48. A Python set takes about 70. Zero
    marks a free slot. `significant` are the bits by which two digests are the same; what stands in
    the others, the highest, are flags.
    """

    def __init__(self, significant: int = -1) -> None:
        self._slots = array("q", bytes(8 * _SMALLEST))
        self._count = 0
        self._significant = significant

    def __len__(self) -> int:
        return self._count

    def __contains__(self, digest: int) -> bool:
        return self.find(digest) != 0

    def find(self, digest: int) -> int:
        """The digest as it stands in the set, with its flags; 0 if it is not there."""
        return self._slots[self._slot_of(digest)]

    def flag(self, digest: int) -> int:
        """Add the flags of a digest to what stands there; gives what stood there before, or 0."""
        self._make_room(1)
        slot = self._slot_of(digest)
        found = self._slots[slot]
        self._slots[slot] = found | digest
        self._count += not found
        return found

    def _slot_of(self, digest: int) -> int:
        """Where a digest stands, or would stand."""
        slots, significant = self._slots, self._significant
        mask = len(slots) - 1
        slot = digest & mask
        while (found := slots[slot]) and (found ^ digest) & significant:
            slot = (slot + 1) & mask
        return slot

    @property
    def size_bytes(self) -> int:
        """What the table takes in memory."""
        return len(self._slots) * self._slots.itemsize

    def add_new(self, digests: Sequence[int]) -> list[int] | None:
        """Take the digests in if all are new and differ: gives the slots filled, for `undo`.

        Otherwise takes none and gives None.
        """
        self._make_room(len(digests))
        slots, significant = self._slots, self._significant
        mask = len(slots) - 1
        filled: list[int] = []
        for digest in digests:
            slot = digest & mask
            while found := slots[slot]:
                if not (found ^ digest) & significant:
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
            size *= 2 if size >= _LARGE else 4
        if size == len(self._slots):
            return
        # Not from bytes, which would lie beside it while it is made.
        slots = array("q", (0,)) * size
        mask = size - 1
        for digest in filter(None, self._slots):
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
    def read(cls, primary: str, others: str) -> "Identity":
        """What is said of a record: the primary one, and a line of others with tabs between."""
        return cls(primary, tuple(filter(None, others.split("\t"))))

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
        self._known = DigestSet(_BITS)
        self._owned = DigestSet() if same_person_may_return else None

    @property
    def size_bytes(self) -> int:
        """What all tables together take in memory."""
        owned = self._owned.size_bytes if self._owned is not None else 0
        return self._known.size_bytes + owned

    def take_all(self, primaries: list[str], others: list[str]) -> bool:
        """Meet and keep a run of records if nothing in them was met before; else touch nothing.

        Each of `others` is a line, with a tab before each identifier. A value that a record
        repeats counts as met, too.
        """
        if self._owned is not None:
            return False
        new = digests(filter(None, primaries), _MET | _TAKEN)
        new += digests(filter(None, "".join(others).split("\t")), _TAKEN)
        return self._known.add_new(new) is not None

    def meet(self, identity: Identity) -> bool:
        """Note that the person occurs; tells whether they did before. Blank ids never did."""
        if not identity.primary:
            return False
        (digest,) = digests([identity.primary], _MET)
        return bool(self._known.flag(digest) & _MET)

    def is_taken(self, identity: Identity) -> bool:
        """Whether a kept record of somebody else carries one of these identifiers."""
        return any(
            self._known.find(digest) & _TAKEN and not self._is_own(value, identity)
            for value, digest in zip(identity.values, digests(identity.values), strict=True)
        )

    def keep(self, identity: Identity) -> None:
        """Note that the record is kept: its identifiers are taken from now on."""
        flagged = digests(identity.values, _TAKEN)
        for value, digest in zip(identity.values, flagged, strict=True):
            if not self._known.flag(digest) & _TAKEN and self._owned is not None:
                self._owned.add_new(digests([_owned(value, identity)]))

    def _is_own(self, value: str, identity: Identity) -> bool:
        return self._owned is not None and digests([_owned(value, identity)])[0] in self._owned


def _owned(value: str, identity: Identity) -> str:
    # No identifier holds a tab: it separates them.
    return f"{value}\t{identity.primary}"
