"""Tells on the terminal what becomes of each file: one sentence for each step that matters."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sisdrop import words
from sisdrop.inbox.names import share_name
from sisdrop.ledger import Ledger
from sisdrop.model import Event, FileRow, State
from sisdrop.plain import sentence
from sisdrop.situation import Situation
from sisdrop.states import FINAL, OPEN
from sisdrop.story import count_text

RECENT = 50
LONG = timedelta(seconds=4)
# A sentence and the style in which a terminal shows it.
Said = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One step: when it was, of which file, the sentence, and how it should look."""

    at: datetime
    file: str
    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of the demo as a person would type them."""

    inbox: str
    data: str

    def report(self, row: FileRow, folder: str) -> str:
        """Where the report beside a file lies on the share."""
        return f"{self.inbox}/{folder}/{share_name(row.name, row.id, '.report.html')}"


def step(event: Event, row: FileRow, places: Places) -> Said | None:
    """What to say of one event; None for steps that nobody waits for."""
    saying = _SAYINGS.get(event.to_state)
    return None if saying is None else saying(event, row, places)


def _claimed(event: Event, _row: FileRow, _places: Places) -> Said:
    if event.from_state is None:
        return "taken from the inbox", ""
    return "has changed, so it is read again", "yellow"


def _refined(event: Event, row: FileRow, _places: Places) -> Said:
    if event.from_state is State.HELD:
        return f"approved by {event.actor}: {event.note}", "green"
    if row.counts is None or not row.counts.total:
        return "checked: it cannot be used", ""
    return f"checked: {count_text(row.counts)}", ""


def _queued(event: Event, _row: FileRow, _places: Places) -> Said | None:
    if event.from_state is not State.DELIVERING:
        return None
    why = words.REASONS[event.reason].title if event.reason else event.note
    return f"not delivered yet, and tried again by itself: {why}", "yellow"


def _delivered(_event: Event, row: FileRow, _places: Places) -> Said:
    return f"delivered as {row.remote_name}, and verified", "green"


def _held(_event: Event, row: FileRow, places: Places) -> Said:
    report = places.report(row, "held")
    why = row.held_for[0].sentence if row.held_for else words.STATES[State.HELD].meaning
    said = f"HELD, nothing of it is sent until a person says so. {sentence(why)} See {report}"
    return said, "bold yellow"


def _rejected(_event: Event, row: FileRow, places: Places) -> Said:
    report = places.report(row, "rejected")
    return f"REJECTED, nothing of it is sent. {sentence(row.hint or '')} See {report}", "bold red"


def _archived(_event: Event, row: FileRow, places: Places) -> Said:
    return f"archived in {places.data}/{row.folder}", ""


def _duplicate(_event: Event, _row: FileRow, _places: Places) -> Said:
    return "duplicate: the same as the last file, so nothing is sent", "cyan"


def _superseded(_event: Event, row: FileRow, _places: Places) -> Said:
    return f"superseded, not sent. {sentence(row.hint or '')}", "cyan"


_SAYINGS: dict[State, Callable[[Event, FileRow, Places], Said | None]] = {
    State.CLAIMED: _claimed,
    State.REFINED: _refined,
    State.QUEUED: _queued,
    State.DELIVERED: _delivered,
    State.ARCHIVED: _archived,
    State.HELD: _held,
    State.REJECTED: _rejected,
    State.DUPLICATE: _duplicate,
    State.SUPERSEDED: _superseded,
}


class Narrator:
    """Reads the ledger again and again, and tells each event once.

    `files` are the files as last seen, by id. What happened before the demo began is not told.
    """

    def __init__(self, ledger: Ledger, situation: Situation, places: Places) -> None:
        self._ledger = ledger
        self._places = places
        self._situation = situation
        self._told: dict[str, int] = {}
        self._pointed_out: set[str] = set()
        self.files: dict[str, FileRow] = {}
        for row in self._rows():
            self.files[row.id] = row
            self._told[row.id] = len(ledger.events(row.id))

    def news(self, now: datetime) -> list[Line]:
        """What happened since the last look, in the order in which it did."""
        lines: list[Line] = []
        for found in self._rows():
            before = self.files.get(found.id)
            if before is None or before.since != found.since:
                lines += self._tell(found.id)
        return [*sorted(lines, key=lambda line: line.at), *self._waiting(now)]

    def _rows(self) -> Iterable[FileRow]:
        rows = [*self._ledger.in_states(*OPEN), *self._ledger.latest(RECENT, tuple(FINAL))]
        return sorted(rows, key=lambda row: row.id)

    def _tell(self, file_id: str) -> list[Line]:
        """The events come first: the row read after them knows at least as much as they do."""
        events = self._ledger.events(file_id)
        row = self._ledger.get(file_id)
        if row is None:
            return []
        news = events[self._told.get(file_id, 0) :]
        self._told[file_id], self.files[file_id] = len(events), row
        steps = ((event, step(event, row, self._places)) for event in news)
        return [Line(event.at, row.name, *said) for event, said in steps if said is not None]

    def _waiting(self, now: datetime) -> list[Line]:
        """What lies in the inbox for longer than a copy takes, each file pointed out once."""
        moment = self._situation.now()
        old = (found for found in moment.waiting if now - found.since > LONG)
        lines = [
            Line(now, found.file, found.why, "yellow")
            for found in (*moment.unmatched, *old)
            if found.file not in self._pointed_out
        ]
        self._pointed_out.update(line.file for line in lines)
        return lines
