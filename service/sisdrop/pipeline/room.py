"""Whether the data volume has room for one file more, asked before the file is taken.

What is under way, what people decide and the ledger need room to go on, and a full volume would
stop them all: so nothing new is taken while there is still some.
"""

from collections.abc import Iterable

from sisdrop.errors import Reason, Transient
from sisdrop.model import Candidate, FileRow, State
from sisdrop.pipeline.kit import Kit
from sisdrop.plain import number
from sisdrop.units import MIB

# For the ledger, reports, rosters and whatever else is written beside zips and originals.
RESERVE = 64 * MIB
# A zip and a copy of the original, at worst as large as what was dropped.
_COPIES = 2


class Room:
    """Looks at the free space of the data volume."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def require(self, candidates: Iterable[Candidate]) -> None:
        """Let the claim of any of these pass.

        Raises:
            Transient: `data_full` while the largest of them might not fit.
        """
        largest = max((candidate.signature.size for candidate in candidates), default=0)
        under_way = self._kit.ledger.in_states(State.CLAIMED, State.REFINED, State.HELD)
        free, needed = self._kit.archive.free(), room_needed(largest, under_way)
        if free < needed:
            raise Transient(
                Reason.DATA_FULL,
                f"the data volume has {_mebibytes(free)} left, and the next file is taken when it"
                f" has {_mebibytes(needed)}; free space or enlarge it",
                {"free": free, "needed": needed},
            )


def room_needed(largest: int, under_way: Iterable[FileRow]) -> int:
    """Bytes that must be free for a file of such a size, and for those that came before it."""
    waiting = sum(
        row.signature.size * (1 if row.state is State.HELD else _COPIES) for row in under_way
    )
    return RESERVE + _COPIES * largest + waiting


def _mebibytes(size: int) -> str:
    return f"{number(size // MIB)} MiB"
