"""The composition root: starts the parts of an instance, and stops them."""

import asyncio
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sisdrop.build import (
    LEDGER,
    Shop,
    build_metrics,
    build_shop,
    prepare_data,
    target_of,
    terms_of,
)
from sisdrop.clock import Clock, SystemClock
from sisdrop.courier import Courier
from sisdrop.daemon import Daemon, Engine, Pulse
from sisdrop.delivery.lanes import Backoff
from sisdrop.delivery.sftp import connect
from sisdrop.errors import ServiceError
from sisdrop.ledger import Ledger
from sisdrop.lock import Lock
from sisdrop.log import Log, LogEvent, watch_loop
from sisdrop.mails import owe_nothing
from sisdrop.settings import Settings
from sisdrop.situation import Situation
from sisdrop.source import Source
from sisdrop.web import Server, create_app

# How long a second instance waits for the first one to end.
STANDBY = 60.0
LOCK_EVERY = 0.5


class Locked(Exception):
    """Another instance holds the lock."""


@contextmanager
def acting_alone(settings: Settings, log: Log) -> Iterator[Shop]:
    """The parts of an instance for one command, while no service runs.

    Raises:
        Locked: if a service runs.
    """
    prepare_data(settings.data)
    with Lock(settings.data) as lock:
        if not lock.acquire():
            raise Locked
        with Ledger(settings.data / LEDGER) as ledger:
            yield build_shop(
                settings, ledger, build_metrics(settings), log, SystemClock(), Situation()
            )


class Service:
    """One running instance."""

    def __init__(self, settings: Settings, log: Log, clock: Clock | None = None) -> None:
        self._settings = settings
        self._log = log
        self._clock = clock or SystemClock()
        self._metrics = build_metrics(settings)
        self._lock = Lock(settings.data)
        self._stopping = asyncio.Event()
        self._daemon: Daemon | None = None
        self.port = 0

    def stop(self) -> None:
        """End the service in good order; may be called more than once."""
        self._log.info(LogEvent.SERVICE_STOPPING)
        self._stopping.set()
        if self._daemon is not None:
            self._daemon.stop()

    async def run(self, ready: Callable[[Shop], None] = lambda _: None) -> bool:
        """Run until stopped; returns whether everything came to rest.

        If killed here: see the table in `states`; the next start carries every file on.

        Raises:
            Locked: if another instance still holds the lock after a minute.
            OSError: if the port cannot be bound.
            NeedsOperator, Transient: if data folder or ledger cannot be used.
            ConfigError: if the schema or a rule file cannot be used.
        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        watch_loop(loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        prepare_data(settings.data)
        situation = Situation()
        source = Source(terms_of(settings), self._lock, situation, self._clock)
        server = Server(create_app(source, self._metrics))
        await server.start(settings.http.host, settings.http.port)
        self.port = server.port
        self._log.info(LogEvent.HTTP_STARTED)
        try:
            await self._stand_by()
            if self._stopping.is_set():
                return True
            return await self._lead(source, situation, ready)
        finally:
            await server.stop()
            self._metrics.set_leader(leader=False)
            self._lock.release()
            self._log.info(LogEvent.SERVICE_STOPPED)

    async def _stand_by(self) -> None:
        """Wait for the lock: the pod before us may still be ending."""
        deadline = self._clock.monotonic() + STANDBY
        told = False
        while not self._lock.acquire():
            if not told:
                self._log.info(LogEvent.SERVICE_STANDBY)
                told = True
            if self._clock.monotonic() >= deadline:
                raise Locked
            try:
                await asyncio.wait_for(self._stopping.wait(), LOCK_EVERY)
            except TimeoutError:
                continue
            return

    async def _lead(
        self, source: Source, situation: Situation, ready: Callable[[Shop], None]
    ) -> bool:
        settings = self._settings
        self._metrics.set_leader(leader=True)
        with Ledger(settings.data / LEDGER) as ledger:
            shop = build_shop(settings, ledger, self._metrics, self._log, self._clock, situation)
            pulse = Pulse(self._clock)
            self._daemon = daemon = self._build_daemon(shop, pulse)
            source.begin(ledger, pulse.last)
            self._begin(shop)
            ready(shop)
            return await daemon.run()

    def _begin(self, shop: Shop) -> None:
        self._log.info(LogEvent.SERVICE_STARTED)
        with suppress(ServiceError):  # the mails' own loop does it again
            if shop.mails is None:
                owe_nothing(shop.kit.ledger)
            else:
                shop.mails.begin()
        with suppress(ServiceError):  # the courier does it again, and tells what is in the way
            shop.dispatch.requeue()
        for stream in shop.kit.streams:
            last = shop.kit.ledger.last_delivered(stream)
            if last is not None:
                records = last.counts.delivered if last.counts else None
                self._metrics.set_last_delivery(stream, last.delivered_at, records)
            self._metrics.set_last_pickup(stream, shop.kit.ledger.last_pickup(stream))

    def _build_daemon(self, shop: Shop, pulse: Pulse) -> Daemon:
        settings, target = self._settings, target_of(self._settings)
        retry = settings.sftp.retry
        courier = Courier(
            shop.kit,
            shop.dispatch,
            lambda: connect(target),
            Backoff(retry.first, retry.max, retry.probe),
            shop.situation,
            pickups=shop.stages.pickups,
            jitter=random.random,
            progress=pulse.beat,
        )
        engine = Engine(
            rounds=shop.rounds,
            stages=shop.stages,
            courier=courier,
            metrics=self._metrics,
            log=self._log,
            pulse=pulse,
            inbox=settings.inbox.path,
            data=settings.data,
            scan_interval=settings.inbox.scan_interval,
            mails=shop.mails,
        )
        return Daemon(engine)
