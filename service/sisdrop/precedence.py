"""Who yields to whom: a person whom a stream of higher precedence lists is left out of the others.

Pure. Which file the receiver loads last is not in our hands, and an unchanged file is not sent
again, so order cannot decide; the bytes do.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Listing(Protocol):
    """The people of a file, known by their digests."""

    def find(self, person: bytes) -> object | None:
        """What is known of a person; None for one whom the file does not list."""
        ...


@dataclass(frozen=True, slots=True)
class Precedence:
    """The newest files of the streams to which people are left, the strongest stream first."""

    listings: Mapping[str, Sequence[Listing]]

    def winner(self, person: bytes) -> str | None:
        """The stream to which a person is left, if to any."""
        for stream, listings in self.listings.items():
            if any(listing.find(person) is not None for listing in listings):
                return stream
        return None

    def winners(self, people: Collection[bytes]) -> dict[int, str]:
        """The streams to which some of these people are left, by the person's place."""
        if not self.listings:
            return {}
        found = ((place, self.winner(person)) for place, person in enumerate(people))
        return {place: stream for place, stream in found if stream is not None}


def stronger(order: int, full: Mapping[str, tuple[int, bool]]) -> list[str]:
    """The streams of full files that come before one of this order, the strongest first.

    `full` tells of each stream its order and whether its files list everybody: who is not in a
    file of changes may be listed all the same.
    """
    ranked = sorted(((rank, name) for name, (rank, whole) in full.items() if whole), reverse=True)
    return [name for rank, name in ranked if rank > order]
