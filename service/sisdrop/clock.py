"""The one place where the service reads the time; tests pass a clock of their own."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is, twice: for people and for measuring."""

    def utc(self) -> datetime:
        """The wall clock as an aware UTC datetime; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever go forward; means nothing across a restart."""
        ...


class SystemClock:
    """The machine's clocks."""

    def utc(self) -> datetime:
        """The wall clock as an aware UTC datetime."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever go forward."""
        return time.monotonic()


def file_id(now: datetime, token: str) -> str:
    """The id of a file claimed at `now`: sorts by time, the token keeps two apart."""
    return f"{now:%Y%m%dT%H%M%SZ}-{token}"
