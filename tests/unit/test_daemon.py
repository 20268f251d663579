"""The loops with real threads and a real clock, over a share and a server that a test commands."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sisdrop import daemon
from sisdrop.clock import SystemClock
from sisdrop.daemon import Daemon, Engine, Pulse
from sisdrop.inbox.share import Share
from sisdrop.inbox.watch import Watcher
from sisdrop.log import Log, LogEvent
from sisdrop.model import State
from sisdrop.rounds import Rounds
from support.clock import FakeClock
from support.laws import check_laws
from support.reader import people
from support.world import World

FIRST, SECOND = people(10, "first"), people(10, "second")
# Far more than anything here takes: what is waited for comes, or the test fails.
PATIENCE = 10.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, SystemClock(), inbox={"settle": "20ms"}) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """No share need give events, and nothing but latency may depend on them."""
    monkeypatch.setattr(Watcher, "start", lambda _: False)


@asynccontextmanager
async def running(
    world: World, scan_interval: float = 0.02, *, comes_to_rest: bool = True
) -> AsyncIterator[Daemon]:
    """The service's loops, which stop when the block is left."""
    engine = Engine(
        rounds=world.shop.rounds,
        stages=world.shop.stages,
        courier=world.courier,
        metrics=world.metrics,
        log=Log(world.log),
        pulse=Pulse(SystemClock()),
        inbox=world.inbox,
        data=world.data,
        scan_interval=scan_interval,
    )
    made = Daemon(engine)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        made.stop()
        rested = await asyncio.wait_for(task, PATIENCE)
    assert rested is comes_to_rest


async def until(condition: Callable[[], object]) -> None:
    """Wait for what other threads bring about."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - other threads set no event of this loop
            await asyncio.sleep(0.005)


async def test_a_file_that_is_dropped_goes_out_and_the_loops_come_to_rest(world: World) -> None:
    async with running(world):
        world.drop(FIRST)
        await until(lambda: world.states() == [State.ARCHIVED])
    check_laws(world, [FIRST])
    assert list(world.sent().values()) == [FIRST]


async def test_an_event_wakes_the_scan_before_its_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    async with running(world, scan_interval=3600) as loops:
        await until(lambda: world.metric("watcher_up") == 1)
        world.drop(FIRST)
        loops.wake()
        # Once awake, the scan comes back by itself when the file could be complete.
        await until(lambda: world.states() == [State.ARCHIVED])
        assert world.metric("watch_wakeups_total") >= 1


async def test_a_watcher_that_died_is_started_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(Watcher, "start", lambda _: started.append(True))
    async with running(world):
        await until(lambda: len(started) > 2)
        assert world.metric("watcher_up") == 0


async def test_watching_never_asks_the_share_in_the_event_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    monkeypatch.setattr(Watcher, "start", lambda _: threads.append(threading.current_thread()))
    async with running(world):
        await until(lambda: threads)
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("round_", ["share_round", "work_round", "gauge_round"])
async def test_a_failure_that_nobody_foresaw_is_told_and_the_loop_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, round_: str
) -> None:
    monkeypatch.setattr(daemon, "AFTER_BUG", 0.01)
    real, failures = getattr(Rounds, round_), iter(range(2))

    def trips(self: Rounds, *rest: Any) -> Any:
        if next(failures, None) is not None:
            raise ZeroDivisionError
        return real(self, *rest)

    monkeypatch.setattr(Rounds, round_, trips)
    async with running(world):
        world.drop(FIRST)
        await until(lambda: world.states() == [State.ARCHIVED])
        await until(lambda: world.log.count(LogEvent.EXCEPTION_UNCAUGHT) == 2)


async def test_an_upload_is_broken_off_and_the_next_start_goes_on(world: World) -> None:
    world.server.frozen = asyncio.Event()
    async with running(world):
        world.drop(FIRST)
        await until(lambda: world.server.names)
    assert world.states() == [State.DELIVERING]
    world.server.frozen = None
    world.restart()
    async with running(world):
        await until(lambda: world.states() == [State.ARCHIVED])
    check_laws(world, [FIRST])


async def test_a_read_ends_at_its_next_block_and_is_not_held_against_the_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def slow(_: Path) -> None:
        reading.set()
        go_on.wait(PATIENCE)
        world.shop.stages.intake._go_on(1)

    world.reader.during = slow
    async with running(world) as loops:
        world.drop(FIRST)
        await until(reading.is_set)
        loops.stop()
        go_on.set()
    row = world.only(State.CLAIMED)
    assert row.failures == 0


async def test_a_share_that_hangs_stops_neither_deliveries_nor_the_sign_of_life(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(FIRST)
    while not world.rows():
        world.shop.rounds.share_round()
    world.work()
    hanging, mended = threading.Event(), threading.Event()

    def hangs(_: Share) -> None:
        hanging.set()
        mended.wait(PATIENCE)

    monkeypatch.setattr(Share, "identity", hangs)
    monkeypatch.setattr(daemon, "STOP_WITHIN", 0.1)
    monkeypatch.setattr(daemon, "BEAT_EVERY", 0.01)
    try:
        async with running(world, comes_to_rest=False) as loops:
            await until(hanging.is_set)
            await until(lambda: world.states() == [State.ARCHIVED])
            last = loops._engine.pulse.last()
            await until(lambda: loops._engine.pulse.last() > last)
    finally:
        mended.set()
    assert list(world.sent().values()) == [FIRST]


async def test_stopping_before_anything_has_begun_comes_to_rest(world: World) -> None:
    async with running(world) as loops:
        loops.stop()


async def test_a_purge_runs_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[bool] = []
    monkeypatch.setattr(daemon, "PURGE_EVERY", 0.01)
    monkeypatch.setattr(type(world.shop.stages.purge), "run", lambda _: runs.append(True))
    async with running(world):
        await until(lambda: len(runs) > 2)


def test_an_upload_that_moves_on_is_a_sign_of_life() -> None:
    clock = FakeClock()
    pulse = Pulse(clock)
    clock.advance(100)
    assert clock.monotonic() - pulse.last() == 100
    pulse.beat(4096)
    assert pulse.last() == clock.monotonic()
