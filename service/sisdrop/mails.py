"""Which mails are owed, and that each is sent: nothing is told twice without need, nothing is lost.

A mail is owed from the moment at which its event is in the ledger. What was told is remembered
there as well, so a crash between the two repeats one mail and loses none.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sisdrop import letters
from sisdrop.arrivals import standing
from sisdrop.bundle import entry_name
from sisdrop.errors import ServiceError
from sisdrop.ledger import Ledger
from sisdrop.letters import Letter, MailFailed, MailRefused
from sisdrop.log import Log, LogEvent
from sisdrop.metrics import MailResult
from sisdrop.model import Entry, FileRow, Pickup, State, Verdict
from sisdrop.pipeline.desk import report_of
from sisdrop.pipeline.kit import Kit
from sisdrop.pipeline.verdict import NOTHING_READ
from sisdrop.settings import Occasion

# What is remembered in the ledger: the number of the last event that was told (empty where no
# mails are sent), and which absences and overdue zips were.
_TOLD_EVENT: Final = "mail_told_event"
_TOLD_OVERDUE: Final = "mail_told_overdue"
_AT_ONCE: Final = 200
LOOK_EVERY: Final = 5.0
_FIRST_WAIT: Final = 30.0
_LONGEST_WAIT: Final = 900.0
_VERDICTS: Final = {
    State.HELD: (Occasion.HELD, Verdict.HELD),
    State.REJECTED: (Occasion.REJECTED, Verdict.REJECTED),
    State.DELIVERED: (Occasion.DELIVERED, Verdict.ACCEPTED),
}

Send = Callable[[Letter], Collection[str]]


@dataclass(frozen=True, slots=True)
class Owed:
    """A mail that is owed, and what is to be remembered once it is sent."""

    letter: Letter
    remember: Mapping[str, str]


class Mails:
    """Looks for what has to be told, and tells it in order.

    A mail that the server does not take now keeps the later ones back; one that it will never take
    is given up.
    """

    def __init__(self, kit: Kit, send: Send, on: Collection[Occasion]) -> None:
        self._kit = kit
        self._send = send
        self._on = frozenset(on)
        self._wait = _FIRST_WAIT
        self._failing = ""

    def begin(self) -> None:
        """Where mails were not sent until now, what happened before is not told."""
        ledger = self._kit.ledger
        if not ledger.recall(_TOLD_EVENT):
            ledger.remember(_TOLD_EVENT, str(ledger.last_event()))

    def look(self) -> float:
        """Send what is owed; gives the seconds after which to look again.

        If killed here: the mail under way is sent once more.

        Raises:
            Transient, NeedsOperator: if the ledger cannot be used.
        """
        self.begin()
        newest = self._kit.ledger.last_event()
        owed = list(self._owed(self._kit.clock.utc()))
        for place, one in enumerate(owed):
            self._kit.metrics.set_mails_waiting(len(owed) - place)
            if not self._tell(one):
                wait, self._wait = self._wait, min(self._wait * 2, _LONGEST_WAIT)
                return wait
        self._kit.metrics.set_mails_waiting(0)
        self._wait = _FIRST_WAIT
        # What needed no mail need not be looked at again.
        if newest > self._told_event():
            self._kit.ledger.remember(_TOLD_EVENT, str(newest))
        return LOOK_EVERY

    def _tell(self, owed: Owed) -> bool:
        """Send one mail; whether it is done with."""
        try:
            refused = self._send(owed.letter)
        except MailFailed as error:
            self._failed(owed, f"{error}; it is tried again")
            return False
        except MailRefused as error:
            self._failed(owed, f"{error}; it is given up")
        else:
            self._sent(owed, len(refused))
        for key, value in owed.remember.items():
            self._kit.ledger.remember(key, value)
        return True

    def _failed(self, owed: Owed, hint: str) -> None:
        """Count it, and tell it unless it is what was told last."""
        self._kit.metrics.mail(MailResult.FAILED)
        if self._failing != hint:
            self._log_of(owed).error(LogEvent.MAIL_FAILED, hint=hint)
            self._failing = hint

    def _sent(self, owed: Owed, refused: int) -> None:
        self._kit.metrics.mail(MailResult.SENT)
        self._log_of(owed).info(LogEvent.MAIL_SENT)
        self._failing = ""
        if refused:
            hint = f"the server refuses {refused} of the receivers and took it for the others"
            self._log_of(owed).warning(LogEvent.MAIL_FAILED, hint=hint)

    def _log_of(self, owed: Owed) -> Log:
        log, file_id = self._kit.log, owed.letter.file_id
        return log if file_id is None else log.bind(file_id=file_id)

    def _owed(self, now: datetime) -> Iterator[Owed]:
        ledger = self._kit.ledger
        told = self._told_event()
        while entries := ledger.events_after(told, _AT_ONCE):
            for entry in entries:
                letter = self._about(entry)
                told = entry.number
                if letter is not None:
                    yield Owed(letter, {_TOLD_EVENT: str(told)})
        if Occasion.OVERDUE in self._on:
            yield from self._overdue(now)

    def _told_event(self) -> int:
        return int(self._kit.ledger.recall(_TOLD_EVENT) or 0)

    def _about(self, entry: Entry) -> Letter | None:
        """What there is to say of an event, if anything."""
        event = entry.event
        occasion, verdict = _VERDICTS.get(event.to_state, (None, Verdict.ACCEPTED))
        row = self._kit.ledger.get(entry.file_id)
        if occasion not in self._on or row is None:
            return None
        # Somebody has decided meanwhile, and what came of it is told by another mail.
        if event.to_state is State.HELD and row.state is not State.HELD:
            return None
        try:
            refined = self._kit.archive.load_refined(row)
        except (OSError, ValueError, ServiceError):
            refined = replace(NOTHING_READ, counts=row.counts or NOTHING_READ.counts)
        (page, _) = self._kit.share.reports(row.id, row.name)
        return letters.about_file(
            f"{row.id}.{entry.number}",
            event.at,
            report_of(row, refined, verdict, event.at),
            str(page.relative_to(self._kit.share.inbox)),
            entry_name(row.name, row.id),
        )

    def _overdue(self, now: datetime) -> Iterator[Owed]:
        """The files that have not come, and the zips that Alma has not fetched; each once."""
        told = set(json.loads(self._kit.ledger.recall(_TOLD_OVERDUE) or "[]"))
        found = dict(self._absences(now)) | dict(self._pickups(now))
        # What has come since can be told again when it fails to come the next time.
        still = told & found.keys()
        for key, letter in found.items():
            if key not in told:
                still.add(key)
                yield Owed(letter, {_TOLD_OVERDUE: json.dumps(sorted(still))})

    def _absences(self, now: datetime) -> Iterator[tuple[str, Letter]]:
        for number, (name, policy) in enumerate(self._kit.streams.items()):
            stands = standing(self._kit.ledger, name, policy.expect, now)
            if stands.is_overdue(now):
                since = stands.last_came
                begin = since or stands.watched_since
                key = f"absent.{number}.{begin:%Y%m%dT%H%M%S}" if begin else f"absent.{number}"
                yield key, letters.about_absence(key, now, name, since)

    def _pickups(self, now: datetime) -> Iterator[tuple[str, Letter]]:
        for row in self._kit.ledger.awaiting_pickup():
            if row.pickup is Pickup.OVERDUE:
                key = f"pickup.{row.id}"
                yield key, letters.about_pickup(key, now, row, _entry(row))


def _entry(row: FileRow) -> str:
    return entry_name(row.name, row.id)


def owe_nothing(ledger: Ledger) -> None:
    """Where no mails are sent: when they are again, what happened until then is not told."""
    if ledger.recall(_TOLD_EVENT):
        ledger.remember(_TOLD_EVENT, "")
