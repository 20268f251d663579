"""Human forms of durations, sizes, percentages and date ranges, and back again.

Pure and exact: what a `format_` function writes, its `parse_` function reads as the same value.
Durations are seconds, sizes are bytes, percentages are fractions (20 % is 0.2).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from typing_extensions import override

DURATION_PATTERN = r"^\d{1,9}(\.\d{1,9})?(ms|s|m|h|d)$"
SIZE_PATTERN = r"^\d{1,15}([kKMGT]i?)?B$"
PERCENTAGE_PATTERN = r"^\d{1,9}(\.\d{1,20})?%$"
DATE_RANGE_PATTERN = r"^\d{4}-\d{2}-\d{2}/\d{4}-\d{2}-\d{2}$"

SECOND = 1.0
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_SECONDS = {
    "d": Decimal(86400),
    "h": Decimal(3600),
    "m": Decimal(60),
    "s": Decimal(1),
    "ms": Decimal("0.001"),
}
_BYTES = {
    "TiB": 1024**4,
    "TB": 1000**4,
    "GiB": 1024**3,
    "GB": 1000**3,
    "MiB": 1024**2,
    "MB": 1000**2,
    "KiB": 1024,
    "kB": 1000,
    "B": 1,
}
_BYTES_BY_UNIT = {unit.lower(): size for unit, size in _BYTES.items()}

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h|d)", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})\s*((?:[kmgt]i?)?b)", re.ASCII | re.IGNORECASE)
_PERCENTAGE = re.compile(r"(\d{1,9}(?:\.\d{1,20})?)\s*%", re.ASCII)


@dataclass(frozen=True, slots=True)
class DateRange:
    """Whole days from `first` to `last`, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        """Whether a day lies in the range."""
        return self.first <= day <= self.last

    @override
    def __str__(self) -> str:
        """The range as the settings write it."""
        return f"{self.first.isoformat()}/{self.last.isoformat()}"


def parse_duration(text: str) -> float:
    """Read `90s`, `15m`, `36h`, `60d`, `500ms` as seconds.

    Raises:
        ValueError: if the text is no duration; a number without a unit is none.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a duration")
    return float(Decimal(found[1]) * _SECONDS[found[2]])


def format_duration(seconds: float) -> str:
    """Write seconds in the largest unit that divides them: 900 is `15m`."""
    exact = Decimal(repr(seconds))
    if not exact:
        return "0s"
    unit = next((u for u in ("d", "h", "m") if exact % _SECONDS[u] == 0), "s")
    return f"{_plain(exact / _SECONDS[unit])}{unit}"


def parse_size(text: str) -> int:
    """Read `64MiB`, `8GiB`, `500kB`, `100B` as bytes.

    Raises:
        ValueError: if the text is no size; a number without a unit is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a size")
    return int(found[1]) * _BYTES_BY_UNIT[found[2].lower()]


def format_size(size: int) -> str:
    """Write bytes in the largest unit that divides them: 67108864 is `64MiB`."""
    unit = next(u for u, step in _BYTES.items() if (size >= step and size % step == 0) or u == "B")
    return f"{size // _BYTES[unit]}{unit}"


def parse_percentage(text: str) -> float:
    """Read `20%` as the fraction 0.2.

    Raises:
        ValueError: if the text is no percentage; a number without the sign is none.
    """
    found = _PERCENTAGE.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a percentage")
    return float(Decimal(found[1]) / 100)


def format_percentage(fraction: float) -> str:
    """Write a fraction as a percentage: 0.2 is `20%`."""
    return f"{_plain(Decimal(repr(fraction)) * 100)}%"


def parse_date_range(text: str) -> DateRange:
    """Read `2026-12-24/2027-01-02`, both days included.

    Raises:
        ValueError: if the text is no range, or ends before it begins.
    """
    if re.fullmatch(DATE_RANGE_PATTERN, text.strip(), re.ASCII) is None:
        raise ValueError("not a range of dates")
    first, last = (date.fromisoformat(part) for part in text.strip().split("/"))
    if last < first:
        raise ValueError("ends before it begins")
    return DateRange(first, last)


def parse_zone(name: str) -> tzinfo:
    """Find a time zone by its name in the system's database; UTC is known without one.

    Raises:
        ValueError: if there is no zone of this name.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as unknown:
        raise ValueError("no such time zone") from unknown


def _plain(number: Decimal) -> str:
    """Digits without an exponent and without needless zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
