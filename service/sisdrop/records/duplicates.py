"""Tell which identifiers of a file have been seen before, in a few bytes per identifier.

Alma compares identifiers without regard to case, and whatever their label: primary ids and
additional identifiers share one namespace.
"""

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

_SMALLEST = 1024


def normalise(value: str | None) -> str:
    """The form in which two identifiers are the same for Alma; empty for a blank one."""
    return (value or "").strip().casefold()


class DigestSet:
    """A set of 64-bit digests in one packed open-addressing table: 12 to 24 bytes for each.

    A Python set of the same digests takes about 70. Zero marks a free slot, so the digest 0 is
    kept as 1.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _SMALLEST))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, digest: int) -> bool:
        return self._slots[self._find(self._slots, digest or 1)] != 0

    @property
    def size_bytes(self) -> int:
        """What the table takes in memory."""
        return len(self._slots) * self._slots.itemsize

    def add(self, digest: int) -> bool:
        """Take the digest in; tells whether it was new."""
        digest = digest or 1
        slot = self._find(self._slots, digest)
        if self._slots[slot]:
            return False
        self._slots[slot] = digest
        self._count += 1
        if self._count * 3 > len(self._slots) * 2:
            self._grow()
        return True

    @staticmethod
    def _find(slots: "array[int]", digest: int) -> int:
        mask = len(slots) - 1
        slot = digest & mask
        while (found := slots[slot]) and found != digest:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        slots = array("Q", bytes(16 * len(self._slots)))
        for digest in self._slots:
            if digest:
                slots[self._find(slots, digest)] = digest
        self._slots = slots


@dataclass(frozen=True, slots=True)
class Identity:
    """The identifiers of one record, normalised, blank ones left out of `others`."""

    primary: str
    others: tuple[str, ...]

    @classmethod
    def of(cls, primary: str | None, others: Iterable[str | None]) -> "Identity":
        """Normalise what a record carries."""
        return cls(normalise(primary), tuple(v for v in map(normalise, others) if v))

    @property
    def values(self) -> tuple[str, ...]:
        """All of them, the primary one first."""
        return (self.primary, *self.others) if self.primary else self.others

    @property
    def repeats(self) -> bool:
        """Whether one value stands under two labels."""
        return len(set(self.values)) < len(self.values)


class Register:
    """Who has been seen in this file so far, and which identifiers are taken.

    `key` keeps the digests from meaning anything outside this run. `same_person_may_return` must
    be true when a repeated primary id does not leave a record out: only then must the register
    remember whose an identifier is.
    """

    def __init__(self, key: bytes, *, same_person_may_return: bool = False) -> None:
        self._hash = hashlib.blake2b(digest_size=8, key=key)
        self._seen = DigestSet()
        self._taken = DigestSet()
        self._owned = DigestSet() if same_person_may_return else None
        self._last: Identity | None = None
        self._last_digests: list[int] = []

    @property
    def size_bytes(self) -> int:
        """What all tables together take in memory."""
        owned = self._owned.size_bytes if self._owned is not None else 0
        return self._seen.size_bytes + self._taken.size_bytes + owned

    def meet(self, identity: Identity) -> bool:
        """Note that the person occurs; tells whether they did before. Blank ids never did."""
        return bool(identity.primary) and not self._seen.add(self._digests(identity)[0])

    def is_taken(self, identity: Identity) -> bool:
        """Whether a kept record of somebody else carries one of these identifiers."""
        return any(
            digest in self._taken and not self._is_own(value, identity)
            for value, digest in zip(identity.values, self._digests(identity), strict=True)
        )

    def keep(self, identity: Identity) -> None:
        """Note that the record is kept: its identifiers are taken from now on."""
        for value, digest in zip(identity.values, self._digests(identity), strict=True):
            if self._taken.add(digest) and self._owned is not None:
                self._owned.add(self._digest(_owned(value, identity)))

    def _is_own(self, value: str, identity: Identity) -> bool:
        return self._owned is not None and self._digest(_owned(value, identity)) in self._owned

    def _digests(self, identity: Identity) -> list[int]:
        """The digests of an identity's values; those of the last one asked for are at hand."""
        if identity is not self._last:
            self._last = identity
            self._last_digests = [self._digest(value) for value in identity.values]
        return self._last_digests

    def _digest(self, value: str) -> int:
        digest = self._hash.copy()
        digest.update(value.encode())
        return int.from_bytes(digest.digest(), "little")


def _owned(value: str, identity: Identity) -> str:
    # No identifier holds a NUL: XML cannot carry it.
    return f"{value}\0{identity.primary}"
