"""What a folder says of its file when the ledger knows less: a table. Pure.

Each folder carries a copy of its file's row, written before the ledger enters a state. So a copy
that is ahead of the ledger is nothing unusual after a crash, and then the bytes of the file still
lie on the share where they were. Where they do not, the ledger was restored from an older copy, or
is new.
"""

from dataclasses import dataclass, replace

from sisdrop.model import FileRow, State
from sisdrop.states import FINAL


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder's copy of its row, and whether the folder is filed or under way."""

    row: FileRow
    filed: bool


def to_adopt(
    kept: Kept, known: FileRow | None, *, in_work: bool = False, in_held: bool = False
) -> FileRow | None:
    """The row that the ledger has to take over from a folder; None if it has not.

    `known` is what the ledger says; `in_work` and `in_held` say that the bytes of the file lie in
    the folder of that name on the share.
    """
    if kept.filed:
        return kept.row if _is_behind(kept.row, known) else None
    match known.state if known is not None else None:
        case None if in_work:
            # Whether the copy came true is not known; it is judged once more.
            return replace(kept.row, state=State.REFINED, held_for=(), reason=None, hint=None)
        case None:
            return _going_on(kept.row)
        # An approved file lies in `held/` until it is judged again.
        case State.CLAIMED | State.REFINED if not (in_work or in_held):
            return _going_on(kept.row)
        case State.HELD if kept.row.state is not State.HELD and not in_held:
            return _going_on(kept.row)
        case _:
            return None


def _is_behind(kept: FileRow, known: FileRow | None) -> bool:
    """Whether the ledger does not know yet that the file was filed, or filed again."""
    if kept.state not in FINAL or kept.filed_at is None:
        return False
    if known is None or known.filed_at is None:
        return True
    # One that is to be sent again is not filed while it waits, and keeps its old time.
    return known.state in FINAL and known.filed_at < kept.filed_at


def _going_on(kept: FileRow) -> FileRow:
    """The file goes on where it stood; whether it was sent meanwhile is asked of the server."""
    return replace(kept, in_doubt=True) if kept.state is State.QUEUED else kept
