import asyncio

from sisdrop.delivery.deadline import Deadline


async def test_silence_aborts() -> None:
    aborted = asyncio.Event()
    with Deadline(idle=0.01, total=60.0, abort=aborted.set) as deadline:
        await aborted.wait()
    assert deadline.expired == "idle"


async def test_signs_of_life_put_off_the_idle_deadline_and_not_the_total_one() -> None:
    aborted = asyncio.Event()
    with Deadline(idle=0.05, total=0.1, abort=aborted.set) as deadline:
        while not aborted.is_set():
            deadline.touch()
            await asyncio.sleep(0)
    assert deadline.expired == "total"


async def test_a_deadline_that_was_left_in_time_aborts_nothing() -> None:
    aborted = asyncio.Event()
    with Deadline(idle=0.0, total=0.0, abort=aborted.set) as deadline:
        pass
    for _ in range(3):
        await asyncio.sleep(0)
    assert not aborted.is_set()
    assert deadline.expired is None


async def test_both_deadlines_together_abort_once() -> None:
    aborts: list[str] = []
    with Deadline(idle=0.0, total=0.0, abort=lambda: aborts.append("abort")):
        for _ in range(5):
            await asyncio.sleep(0)
    assert aborts == ["abort"]
