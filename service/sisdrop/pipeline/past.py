"""What is known of the people of earlier files when a file is read or judged."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from sisdrop import guard
from sisdrop.archive import Archive
from sisdrop.comparison import losses
from sisdrop.log import LogEvent
from sisdrop.model import Change, FileRow, Refined
from sisdrop.pipeline.steps import Steps
from sisdrop.precedence import Precedence
from sisdrop.roster import Roster

# So many files of a stream of changes back it is known what people were last sent with.
MOST_REMEMBERED = 60
_NOT_KEPT = (
    "what people had then is not known, so no incomplete record was kept back; from the next file"
    " on it is known again"
)
_NOT_YIELDED = "who is in it is not known, so nobody was left to it; drop that file again"
_NOT_JUDGED = (
    "what people had then is not known, so nobody looked for fields that they would lose; it is"
    " known again from the next files"
)


@dataclass(frozen=True, slots=True)
class Known:
    """Open rosters for a read: of the file sent last, and of those to which people are left.

    `notes` are sentences about rosters that cannot be used.
    """

    earlier: Roster | None = None
    precedence: Precedence | None = None
    winners: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Opening:
    """Rosters that are opened, and what is to be said of those that are not."""

    archive: Archive
    key: str
    rosters: ExitStack
    notes: dict[str, str] = field(default_factory=dict)

    def open(self, row: FileRow, which: str, otherwise: str) -> Roster | None:
        """A roster of our key; None, and a note, where there is none."""
        roster = self.archive.roster(row)
        if roster is not None:
            self.rosters.enter_context(roster)
            if roster.key_id == self.key:
                return roster
        why = "is missing or damaged" if roster is None else "was made with another roster.key"
        self.notes[row.id] = f"The roster of {which} {why}: {otherwise}."
        return None


class Past:
    """Looks up the rosters of earlier files."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._kit = steps.kit

    @contextmanager
    def known(self, row: FileRow) -> Iterator[Known]:
        """What a read of this file must know; the rosters are open for as long.

        Raises:
            Transient, NeedsOperator: if the data volume cannot be used.
        """
        with ExitStack() as rosters:
            opening = _Opening(self._kit.archive, self._kit.roster_key, rosters)
            earlier = self._earlier(row, opening)
            winners = self._steps.winners(row)
            listings = {}
            for winner in winners:
                which = f"the newest file of {winner.stream} ({winner.id})"
                roster = opening.open(winner, which, _NOT_YIELDED)
                listings[winner.stream] = [roster] if roster is not None else []
            for file_id, note in opening.notes.items():
                log = self._steps.log_of(row)
                log.warning(LogEvent.ROSTER_UNKNOWN, other_id=file_id, hint=note)
            yield Known(
                earlier,
                Precedence(listings) if listings else None,
                tuple(winner.id for winner in winners),
                tuple(opening.notes.values()),
            )

    def _earlier(self, row: FileRow, opening: _Opening) -> Roster | None:
        """Of the file sent last, where it decides what is left out or held."""
        is_full, keeps = self._steps.policy(row).limits.full, self._kit.keeps_alma
        last = None if is_full and not keeps else self._steps.history(row).loaded
        if last is None:
            return None
        otherwise = _NOT_KEPT if keeps else _NOT_JUDGED
        roster = opening.open(last, f"the last file ({last.id})", otherwise)
        return roster if keeps else None

    def losses(self, row: FileRow, refined: Refined) -> Change | None:
        """What a file of changes would erase of what its people were last sent with.

        None where so few people are in it, or known, that nothing follows.
        """
        if refined.profile.records < guard.MIN_RECORDS_CHANGED:
            return None
        sent = self._kit.ledger.newest_sent(
            row.stream, MOST_REMEMBERED, rehearsal=self._kit.rehearsal
        )
        with ExitStack() as rosters:
            found = (self._kit.archive.roster(one) for one in (row, *sent))
            opened = [rosters.enter_context(one) for one in found if one is not None]
            ours = [one for one in opened if one.key_id == self._kit.roster_key]
            return losses(ours[0], ours[1:]) if len(ours) > 1 else None

    def is_outdated(self, row: FileRow, refined: Refined) -> bool:
        """Whether people would now be left to other files than those it was read with."""
        winners = tuple(winner.id for winner in self._steps.winners(row))
        return refined.fatal is None and refined.winners != winners
