"""When the next file of a stream is expected, and whether what comes still changes. Pure.

A file counts as come when it is taken from the inbox, whatever becomes of it: what is wrong with
it is told elsewhere, and silence is about absence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from sisdrop.units import DateRange

_DAY = timedelta(days=1)
_ASK = "ask the SIS office whether the export"


@dataclass(frozen=True, slots=True)
class Expect:
    """What the settings say of one stream: how often files come, and on which days in `zone`.

    `days` are weekdays, 0 is Monday. `unchanged_for` is how long every file may be the same.
    """

    every: timedelta
    grace: timedelta
    days: frozenset[int]
    pause: tuple[DateRange, ...]
    zone: tzinfo
    unchanged_for: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How one stream stands. Times are UTC; a time that does not exist is None.

    `watched_since` is when the service first looked for it. `deadline` is when the next file should
    have come at the latest. `unchanged_since` is when the file came that every later one repeats,
    set once that lasts for longer than it may.
    """

    watched_since: datetime | None
    last_came: datetime | None
    deadline: datetime | None
    unchanged_since: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Whether a file should have come by now."""
        return self.deadline is not None and self.deadline < now


def stand(
    expect: Expect,
    watched_since: datetime | None,
    last_came: datetime | None,
    repeats: tuple[datetime, datetime] | None,
) -> Standing:
    """How a stream stands; a stream without any file is waited for since it is watched.

    `repeats` is when the file came that the newest one repeats, and when the newest one came.
    """
    begin = last_came or watched_since
    return Standing(
        watched_since,
        last_came,
        None if begin is None else deadline(expect, begin),
        _unchanged_since(expect, repeats),
    )


def _unchanged_since(expect: Expect, repeats: tuple[datetime, datetime] | None) -> datetime | None:
    if repeats is None or expect.unchanged_for is None:
        return None
    first, last = repeats
    return first if last - first >= expect.unchanged_for else None


def deadline(expect: Expect, last: datetime) -> datetime | None:
    """When the file after the one of `last` should have come at the latest, in UTC.

    Whole days of `every` are days of the calendar: the time of day stays the same when clocks are
    changed. Days of a pause are not counted. What falls on a day without files is expected at the
    same time of the next day with files. None if no such day is left.
    """
    days, rest = divmod(expect.every, _DAY)
    try:
        begin = (last.astimezone(UTC) + rest).astimezone(expect.zone)
        day = _day_with_files(expect, _count_on(expect.pause, begin.date(), days))
        due = begin if day == begin.date() else _at(day, begin.time(), expect.zone)
        return due.astimezone(UTC) + expect.grace
    except OverflowError:
        return None


def _count_on(pause: Iterable[DateRange], start: date, days: int) -> date:
    """The day that is so many days after `start`, days of a pause not counted."""
    end, seen = start + days * _DAY, start
    for span in sorted(pause, key=lambda span: span.first):
        first = max(span.first, seen + _DAY)
        if first > end:
            break
        if span.last >= first:
            end += span.last - first + _DAY
            seen = span.last
    return end


def _day_with_files(expect: Expect, day: date) -> date:
    """The first day from `day` on that is a day of files and in no pause."""
    while True:
        ends = [span.last for span in expect.pause if day in span]
        if ends:
            day = max(ends) + _DAY
        elif day.weekday() not in expect.days:
            day += _DAY
        else:
            return day


def _at(day: date, at: time, zone: tzinfo) -> datetime:
    """A time of day; the later moment where clocks that are changed show it twice, or never."""
    return max(
        datetime.combine(day, at.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1)
    )


# In words.


def tell(standing: Standing, zone: tzinfo, now: datetime) -> str:
    """How a stream stands, in one or two sentences with local times."""
    by = standing.deadline and local_time(standing.deadline, zone, now)
    came = standing.last_came and local_time(standing.last_came, zone, now)
    if standing.is_overdue(now):
        since = f"No file since {came}" if came else "No file has come yet"
        told = f"{since}, and one was expected by {by}: {_ASK} ran."
    elif by:
        told = f"Next file expected by {by}; " + (f"the last came {came}." if came else "none yet.")
    else:
        told = "No file is expected."
    if standing.unchanged_since is None:
        return told
    first = local_time(standing.unchanged_since, zone, now)
    return f"{told} Every file since {first} has been the same: {_ASK} still reads current data."


def local_time(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """A moment as people there write it: `Tue 24 Nov 06:00 CST`, with the year if it is another."""
    local = moment.astimezone(zone)
    year = "" if local.year == now.astimezone(zone).year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M %Z}"
