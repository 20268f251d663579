"""When things happen: the loops of the running service, and how they end."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sisdrop.clock import Clock
from sisdrop.courier import Courier
from sisdrop.errors import NeedsOperator, ServiceError, Transient
from sisdrop.inbox.watch import Watcher
from sisdrop.log import Log, LogEvent
from sisdrop.mails import LOOK_EVERY, Mails
from sisdrop.memory import give_back
from sisdrop.metrics import Metrics
from sisdrop.pipeline.intake import Stopping
from sisdrop.rounds import Rounds, Stages

BEAT_EVERY = 1.0
GAUGES_EVERY = 10.0
PURGE_EVERY = 3600.0
# Less than the grace period that Kubernetes gives by default.
STOP_WITHIN = 20.0
# After a failure of ours that nobody foresaw: slow enough not to fill the log.
AFTER_BUG = 10.0


class Pulse:
    """When the service last gave a sign of life; the only thing that liveness looks at."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()

    def beat(self, _bytes: int = 0) -> None:
        """The loop passed, or an upload moved on."""
        self._last = self._clock.monotonic()

    def last(self) -> float:
        """Monotonic time of the last sign of life."""
        return self._last


@dataclass(frozen=True, slots=True)
class Engine:
    """What the loops drive."""

    rounds: Rounds
    stages: Stages
    courier: Courier
    metrics: Metrics
    log: Log
    pulse: Pulse
    inbox: Path
    data: Path
    scan_interval: float
    mails: Mails | None = None


class Daemon:
    """Runs the loops until it is asked to stop.

    Each kind of blocking work has a thread of its own, so that a share that hangs stops neither
    health nor deliveries.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stopping = asyncio.Event()
        self._scan = asyncio.Event()
        self._work = asyncio.Event()
        self._deliver = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._watcher = Watcher(engine.inbox, self.wake)

    def wake(self) -> None:
        """Look at the inbox soon; may be called from any thread."""
        self._engine.metrics.woken()
        self._loop.call_soon_threadsafe(self._scan.set)

    def stop(self) -> None:
        """Claim nothing more, end what runs at the next safe point, and return from `run`."""
        self._stopping.set()
        self._engine.stages.intake.stop()
        for event in (self._scan, self._work, self._deliver):
            event.set()

    async def run(self) -> bool:
        """Run until `stop` is called; returns whether every loop came to its end in time."""
        loops = [
            asyncio.create_task(self._forever(self._share_loop), name="share"),
            asyncio.create_task(self._forever(self._work_loop), name="work"),
            asyncio.create_task(self._forever(self._deliver_loop), name="deliver"),
            asyncio.create_task(self._forever(self._gauge_loop), name="gauges"),
            asyncio.create_task(self._forever(self._purge_loop), name="purge"),
            asyncio.create_task(self._forever(self._mail_loop), name="mail"),
            asyncio.create_task(self._beat_loop(), name="beat"),
        ]
        try:
            await self._stopping.wait()
        finally:
            # An upload is broken off: its state says so, and the next start goes on.
            for task in loops[2:]:
                task.cancel()
            _, hanging = await asyncio.wait(loops, timeout=STOP_WITHIN)
            self._watcher.stop()
        return not hanging

    async def _forever(self, body: Callable[[ThreadPoolExecutor], Awaitable[None]]) -> None:
        """Run a loop again after a failure that nobody foresaw; the log says where it was."""
        thread = ThreadPoolExecutor(1)
        try:
            while not self._stopping.is_set():
                try:
                    await body(thread)
                except Stopping:
                    return
                except Exception as error:  # noqa: BLE001 - the boundary of a loop: no silence
                    self._tell(error)
                    await self._pause(self._stopping, AFTER_BUG)
        finally:
            # A thread that hangs on a dead share must not keep the others from ending.
            thread.shutdown(wait=False, cancel_futures=True)

    def _tell(self, error: Exception) -> None:
        log = self._engine.log
        if isinstance(error, ServiceError):
            log = log.bind(reason=error.reason, hint=error.hint)
        log.error(LogEvent.EXCEPTION_UNCAUGHT, error)

    async def _share_loop(self, thread: ThreadPoolExecutor) -> None:
        engine = self._engine
        while not self._stopping.is_set():
            self._scan.clear()
            due = await self._loop.run_in_executor(thread, engine.rounds.share_round)
            self._work.set()
            self._deliver.set()
            if not self._watcher.is_up() and not self._stopping.is_set():
                # Not in the event loop: watching means asking the share, which may hang.
                await self._loop.run_in_executor(thread, self._watcher.start)
            engine.metrics.set_watcher_up(up=self._watcher.is_up())
            await self._pause(self._scan, min(engine.scan_interval, due or engine.scan_interval))

    async def _work_loop(self, thread: ThreadPoolExecutor) -> None:
        while not self._stopping.is_set():
            self._work.clear()
            moved = await self._loop.run_in_executor(thread, self._engine.rounds.work_round)
            if moved:
                self._deliver.set()
                self._scan.set()  # so that the share says it at once
            await self._pause(self._work, self._engine.scan_interval)

    async def _deliver_loop(self, _thread: ThreadPoolExecutor) -> None:
        while not self._stopping.is_set():
            self._deliver.clear()
            due = await self._engine.courier.run()
            await self._pause(self._deliver, self._engine.scan_interval if due is None else due)

    async def _gauge_loop(self, thread: ThreadPoolExecutor) -> None:
        while True:
            await self._loop.run_in_executor(
                thread, self._engine.rounds.gauge_round, self._engine.data
            )
            # Again and again, and not after each file: a start leaves much behind as well, and a
            # backlog would pay for it with every small file.
            await self._loop.run_in_executor(thread, give_back)
            await asyncio.sleep(GAUGES_EVERY)

    async def _purge_loop(self, thread: ThreadPoolExecutor) -> None:
        while True:
            await self._loop.run_in_executor(thread, self._engine.stages.purge.run)
            await asyncio.sleep(PURGE_EVERY)

    async def _mail_loop(self, thread: ThreadPoolExecutor) -> None:
        mails = self._engine.mails
        if mails is None:
            await self._stopping.wait()
            return
        while True:
            try:
                wait = await self._loop.run_in_executor(thread, mails.look)
            except (Transient, NeedsOperator):  # of the ledger, which others tell of
                wait = LOOK_EVERY
            await asyncio.sleep(wait)

    async def _beat_loop(self) -> None:
        while True:
            self._engine.pulse.beat()
            await asyncio.sleep(BEAT_EVERY)

    @staticmethod
    async def _pause(event: asyncio.Event, seconds: float) -> None:
        """Wait for an event, at most so long; a due time in the past still lets others run."""
        try:
            await asyncio.wait_for(event.wait(), max(0.05, seconds))
        except TimeoutError:
            return
