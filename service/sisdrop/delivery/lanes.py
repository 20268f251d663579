"""When a stream may try to deliver again, and what blocks it. Pure.

One lane per stream, one account for all: a failure on the way to the server stops every lane
(`concerns`), and a login that works lifts that from every lane (`after_login`).
Times are seconds of a monotonic clock, `since` is an aware UTC datetime.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sisdrop.delivery.phases import is_account_failure
from sisdrop.errors import NeedsOperator, Reason, ServiceError

# 2**30 seconds are 34 years: no delay needs more doublings, and a float none of them.
_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds: the first delay, the longest, and the one after a refusal that needs a person."""

    first: float
    max: float
    probe: float

    def next_delay(self, attempt: int, jitter: float) -> float:
        """The delay after the `attempt`-th failure in a row (from 1); `jitter` is in 0..1.

        Half of it is fixed, so that no server is hammered, half is spread, so that the releases
        of a consortium do not come back all at once.
        """
        ceiling: float = min(self.max, self.first * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
        return ceiling * (1 + jitter) / 2

    def delay_after(self, error: ServiceError, attempt: int, jitter: float) -> float:
        """The delay that fits the failure: a person's and a full disk's are not hurried."""
        if isinstance(error, NeedsOperator):
            return self.probe
        if error.reason is Reason.REMOTE_FULL:
            return self.max * (1 + jitter) / 2
        return self.next_delay(attempt, jitter)


@dataclass(frozen=True, slots=True)
class Lane:
    """One stream's way to the server.

    `attempts` counts failures in a row, `blocked` is set while a person is needed, `since` says
    when this trouble began, `account` that it is not this stream's own.
    """

    stream: str
    attempts: int = 0
    not_before: float = 0.0
    blocked: Reason | None = None
    hint: str | None = None
    since: datetime | None = None
    account: bool = False


def is_due(lane: Lane, now: float) -> bool:
    """Whether the lane may try at `now`; a blocked one may too, when its probe is due."""
    return now >= lane.not_before


def after_success(lane: Lane) -> Lane:
    """The lane after a delivery: nothing stands in its way."""
    return Lane(lane.stream)


def after_login(lane: Lane) -> Lane:
    """The lane once any lane got in: a block of the account is lifted, its own stays."""
    return Lane(lane.stream) if lane.account else lane


# A pure decision is handed its clock, its chance and its policy.
def after_failure(  # noqa: PLR0913, PLR0917
    lane: Lane,
    error: ServiceError,
    now_monotonic: float,
    now_utc: datetime,
    jitter: float,
    backoff: Backoff,
) -> Lane:
    """The lane after a failed attempt: when it may try again, and who must act."""
    attempts = lane.attempts + 1
    blocked = error.reason if isinstance(error, NeedsOperator) else None
    same_trouble = lane.attempts > 0 and lane.blocked == blocked
    return replace(
        lane,
        attempts=attempts,
        not_before=now_monotonic + backoff.delay_after(error, attempts, jitter),
        blocked=blocked,
        hint=error.hint,
        since=lane.since if same_trouble else now_utc,
        account=is_account_failure(error),
    )


def concerns(error: ServiceError, stream: str, lane: Lane) -> bool:
    """Whether a failed attempt of `stream` stops this lane: an account's failure stops all."""
    return lane.stream == stream or is_account_failure(error)
