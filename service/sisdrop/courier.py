"""Which queued file goes out when: one connection for a run, one lane for each stream."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from sisdrop.delivery.lanes import (
    Backoff,
    Lane,
    after_failure,
    after_login,
    after_success,
    concerns,
    is_due,
)
from sisdrop.errors import NeedsOperator, Reason, ServiceError
from sisdrop.ledger import Overtaken
from sisdrop.log import Log, LogEvent
from sisdrop.metrics import AttemptResult
from sisdrop.model import FileRow, State
from sisdrop.pipeline.dispatch import Connection, Dispatch
from sisdrop.pipeline.kit import Kit
from sisdrop.pipeline.pickups import Pickups
from sisdrop.situation import Situation

# What can be in the way, as a key of the situation, beside the lanes.
_LEDGER = "ledger"
# The lane of the look at what was delivered; no stream has this name.
_LOOK = "(pickup)"

Connect = Callable[[], AbstractAsyncContextManager[Connection]]


class Courier:
    """Delivers what is queued, in order within a stream, streams in the order of the settings.

    `jitter` yields a number from 0 to 1; `progress` is called while an upload moves on.
    """

    def __init__(  # noqa: PLR0913 - the way out needs all of these
        self,
        kit: Kit,
        dispatch: Dispatch,
        connect: Connect,
        backoff: Backoff,
        situation: Situation,
        *,
        pickups: Pickups,
        jitter: Callable[[], float],
        progress: Callable[[int], None],
    ) -> None:
        self._kit = kit
        self._dispatch = dispatch
        self._connect = connect
        self._backoff = backoff
        self._situation = situation
        self._jitter = jitter
        self._progress = progress
        self._pickups = pickups
        self._next_look = 0.0
        self._lanes = {name: Lane(name) for name in (*kit.streams, _LOOK)}

    async def run(self) -> float | None:
        """Deliver all that is due, and look at what was delivered when that is due.

        Returns the seconds until something waiting is due again.
        """
        if not await self._requeue():
            return None
        queues = await asyncio.to_thread(self._queues)
        if self._kit.rehearsal:
            for queue in queues:
                await self._rehearse(queue)
            return None
        due = [queue for queue in queues if is_due(self._lane(queue[0]), self._now())]
        looking = await asyncio.to_thread(self._is_look_due)
        if due or looking:
            await self._visit(due, looking=looking)
        waiting = await asyncio.to_thread(self._queues)
        return min((self._lane(q[0]).not_before - self._now() for q in waiting), default=None)

    def _is_look_due(self) -> bool:
        """Whether something waits to be fetched, and to ask costs no login that is to be spared."""
        now = self._now()
        if not self._pickups.plan.watch or now < self._next_look:
            return False
        return is_due(self._lanes[_LOOK], now) and bool(self._pickups.waiting())

    async def _requeue(self) -> bool:
        """Whether all that was cut off waits again; it does not while the ledger cannot say so."""
        try:
            await asyncio.to_thread(self._dispatch.requeue)
        except ServiceError as error:
            if self._situation.block(_LEDGER, error, self._kit.clock.utc()):
                full = error.reason is Reason.DATA_FULL
                event = LogEvent.DATA_FULL if full else LogEvent.LEDGER_UNUSABLE
                self._kit.log.error(event, reason=error.reason, hint=error.hint)  # noqa: TRY400
            return False
        self._situation.unblock(_LEDGER)
        return True

    def _queues(self) -> list[list[FileRow]]:
        """The queued files of each stream that has any, in the order in which they go out."""
        rows = self._kit.ledger.in_states(State.QUEUED)
        rows.sort(key=lambda row: row.remote_name or "")
        order = [*self._kit.streams, *sorted({row.stream for row in rows} - {*self._kit.streams})]
        queues = ([row for row in rows if row.stream == stream] for stream in order)
        return [sorted(queue, key=_in_time) for queue in queues if queue]

    async def _rehearse(self, queue: list[FileRow]) -> None:
        for row in queue:
            try:
                await asyncio.to_thread(self._dispatch.rehearse, row)
            except Overtaken:
                continue
            except ServiceError as error:
                self._failed(row, error)
                return
            self._went_well(row.stream)

    async def _visit(self, queues: list[list[FileRow]], *, looking: bool) -> None:
        """Use one connection for all that is due."""
        try:
            async with self._connect() as connection:
                self._logged_in()
                if looking:
                    await self._look(connection)
                for queue in queues:
                    await self._empty(queue, connection)
        except ServiceError as error:
            if queues:
                self._failed(queues[0][0], error)
            else:
                self._look_failed(error)
            for queue in queues:
                self._dispatch.note(queue[0].id, error)

    async def _look(self, connection: Connection) -> None:
        """What goes wrong here stops no delivery."""
        try:
            await self._pickups.look(connection)
        except ServiceError as error:
            self._look_failed(error)
            return
        self._next_look = self._now() + self._pickups.plan.interval
        self._went_well(_LOOK)

    async def _empty(self, queue: list[FileRow], connection: Connection) -> None:
        """Send one stream's files until one cannot be sent: the later ones must not overtake it."""
        for row in queue:
            if await asyncio.to_thread(self._waits_its_turn, row):
                return
            try:
                await self._dispatch.deliver(row, connection, self._progress)
            except Overtaken:
                continue
            except ServiceError as error:
                self._failed(row, error)
                return
            self._went_well(row.stream)

    def _waits_its_turn(self, row: FileRow) -> bool:
        before = self._pickups.in_the_way(row.stream)
        if before is None:
            return False
        self._dispatch.note_wait(row.id, f"it waits until Alma has fetched the file {before.id}")
        return True

    def _lane(self, row: FileRow) -> Lane:
        return self._lanes.setdefault(row.stream, Lane(row.stream))

    def _now(self) -> float:
        return self._kit.clock.monotonic()

    def _logged_in(self) -> None:
        for stream, lane in self._lanes.items():
            if lane.account:
                self._free(stream)
            self._lanes[stream] = after_login(lane)

    def _went_well(self, stream: str) -> None:
        self._free(stream)
        self._lanes[stream] = after_success(Lane(stream))

    def _free(self, stream: str) -> None:
        attempts = self._lanes.get(stream, Lane(stream)).attempts
        if self._situation.unblock(_key(stream)) and stream != _LOOK:
            self._kit.log.info(LogEvent.LANE_RECOVERED, stream=stream, attempts=attempts)

    def _failed(self, row: FileRow, error: ServiceError) -> None:
        stopped = isinstance(error, NeedsOperator)
        self._kit.metrics.delivery_attempted(
            AttemptResult.NEEDS_OPERATOR if stopped else AttemptResult.TRANSIENT
        )
        if self._hold_off(row.stream, error):
            log = self._kit.log.bind(file_id=row.id, stream=row.stream)
            _tell(log, error, LogEvent.FILE_DELIVERY_FAILED)

    def _look_failed(self, error: ServiceError) -> None:
        if self._hold_off(_LOOK, error):
            _tell(self._kit.log, error, LogEvent.PICKUP_FAILED)

    def _hold_off(self, stream: str, error: ServiceError) -> bool:
        """Let every lane wait that this failure concerns; whether that is news.

        It is told once when it begins; the gauges and pages go on saying it.
        """
        clock, jitter = self._kit.clock, self._jitter()
        hit = [lane for lane in self._lanes.values() if concerns(error, stream, lane)]
        for lane in hit:
            self._lanes[lane.stream] = after_failure(
                lane, error, clock.monotonic(), clock.utc(), jitter, self._backoff
            )
        news = [self._situation.block(_key(lane.stream), error, clock.utc()) for lane in hit]
        return any(news)


def _tell(log: Log, error: ServiceError, otherwise: LogEvent) -> None:
    if isinstance(error, NeedsOperator):
        log.error(LogEvent.LANE_BLOCKED, reason=error.reason, hint=error.hint)
    else:
        log.warning(otherwise, reason=error.reason, hint=error.hint)


def _key(stream: str) -> str:
    return f"lane:{stream}"


def _in_time(row: FileRow) -> str:
    return row.remote_time.isoformat() if row.remote_time else row.id
