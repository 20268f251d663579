from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sisdrop.expectation import Standing, deadline, local_time, stand, tell
from sisdrop.units import DateRange, parse_date_range
from support.expecting import expect

CHICAGO = ZoneInfo("America/Chicago")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WORKDAYS = frozenset(range(5))
CHRISTMAS = parse_date_range("2026-12-24/2027-01-02")
NIGHTLY: dict[str, Any] = {"every": DAY, "days": WORKDAYS, "zone": CHICAGO}


def at(text: str, fold: int = 0) -> datetime:
    """A local time in Chicago."""
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO, fold=fold)


def due(last: str, **changes: Any) -> str | None:
    """When the next file of a nightly load is expected, as local time."""
    found = deadline(expect(**NIGHTLY | changes), at(last))
    return None if found is None else f"{found.astimezone(CHICAGO):%Y-%m-%d %H:%M %Z}"


@pytest.mark.parametrize(
    ("last", "next_"),
    [
        ("2026-11-23 02:00", "2026-11-24 02:00 CST"),  # a Monday
        ("2026-11-27 02:00", "2026-11-30 02:00 CST"),  # over a weekend
        ("2026-11-28 13:00", "2026-11-30 13:00 CST"),  # by hand on a Saturday
        ("2026-10-30 02:00", "2026-11-02 02:00 CST"),  # clocks back on Sunday
        ("2027-03-12 02:00", "2027-03-15 02:00 CDT"),  # clocks forward on Sunday
        ("2028-02-28 02:00", "2028-02-29 02:00 CST"),  # a leap day
        ("2028-02-29 02:00", "2028-03-01 02:00 CST"),
        ("2026-12-31 23:59", "2027-01-01 23:59 CST"),
    ],
)
def test_a_nightly_file_is_expected_at_the_same_time_of_the_next_day_of_files(
    last: str, next_: str
) -> None:
    assert due(last) == next_


@pytest.mark.parametrize(
    ("last", "next_"),
    [
        ("2026-11-24 02:00", "2026-11-30 02:00 CST"),
        ("2026-11-27 02:00", "2026-11-30 02:00 CST"),
        ("2026-11-29 02:00", "2026-11-30 02:00 CST"),
    ],
)
def test_no_file_is_expected_in_a_pause(last: str, next_: str) -> None:
    assert due(last, pause=(parse_date_range("2026-11-25/2026-11-27"),)) == next_


def test_days_of_a_pause_are_not_counted() -> None:
    """A weekly file with a day to spare has that day after the pause, too."""
    weekly: dict[str, Any] = {"every": 8 * DAY, "days": frozenset(range(7))}
    assert due("2026-12-20 02:00", **weekly) == "2026-12-28 02:00 CST"
    assert due("2026-12-20 02:00", **weekly, pause=(CHRISTMAS,)) == "2027-01-07 02:00 CST"
    overlapping = (parse_date_range("2026-12-28/2027-01-02"), CHRISTMAS)
    assert due("2026-12-20 02:00", **weekly, pause=overlapping) == "2027-01-07 02:00 CST"


def test_a_pause_may_begin_or_end_anywhere() -> None:
    day = DateRange(date(2026, 11, 24), date(2026, 11, 24))
    before, after = parse_date_range("2026-01-01/2026-11-20"), parse_date_range(f"{CHRISTMAS}")
    assert due("2026-11-23 02:00", pause=(day, before, after)) == "2026-11-25 02:00 CST"


def test_one_day_of_the_week_can_be_the_only_one() -> None:
    sunday = frozenset({6})
    assert due("2026-11-22 02:00", every=7 * DAY, days=sunday) == "2026-11-29 02:00 CST"
    assert due("2026-11-23 02:00", every=7 * DAY, days=sunday) == "2026-12-06 02:00 CST"


def test_hours_are_hours_also_when_clocks_are_changed() -> None:
    often: dict[str, Any] = {"every": 6 * HOUR, "days": frozenset(range(7))}
    assert due("2026-11-01 00:30", **often) == "2026-11-01 05:30 CST"
    assert due("2027-03-14 00:30", **often) == "2027-03-14 07:30 CDT"


def test_a_time_that_clocks_show_twice_or_never_is_the_later_one() -> None:
    daily: dict[str, Any] = {"days": frozenset(range(7))}
    assert due("2026-10-31 01:30", **daily) == "2026-11-01 01:30 CST"
    assert due("2027-03-13 02:30", **daily) == "2027-03-14 03:30 CDT"


def test_grace_is_added_after_all() -> None:
    assert due("2026-11-27 23:00", grace=6 * HOUR) == "2026-12-01 05:00 CST"


def test_a_pause_without_end_expects_nothing() -> None:
    assert due("2026-11-23 02:00", pause=(parse_date_range("2026-01-01/9999-12-31"),)) is None
    assert deadline(expect(every=3650 * DAY), datetime(9999, 1, 1, tzinfo=UTC)) is None


def test_a_stream_is_overdue_after_its_deadline_and_not_before() -> None:
    last = at("2026-11-23 02:00")
    stands = stand(expect(**NIGHTLY), None, last, None)
    assert not stands.is_overdue(last + DAY)
    assert stands.is_overdue(last + DAY + timedelta(microseconds=1))


def test_a_stream_without_a_file_is_waited_for_since_it_is_watched() -> None:
    since = at("2026-11-23 02:00")
    assert stand(expect(**NIGHTLY), since, None, None).deadline == since + DAY
    assert stand(expect(**NIGHTLY), since, since + 3 * HOUR, None).deadline == since + 27 * HOUR
    assert stand(expect(**NIGHTLY), None, None, None).deadline is None


def test_files_may_be_the_same_for_so_long() -> None:
    first = at("2026-11-16 02:00")
    week = expect(unchanged_for=7 * DAY)
    for age, since in ((6 * DAY, None), (7 * DAY, first), (20 * DAY, first)):
        assert stand(week, None, first + age, (first, first + age)).unchanged_since == since
    assert stand(week, None, first, None).unchanged_since is None
    assert stand(expect(), None, first, (first, first + 99 * DAY)).unchanged_since is None


# In words.


def said(now: str, **changes: Any) -> str:
    last = at("2026-11-23 02:00")
    times: dict[str, Any] = {"last_came": last, "deadline": last + 28 * HOUR} | changes
    stands = Standing(
        watched_since=last, **{"unchanged_since": None, **times}
    )  # fmt: skip
    return tell(stands, CHICAGO, at(now))


def test_what_is_expected_is_told_in_local_time() -> None:
    assert said("2026-11-23 12:00") == (
        "Next file expected by Tue 24 Nov 06:00 CST; the last came Mon 23 Nov 02:00 CST."
    )
    assert said("2026-11-23 12:00", last_came=None) == (
        "Next file expected by Tue 24 Nov 06:00 CST; none yet."
    )
    assert said("2026-11-23 12:00", deadline=None) == "No file is expected."


def test_what_is_missing_is_told_with_what_to_do() -> None:
    assert said("2026-11-24 06:01") == (
        "No file since Mon 23 Nov 02:00 CST, and one was expected by Tue 24 Nov 06:00 CST: "
        "ask the SIS office whether the export ran."
    )
    assert said("2026-11-24 06:01", last_came=None).startswith("No file has come yet, and one was")


def test_what_never_changes_is_told_beside_it() -> None:
    assert said("2026-11-23 12:00", unchanged_since=at("2026-11-02 02:00")).endswith(
        " Every file since Mon 2 Nov 02:00 CST has been the same: "
        "ask the SIS office whether the export still reads current data."
    )


def test_another_year_is_named() -> None:
    moment = at("2026-12-31 02:00")
    assert local_time(moment, CHICAGO, at("2027-01-01 00:00")) == "Thu 31 Dec 2026 02:00 CST"
    assert local_time(moment, CHICAGO, at("2026-12-31 23:00")) == "Thu 31 Dec 02:00 CST"
