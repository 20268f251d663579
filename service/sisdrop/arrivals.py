"""What the ledger knows of the arrivals of each stream, and what the settings expect of them."""

from datetime import datetime, timedelta

from sisdrop.expectation import Expect, Standing, stand
from sisdrop.ledger import Ledger
from sisdrop.model import State
from sisdrop.settings import Settings, StreamSettings
from sisdrop.settings.words import Weekday
from sisdrop.units import parse_zone

_WATCHED_SINCE = "watched_since"
_WEEK = tuple(Weekday)
# Of a file that nobody has judged yet it is not known whether it is the same as another.
_JUDGED = tuple(state for state in State if state not in {State.CLAIMED, State.REFINED})


def expects_of(settings: Settings) -> dict[str, Expect]:
    """What is expected of each stream."""
    return {stream.name: expect_of(settings, stream) for stream in settings.streams}


def expect_of(settings: Settings, stream: StreamSettings) -> Expect:
    """What is expected of one stream."""
    own = settings.expect_for(stream)
    unchanged = own.unchanged_for
    return Expect(
        every=timedelta(seconds=own.every),
        grace=timedelta(seconds=own.grace),
        days=frozenset(_WEEK.index(day) for day in own.days),
        pause=own.pause,
        zone=parse_zone(settings.timezone),
        unchanged_for=None if unchanged is None else timedelta(seconds=unchanged),
    )


def watch_from(ledger: Ledger, stream: str, now: datetime) -> None:
    """Remember since when a stream is watched, unless that is known.

    A time in the future was written while the clock was wrong.
    """
    since = _watched_since(ledger, stream)
    if since is None or since > now:
        ledger.remember(f"{_WATCHED_SINCE}:{stream}", now.isoformat())


def standing(ledger: Ledger, stream: str, expect: Expect, now: datetime) -> Standing:
    """How a stream stands by what the ledger knows."""
    last = ledger.last_come(stream, now)
    return stand(
        expect,
        _watched_since(ledger, stream),
        last.claimed_at if last else None,
        _repeats(ledger, stream, now) if expect.unchanged_for else None,
    )


def _watched_since(ledger: Ledger, stream: str) -> datetime | None:
    since = ledger.recall(f"{_WATCHED_SINCE}:{stream}")
    return None if since is None else datetime.fromisoformat(since)


def _repeats(ledger: Ledger, stream: str, now: datetime) -> tuple[datetime, datetime] | None:
    """When the file came that the newest one repeats, and when that one came."""
    last = ledger.last_come(stream, now, _JUDGED)
    if last is None or last.duplicate_of is None:
        return None
    first = ledger.get(last.duplicate_of)
    return None if first is None else (first.claimed_at, last.claimed_at)
