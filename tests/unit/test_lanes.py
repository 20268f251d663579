from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisdrop.delivery.lanes import (
    Backoff,
    Lane,
    after_failure,
    after_login,
    after_success,
    concerns,
    is_due,
)
from sisdrop.delivery.phases import Phase, is_account_failure
from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient

BACKOFF = Backoff(first=1.0, max=300.0, probe=900.0)
NOW = datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC)


def lost(phase: Phase = Phase.WRITE) -> Transient:
    return Transient(Reason.CONNECTION_LOST, "broke", {"phase": phase.value})


def refused(phase: Phase = Phase.LOGIN) -> NeedsOperator:
    return NeedsOperator(Reason.AUTH, "no key of ours", {"phase": phase.value})


def fail(lane: Lane, error: ServiceError, now: float = 100.0, utc: datetime = NOW) -> Lane:
    return after_failure(lane, error, now, utc, 1.0, BACKOFF)


def test_delays_double_up_to_the_longest() -> None:
    delays = [BACKOFF.next_delay(attempt, 1.0) for attempt in range(1, 12)]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_chance_takes_off_at_most_half_of_a_delay() -> None:
    assert BACKOFF.next_delay(3, 0.0) == 2.0
    assert BACKOFF.next_delay(3, 0.5) == 3.0


@given(attempt=st.integers(1, 10**9), jitter=st.floats(0, 1))
def test_a_delay_is_never_zero_and_never_beyond_the_longest(attempt: int, jitter: float) -> None:
    assert 0.5 <= BACKOFF.next_delay(attempt, jitter) <= 300.0


def test_a_new_lane_is_due() -> None:
    assert is_due(Lane("students"), 0.0)


def test_a_passing_failure_waits_and_blocks_nothing() -> None:
    lane = fail(Lane("students"), lost())
    assert lane == Lane("students", 1, 101.0, None, "broke", NOW, account=False)
    assert not is_due(lane, 100.9)
    assert is_due(lane, 101.0)


def test_failures_in_a_row_wait_longer_and_remember_when_it_began() -> None:
    lane = fail(fail(Lane("students"), lost()), lost(), 200.0, NOW + timedelta(minutes=1))
    assert lane.attempts == 2
    assert lane.not_before == 202.0
    assert lane.since == NOW


def test_a_refusal_blocks_the_lane_and_is_probed_slowly() -> None:
    lane = fail(Lane("students"), refused())
    assert lane.blocked is Reason.AUTH
    assert lane.not_before == 1000.0


def test_a_new_trouble_begins_anew() -> None:
    later = NOW + timedelta(hours=1)
    assert fail(fail(Lane("students"), lost()), refused(), utc=later).since == later


def test_a_full_disk_is_not_hurried() -> None:
    full = Transient(Reason.REMOTE_FULL, "full", {"phase": "write"})
    assert fail(Lane("students"), full).not_before == 400.0


def test_success_clears_everything() -> None:
    assert after_success(fail(Lane("students"), refused())) == Lane("students")


@pytest.mark.parametrize("phase", list(Phase))
def test_failures_on_the_way_in_are_the_accounts_and_the_others_the_files(phase: Phase) -> None:
    way_in = {Phase.KEY, Phase.PINS, Phase.CONNECT, Phase.LOGIN}
    assert is_account_failure(lost(phase)) is (phase in way_in)


def test_an_error_without_a_phase_is_the_files() -> None:
    assert not is_account_failure(Transient(Reason.REMOTE_FAILURE, "odd"))


def test_an_accounts_failure_concerns_every_lane_a_files_only_its_own() -> None:
    other = Lane("employees")
    assert concerns(refused(), "students", other)
    assert not concerns(lost(), "students", other)
    assert concerns(lost(), "students", Lane("students"))


def test_a_login_that_works_lifts_the_accounts_block_and_leaves_a_lanes_own() -> None:
    assert after_login(fail(Lane("students"), refused())) == Lane("students")
    own = fail(Lane("students"), NeedsOperator(Reason.REMOTE_PATH, "gone", {"phase": "folder"}))
    assert after_login(own) == own
