from datetime import UTC, datetime, timedelta

from sisdrop.clock import Clock, SystemClock, file_id
from support.clock import FakeClock

AT = datetime(2026, 11, 23, 19, 3, 1, 999_999, tzinfo=UTC)


def test_an_id_says_when_its_file_was_claimed() -> None:
    assert file_id(AT, "4f7c") == "20261123T190301Z-4f7c"


def test_ids_sort_as_their_times_do() -> None:
    times = [AT + timedelta(days=step) for step in range(0, 400, 7)]
    ids = [file_id(at, "0000") for at in times]
    assert ids == sorted(ids)


def test_the_machines_wall_clock_knows_its_zone() -> None:
    now = SystemClock().utc()
    assert now.utcoffset() == timedelta(0)


def test_the_machines_other_clock_never_goes_back() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_the_fake_clock_is_a_clock_that_stands_still() -> None:
    clock: Clock = FakeClock()
    assert (clock.utc(), clock.monotonic()) == (clock.utc(), clock.monotonic())


def test_the_fake_wall_clock_may_jump_while_the_other_goes_on() -> None:
    clock = FakeClock()
    before = clock.monotonic()
    clock.set_wall_clock(AT - timedelta(days=365))
    clock.advance(5)
    assert clock.utc() == AT - timedelta(days=365) + timedelta(seconds=5)
    assert clock.monotonic() == before + 5
