from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisdrop.units import (
    DateRange,
    format_duration,
    format_percentage,
    format_size,
    parse_date_range,
    parse_duration,
    parse_percentage,
    parse_size,
    parse_zone,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("15m", 900.0),
        ("36h", 129600.0),
        ("60d", 5184000.0),
        ("0s", 0.0),
        ("500ms", 0.5),
        ("1.5h", 5400.0),
        (" 5 s ", 5.0),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["30", "", "s", "-5s", "+5s", "5 sec", "1h30m", "5S", "1e3s", "٣s", "1234567890s", "nan"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (900.0, "15m"),
        (86400.0, "1d"),
        (129600.0, "36h"),
        (93600.0, "26h"),
        (90.0, "90s"),
        (0.0, "0s"),
        (0.5, "0.5s"),
        (0.001, "0.001s"),
    ],
)
def test_a_duration_is_written_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 315_360_000_000).map(lambda milliseconds: milliseconds / 1000))
def test_a_written_duration_reads_as_the_same(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MiB", 67108864),
        ("8GiB", 8589934592),
        ("4KiB", 4096),
        ("2TiB", 2199023255552),
        ("5MB", 5000000),
        ("5kB", 5000),
        ("5KB", 5000),
        ("100B", 100),
        ("64 mib", 67108864),
    ],
)
def test_a_size_is_read_as_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["64", "64M", "8Gi", "1.5GiB", "-1B", "iB", "", "1e3B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(67108864, "64MiB"), (1000, "1kB"), (1024, "1KiB"), (1023, "1023B"), (0, "0B")],
)
def test_a_size_is_written_in_the_largest_unit_that_fits(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(0, 10**15 - 1))
def test_a_written_size_reads_as_the_same(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("20%", 0.2), ("0%", 0.0), ("100%", 1.0), ("250%", 2.5), ("0.5%", 0.005), ("7 %", 0.07)],
)
def test_a_percentage_is_read_as_a_fraction(text: str, fraction: float) -> None:
    assert parse_percentage(text) == fraction


@pytest.mark.parametrize("text", ["20", "-5%", "%", "1e2%", "off", "20%%", "inf%"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="percentage"):
        parse_percentage(text)


@pytest.mark.parametrize(("fraction", "text"), [(0.2, "20%"), (1.0, "100%"), (0.0, "0%")])
def test_a_fraction_is_written_as_a_percentage(fraction: float, text: str) -> None:
    assert format_percentage(fraction) == text


@given(st.integers(0, 10**9).map(lambda thousandths: thousandths / 100_000))
def test_a_written_percentage_reads_as_the_same(fraction: float) -> None:
    assert parse_percentage(format_percentage(fraction)) == fraction


def test_a_range_of_dates_includes_both_ends() -> None:
    found = parse_date_range("2026-12-24/2027-01-02")
    assert found == DateRange(date(2026, 12, 24), date(2027, 1, 2))
    assert date(2026, 12, 24) in found
    assert date(2027, 1, 2) in found
    assert date(2027, 1, 3) not in found
    assert date(2026, 12, 23) not in found
    assert str(found) == "2026-12-24/2027-01-02"


def test_a_range_of_one_day_is_a_range() -> None:
    assert date(2026, 7, 4) in parse_date_range("2026-07-04/2026-07-04")


@pytest.mark.parametrize(
    "text", ["2026-12-24", "2027-01-02/2026-12-24", "2026-02-30/2026-03-01", "24.12./2.1.", ""]
)
def test_what_is_no_range_of_dates_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the calendar's own words differ by case
        parse_date_range(text)


def test_a_time_zone_is_known_by_its_name() -> None:
    assert parse_zone("America/Chicago") == ZoneInfo("America/Chicago")
    assert parse_zone("UTC") is UTC


@pytest.mark.parametrize("name", ["Chicago", "America", "../../etc/passwd", "/etc/localtime", ""])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the library's own words differ by case
        parse_zone(name)
