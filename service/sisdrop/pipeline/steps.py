"""What every stage does the same way: commit a state, tell of it, count it, tidy up, time it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypedDict

from sisdrop.delivery.remote import final_name
from sisdrop.guard import History
from sisdrop.log import Log, LogEvent, counts_keys
from sisdrop.metrics import Outcome
from sisdrop.model import Counts, FileRow, Stage, State
from sisdrop.pipeline.desk import Desk
from sisdrop.pipeline.kit import Kit, StreamPolicy
from sisdrop.pipeline.tidying import Tidying
from sisdrop.precedence import stronger
from sisdrop.states import FINAL

SERVICE = "sisdrop"

_OUTCOMES = {
    State.REJECTED: Outcome.REJECTED,
    State.HELD: Outcome.HELD,
    State.DUPLICATE: Outcome.DUPLICATE,
    State.SUPERSEDED: Outcome.SUPERSEDED,
}
_EVENTS = {
    State.REFINED: LogEvent.FILE_REFINED,
    State.QUEUED: LogEvent.FILE_QUEUED,
    State.DELIVERED: LogEvent.FILE_DELIVERED,
    State.ARCHIVED: LogEvent.FILE_ARCHIVED,
    State.REJECTED: LogEvent.FILE_REJECTED,
    State.HELD: LogEvent.FILE_HELD,
    State.DUPLICATE: LogEvent.FILE_DUPLICATE,
    State.SUPERSEDED: LogEvent.FILE_SUPERSEDED,
}
# After these states no bytes of the file stay in `work/`, and its reports stand on the share.
_MOVED_ON_THE_SHARE = frozenset(
    {State.QUEUED, State.HELD, State.REJECTED, State.DUPLICATE, State.SUPERSEDED}
)
# A person may want to look at these.
_LOUD = frozenset({State.REJECTED, State.HELD})


class Telling(TypedDict, total=False):
    """How a change is told: who did it, and a note for the audit trail."""

    actor: str
    note: str | None


class Steps:
    """The common ground of the stages.

    `deciding` is held by whoever decides between files (guard, approval, supersession), so that
    two decisions never rest on the same past. `unsettled` holds the ids of claimed files that
    changed after they were read.
    """

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.desk = Desk(kit)
        self.deciding = threading.RLock()
        self.unsettled: set[str] = set()
        self.tidying = Tidying(kit, self.desk)

    def policy(self, row: FileRow) -> StreamPolicy:
        """What the settings say about the file's stream; the last stream's word if it is gone."""
        streams = self.kit.streams
        return streams.get(row.stream) or list(streams.values())[-1]

    def history(self, row: FileRow) -> History:
        """What was sent before in the file's stream."""
        ledger, rehearsal = self.kit.ledger, self.kit.rehearsal
        last = ledger.last_sent(row.stream, rehearsal=rehearsal)
        return History(
            last,
            ledger.sent_with_content(row.stream, row.content or "", rehearsal=rehearsal),
            ledger.last_loaded(row.stream, rehearsal=rehearsal) or last,
        )

    def winners(self, row: FileRow) -> list[FileRow]:
        """The newest files of the streams to which people are left, the strongest stream first."""
        ledger, rehearsal = self.kit.ledger, self.kit.rehearsal
        full = {
            name: (policy.order, policy.limits.full) for name, policy in self.kit.streams.items()
        }
        streams = stronger(self.policy(row).order, full)
        found = (ledger.last_sent(name, rehearsal=rehearsal) for name in streams)
        return [winner for winner in found if winner is not None]

    def enter(self, row: FileRow, to: State, told: Telling | None = None, **set_: Any) -> FileRow:
        """Commit a state, tell of it, and bring the disk in line.

        If killed here: after the commit, the next start tidies.

        Raises:
            Overtaken: if the file is no longer in the state that `row` says.
        """
        moved = self.commit(row, to, told, **set_)
        self.follow(row, moved)
        return moved

    def commit(self, row: FileRow, to: State, told: Telling | None = None, **set_: Any) -> FileRow:
        """Only commit a state; `follow` must come after.

        Raises:
            Overtaken: if the file is no longer in the state that `row` says.
        """
        told = told or {}
        now = self.kit.clock.utc()
        if to in FINAL:
            set_ |= {"filed_at": now, "folder": self.kit.archive.place(row.id, now)}
        actor, note = told.get("actor", SERVICE), told.get("note")
        return self.kit.ledger.move(row, to, now, actor, note, **set_)

    def follow(self, before: FileRow, row: FileRow) -> None:
        """Tell of a state that was committed, count it, and bring the disk in line.

        Where the share needs nothing it is not touched: the delivery runs beside the event loop
        of the health pages, and a share may hang.
        """
        self._tell(row)
        if row.state in _OUTCOMES:
            self.kit.metrics.file_finished(row.stream, _OUTCOMES[row.state])
        moved = row.state in _MOVED_ON_THE_SHARE and before.state is not State.DELIVERING
        if moved or (before.state is State.REFINED and row.state in FINAL):
            self.tidying.add(row.id)
            self.tidying.run()
        elif row.state in FINAL:
            self.tidying.file_away(row)

    def next_name(self, row: FileRow) -> tuple[datetime, str]:
        """The time and name under which a file goes out next.

        Later than every time given before, so that names sort as files are meant to load.
        """
        now = self.kit.clock.utc().replace(microsecond=0)
        last = self.kit.ledger.newest_remote_time()
        time = now if last is None else max(now, last + timedelta(seconds=1))
        order, digest = self.policy(row).order, row.bundle_sha256 or ""
        return time, final_name(self.kit.name, time, order, row.stream, digest)

    def call_off(self, row: FileRow, why: str) -> FileRow:
        """Do not send again what waits for it: it stays as it went out before. Only committed."""
        *earlier, last = row.earlier
        return self.commit(
            row,
            State.ARCHIVED,
            Telling(note=why),
            earlier=tuple(earlier),
            remote_name=last.remote_name,
            remote_time=last.remote_time,
            delivered_at=last.delivered_at,
            taken_as=last.taken_as,
            pickup=last.pickup,
            pickup_at=last.pickup_at,
        )

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Time a stage, whatever comes of it."""
        begun = self.kit.clock.monotonic()
        try:
            yield
        finally:
            self.kit.metrics.stage_took(stage, self.kit.clock.monotonic() - begun)

    def log_of(self, row: FileRow) -> Log:
        """A logger that knows which file it speaks of."""
        return self.kit.log.bind(file_id=row.id, stream=row.stream)

    def _tell(self, row: FileRow) -> None:
        log = self.log_of(row).bind(reason=row.reason).bind(**counts_keys(row.counts or Counts()))
        approved = row.state is State.REFINED and row.approval is not None
        if row.state in _EVENTS and not approved:
            (log.warning if row.state in _LOUD else log.info)(_EVENTS[row.state])
        if row.state in FINAL:
            log.info(
                LogEvent.FILE_FINISHED,
                state=row.state,
                size=row.signature.size,
                sha256=row.sha256 or "",
                seconds=(row.since - row.claimed_at).total_seconds(),
                attempts=row.attempts,
                remote_name=row.remote_name,
                rehearsed=row.rehearsed,
            )
