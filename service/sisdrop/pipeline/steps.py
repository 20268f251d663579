"""What every stage does the same way: commit a state, tell of it, count it, tidy up, time it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypedDict

from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.guard import History
from sisdrop.log import Log, LogEvent, counts_keys
from sisdrop.metrics import Outcome
from sisdrop.model import Counts, FileRow, Stage, State
from sisdrop.pipeline.desk import Desk
from sisdrop.pipeline.kit import Kit, StreamPolicy
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
    changed after they were read. While `share_known` is false, nothing is written on what stands
    in the share's place.
    """

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.desk = Desk(kit)
        self.deciding = threading.RLock()
        self.unsettled: set[str] = set()
        self.share_known = True
        self._untidy: dict[str, FileRow] = {}
        self._tidying = threading.Lock()

    def policy(self, row: FileRow) -> StreamPolicy:
        """What the settings say about the file's stream; the last stream's word if it is gone."""
        streams = self.kit.streams
        return streams.get(row.stream) or list(streams.values())[-1]

    def history(self, row: FileRow) -> History:
        """What was sent before in the file's stream."""
        ledger, rehearsal = self.kit.ledger, self.kit.rehearsal
        return History(
            ledger.last_sent(row.stream, rehearsal=rehearsal),
            ledger.sent_with_digest(row.stream, row.sha256 or "", rehearsal=rehearsal),
        )

    def enter(self, row: FileRow, to: State, told: Telling | None = None, **set_: Any) -> FileRow:
        """Commit a state, tell of it, and bring the disk in line.

        If killed here: after the commit, the next start tidies.

        Raises:
            Overtaken: if the file is no longer in the state that `row` says.
        """
        told = told or {}
        now = self.kit.clock.utc()
        if to in FINAL:
            set_ |= {"filed_at": now, "folder": self.kit.archive.place(row.id, now)}
        actor, note = told.get("actor", SERVICE), told.get("note")
        moved = self.kit.ledger.move(row, to, now, actor, note, **set_)
        self._tell(moved)
        if to in _OUTCOMES:
            self.kit.metrics.file_finished(moved.stream, _OUTCOMES[to])
        self.desk.tidy_data(moved)
        if to in _MOVED_ON_THE_SHARE:
            self._untidy[moved.id] = moved
            self.tidy()
        return moved

    def tidy(self) -> None:
        """Bring the share in line with every state that was entered; what fails is kept for later.

        A share that is gone stops nothing that does not need it.
        """
        if not self.share_known:
            return
        with self._tidying:
            for file_id, row in list(self._untidy.items()):
                try:
                    self.desk.tidy_share(row)
                except (Transient, NeedsOperator) as error:
                    self.kit.log.warning(
                        LogEvent.SHARE_UNTIDY, reason=error.reason, hint=error.hint, file_id=file_id
                    )
                else:
                    self._untidy.pop(file_id, None)

    def require_share(self) -> None:
        """Let pass what is about to change the share.

        Raises:
            Transient: `share_gone` while the share is away or another one stands in its place.
        """
        if not self.share_known:
            raise Transient(Reason.SHARE_GONE, "the share is away, or not the one that we know")

    def is_tidy(self, file_id: str) -> bool:
        """Whether the share is known to be in line with the state of a file."""
        return file_id not in self._untidy

    def find_untidy(self) -> None:
        """At start: whatever has a folder under way or bytes in `work/` may need tidying."""
        for file_id in {*self.kit.archive.under_way(), *self.kit.share.claimed()}:
            row = self.kit.ledger.get(file_id)
            if row is None or row.state in (State.CLAIMED, State.REFINED):
                continue
            self._untidy[file_id] = row
        self.tidy()
        for file_id in self.kit.archive.under_way():
            row = self.kit.ledger.get(file_id)
            if row is not None:
                self.desk.tidy_data(row)

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
