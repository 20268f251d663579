"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC)


class FakeClock:
    """Both clocks of the service, moved together by `advance` and apart by `set_wall_clock`."""

    def __init__(self, start: datetime = START) -> None:
        self._utc = start
        self._monotonic = 1000.0

    def utc(self) -> datetime:
        """The wall clock."""
        return self._utc

    def monotonic(self) -> float:
        """Seconds that only ever go forward."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Time passes on both clocks."""
        self._utc += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set_wall_clock(self, at: datetime) -> None:
        """Somebody sets the wall clock; the other one does not notice."""
        self._utc = at
