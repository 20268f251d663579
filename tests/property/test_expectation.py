"""The laws of the next expected file, against a calendar that is walked day by day."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from sisdrop.expectation import Expect, deadline, stand, tell
from sisdrop.units import DateRange

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
# Clocks changed by an hour, by half an hour, at midnight, in the south, and never.
ZONES = st.sampled_from(
    ["America/Chicago", "Australia/Lord_Howe", "America/Havana", "America/Santiago", "UTC"]
).map(ZoneInfo)
# Both changes of each year, and a leap day in 2028.
DATES = st.dates(date(2026, 1, 1), date(2029, 12, 31))
TIMES = st.times(timezones=st.none()).map(lambda at: at.replace(microsecond=0, fold=0))
MOMENTS = st.datetimes(
    datetime.fromisoformat("2026-01-01"),
    datetime.fromisoformat("2029-12-31"),
    timezones=st.just(UTC),
)
WEEKDAYS = st.frozensets(st.integers(0, 6), min_size=1)
PAUSES = st.lists(
    st.builds(lambda first, days: DateRange(first, first + days * DAY), DATES, st.integers(0, 40)),
    max_size=4,
).map(tuple)
PERIODS = st.timedeltas(timedelta(minutes=1), timedelta(days=40))
EXPECTS = st.builds(
    Expect,
    every=PERIODS | st.integers(1, 30).map(lambda days: days * DAY),
    grace=st.timedeltas(timedelta(0), timedelta(days=3)),
    days=WEEKDAYS,
    pause=PAUSES,
    zone=ZONES,
    unchanged_for=st.none() | PERIODS,
)


def has_files(expect: Expect, day: date) -> bool:
    return day.weekday() in expect.days and not is_paused(expect, day)


def is_paused(expect: Expect, day: date) -> bool:
    return any(span.first <= day <= span.last for span in expect.pause)


def walked(expect: Expect, start: date, days: int) -> date:
    """The day on which a file is expected, found by walking."""
    day = start
    while days:
        day += DAY
        days -= not is_paused(expect, day)
    while not has_files(expect, day):
        day += DAY
    return day


def moments(day: date, at: time, zone: ZoneInfo) -> list[datetime]:
    """A local time as its one moment, or as both; where it does not exist, before and after."""
    both = [datetime.combine(day, at.replace(fold=fold), zone) for fold in (0, 1)]
    return [local.astimezone(UTC) for local in both]


@given(EXPECTS, MOMENTS)
def test_the_day_is_the_one_that_a_calendar_gives(expect: Expect, last: datetime) -> None:
    days, rest = divmod(expect.every, DAY)
    begin = (last + rest).astimezone(expect.zone)
    day = walked(expect, begin.date(), days)
    due = deadline(expect, last)
    assert due is not None
    if day == begin.date():
        assert due == last + rest + expect.grace
    else:
        zone = expect.zone
        assert isinstance(zone, ZoneInfo)
        assert due == max(moments(day, begin.time(), zone)) + expect.grace


@given(EXPECTS, MOMENTS)
def test_a_file_is_never_expected_before_its_time_is_over(expect: Expect, last: datetime) -> None:
    due = deadline(expect, last)
    assert due is not None
    # A day on which clocks are put forward is an hour short.
    assert due >= last + expect.every + expect.grace - HOUR


@given(
    ZONES,
    WEEKDAYS,
    PAUSES,
    DATES,
    TIMES,
    st.lists(st.integers(0, 1), min_size=10, max_size=40),
)
@example(
    ZoneInfo("America/Chicago"),
    frozenset(range(7)),
    (),
    date(2026, 10, 28),
    time(1, 30),
    [0, 1] * 5,
)
@example(
    ZoneInfo("America/Chicago"), frozenset(range(7)), (), date(2026, 3, 5), time(2, 30), [1, 0] * 5
)  # fmt: skip
@example(
    ZoneInfo("America/Chicago"), frozenset(range(7)), (), date(2028, 2, 26), time(2), [0] * 10
)  # fmt: skip
def test_a_punctual_file_is_never_overdue_whenever_clocks_are_changed(  # noqa: PLR0913, PLR0917
    zone: ZoneInfo,
    days: frozenset[int],
    pause: tuple[DateRange, ...],
    start: date,
    at: time,
    readings: list[int],
) -> None:
    """It comes on each day of files at one time of day, at either reading of a time shown twice."""
    expect = Expect(DAY, timedelta(0), days, pause, zone)
    day = walked(expect, start, 0)
    last = moments(day, at, zone)[readings[0]]
    for reading in readings[1:]:
        day = walked(expect, day + DAY, 0)
        came = moments(day, at, zone)[reading]
        due = deadline(expect, last)
        assert due is not None
        assert came <= due
        # Nor is a file that does not come missed for longer than an hour.
        assert due - came <= 2 * HOUR
        last = came


@given(EXPECTS, MOMENTS, MOMENTS, MOMENTS)
def test_what_is_said_agrees_with_what_is_counted(
    expect: Expect, last: datetime, now: datetime, first: datetime
) -> None:
    standing = stand(expect, None, last, (first, last))
    told = tell(standing, expect.zone, now)
    assert told.startswith("No file since") == standing.is_overdue(now)
    unchanged = expect.unchanged_for is not None and last - first >= expect.unchanged_for
    assert ("has been the same" in told) == unchanged
