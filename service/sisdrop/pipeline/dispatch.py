"""From the queue to the archive: deliver, or rehearse, and file."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sisdrop.delivery.phases import ACCOUNT_PHASES, Phase
from sisdrop.delivery.remote import Fate
from sisdrop.errors import Broken, Reason, ServiceError
from sisdrop.ledger import Overtaken
from sisdrop.log import LogEvent
from sisdrop.metrics import AttemptResult, Outcome
from sisdrop.model import Counts, Delivered, FileRow, Pickup, Stage, State
from sisdrop.pipeline.steps import Steps, Telling

# Met before the server was asked for the file, or after it said that the file is not there.
_NOT_ASKED = frozenset({*ACCOUNT_PHASES, Phase.FOLDER, Phase.READ})
_NOT_THERE = frozenset({Phase.OPEN, Phase.WRITE})


class Connection(Protocol):
    """An open connection to the destination; `delivery.sftp` has the real one."""

    async def deliver(  # noqa: PLR0913 - as the real one
        self,
        directory: str,
        zip_path: Path,
        remote_name: str,
        stale: frozenset[str],
        progress: Callable[[int], None],
        *,
        in_doubt: bool,
    ) -> Delivered:
        """Put a zip under its final name, or find it there."""
        ...

    async def fates(self, directory: str, finals: Collection[str]) -> Mapping[str, Fate]:
        """What became of zips that stood under these names."""
        ...


class Dispatch:
    """Sends queued files and files what was sent."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._kit = steps.kit

    async def deliver(
        self, row: FileRow, connection: Connection, progress: Callable[[int], None]
    ) -> FileRow:
        """Send one queued file and file it.

        If killed here: the state says `delivering`; the next start puts it back in the queue,
        and the next attempt first asks the server what is there.

        Raises:
            Overtaken: if the file was superseded meanwhile.
            Transient, NeedsOperator: as the connection does; the file is back in the queue.
            Broken: if anything else goes wrong; so it is then.
        """
        steps, policy = self._steps, self._steps.policy(row)
        attempts = row.attempts + 1
        sending = steps.enter(row, State.DELIVERING, attempts=attempts, in_doubt=True)
        try:
            with steps.stage(Stage.DELIVER):
                delivered = await connection.deliver(
                    policy.directory,
                    self._kit.archive.bundle(row.id),
                    row.remote_name or "",
                    self._stale(row),
                    progress,
                    in_doubt=row.in_doubt,
                )
        except ServiceError as error:
            self._back_to_the_queue(sending, error, in_doubt=_leaves_doubt(row, error))
            raise
        except Exception as error:
            # A file that trips the program must not stop the other streams.
            steps.log_of(row).error(LogEvent.FILE_BROKEN, error)
            broken = Broken(Reason.INTERNAL_ERROR, "sisdrop itself failed; the log says where")
            self._back_to_the_queue(sending, broken, in_doubt=True)
            raise broken from error
        return self.file(self._delivered(sending, delivered))

    def _back_to_the_queue(self, row: FileRow, error: ServiceError, *, in_doubt: bool) -> None:
        self._steps.enter(
            row, State.QUEUED, reason=error.reason, hint=error.hint, in_doubt=in_doubt
        )

    def _stale(self, row: FileRow) -> frozenset[str]:
        """Names whose upload may have broken off and that will never be sent."""
        rows = self._kit.ledger.latest(100, (State.SUPERSEDED,))
        return frozenset(
            old.remote_name for old in rows if old.remote_name and old.stream == row.stream
        )

    def note(self, file_id: str, error: ServiceError) -> None:
        """Write beside a queued file why it cannot go out; its state does not change."""
        with suppress(Overtaken, ServiceError):  # what cannot be noted is told all the same
            row = self._kit.ledger.get(file_id)
            if row is not None and row.state is State.QUEUED and row.reason is not error.reason:
                self._kit.ledger.update(row, reason=error.reason, hint=error.hint)

    def note_wait(self, file_id: str, why: str) -> None:
        """Write beside a queued file what it waits for; its state does not change."""
        with suppress(Overtaken, ServiceError):
            row = self._kit.ledger.get(file_id)
            if row is not None and row.state is State.QUEUED and row.hint != why:
                self._kit.ledger.update(row, reason=None, hint=why)

    def _delivered(self, row: FileRow, delivered: Delivered) -> FileRow:
        self._kit.metrics.delivery_attempted(AttemptResult.OK)
        found = "an earlier attempt had put it there" if delivered.found else None
        return self._steps.enter(
            row,
            State.DELIVERED,
            Telling(note=found),
            delivered_at=self._kit.clock.utc(),
            taken_as=delivered.taken_as,
            pickup=Pickup.WAITING,
            in_doubt=False,
        )

    def file(self, row: FileRow) -> FileRow:
        """Move what was delivered into the archive.

        If killed here: the state says which side of the move we are on; the next start goes on.
        """
        with self._steps.stage(Stage.ARCHIVE):
            archived = self._steps.enter(row, State.ARCHIVED)
        self._count(archived)
        return archived

    def rehearse(self, row: FileRow) -> FileRow:
        """Everything but the upload: file a queued zip as if it had been sent, and say so."""
        told = Telling(note="rehearsal: nothing was uploaded")
        with self._steps.stage(Stage.ARCHIVE):
            return self._steps.enter(row, State.ARCHIVED, told, rehearsed=True)

    def _count(self, row: FileRow) -> None:
        metrics, counts = self._kit.metrics, row.counts or Counts()
        if row.earlier:
            metrics.file_finished(row.stream, Outcome.RESENT)
        else:
            metrics.file_finished(row.stream, Outcome.DELIVERED)
            metrics.records(row.stream, counts)
        metrics.delivered_bytes(row.stream, row.bundle_size or 0)
        metrics.set_last_delivery(row.stream, row.delivered_at, counts.delivered)

    def requeue(self) -> None:
        """While nothing is sent: an attempt that was cut off is made again, and asks the server.

        What was delivered and not filed is filed.
        """
        for row in self._kit.ledger.in_states(State.DELIVERING):
            self._steps.enter(row, State.QUEUED, Telling(note="the attempt was cut off"))
        for row in self._kit.ledger.in_states(State.DELIVERED):
            self.file(row)


def _leaves_doubt(row: FileRow, error: ServiceError) -> bool:
    """Whether the file may stand on the server after an attempt that failed like this."""
    phase = error.facts.get("phase")
    return row.in_doubt if phase in _NOT_ASKED else phase not in _NOT_THERE
