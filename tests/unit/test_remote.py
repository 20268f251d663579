from datetime import UTC, datetime, timedelta, timezone

import pytest

from sisdrop.delivery.remote import (
    Absent,
    Conflict,
    Entry,
    Present,
    Taken,
    final_name,
    join,
    look_up,
    plan_sweep,
    resolve,
    temporary_name,
)

PATTERN = "{utc:%Y%m%dT%H%M%SZ}-{order:02d}-{stream}-{digest:.8}.zip"
DIGEST = "0123456789abcdef" * 4
NOW = datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC)
FINAL = "20261123T190301Z-01-students-01234567.zip"


def test_a_final_name_holds_time_order_stream_and_digest() -> None:
    assert final_name(PATTERN, NOW, 1, "students", DIGEST) == FINAL


def test_a_final_name_is_in_utc_whatever_zone_the_time_has() -> None:
    chicago = NOW.astimezone(timezone(timedelta(hours=-6)))
    assert final_name(PATTERN, chicago, 1, "students", DIGEST) == FINAL


def test_a_time_without_a_zone_names_nothing() -> None:
    with pytest.raises(ValueError, match="time zone"):
        final_name(PATTERN, NOW.replace(tzinfo=None), 1, "students", DIGEST)


@pytest.mark.parametrize(
    "pattern",
    [
        "{digest}.xml",
        ".{digest}.zip",
        "up/{digest}.zip",
        "up\\{digest}.zip",
        "a\n{digest}.zip",
        "{nobody}.zip",
        "{}.zip",
        "{stream.nothing}.zip",
        "{digest}{digest}{digest}{digest}.zip",
        "{order:%Q}.zip",
    ],
)
def test_a_pattern_that_makes_no_plain_visible_zip_name_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        final_name(pattern, NOW, 1, "students", DIGEST)


def test_names_sort_by_time_and_then_by_order() -> None:
    later = NOW + timedelta(seconds=1)
    names = [
        final_name(PATTERN, time, order, stream, DIGEST)
        for time, order, stream in [(NOW, 1, "zoo"), (NOW, 2, "art"), (later, 1, "art")]
    ]
    assert sorted(names) == names


def test_a_temporary_name_is_hidden_and_no_receiver_takes_it_for_a_zip() -> None:
    name = temporary_name(FINAL)
    assert name == f".{FINAL}.part"
    assert not name.endswith(".zip")
    assert not name.startswith(FINAL)


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("~/upload/ALMA/SIS", "/home/abc/upload/ALMA/SIS"),
        ("~/upload/", "/home/abc/upload"),
        ("~", "/home/abc"),
        ("~/", "/home/abc"),
        ("/srv/~/sis", "/srv/~/sis"),
        ("/srv/sis/", "/srv/sis"),
        ("/", "/"),
        ("~abc/upload", "~abc/upload"),
    ],
)
def test_only_a_leading_tilde_means_the_folder_where_sftp_starts(
    directory: str, expected: str
) -> None:
    assert resolve(directory, "/home/abc") == expected


def test_a_start_folder_that_is_the_root_gives_no_double_slash() -> None:
    assert resolve("~/upload", "/") == "/upload"
    assert join("/", "x.zip") == "/x.zip"


def test_nothing_there_is_absent() -> None:
    listing = {"other.zip": Entry(5), temporary_name(FINAL): Entry(3)}
    assert look_up(FINAL, 5, listing) == Absent()


def test_our_name_with_our_size_is_present() -> None:
    assert look_up(FINAL, 5, {FINAL: Entry(5), f"{FINAL}.old": Entry(5)}) == Present()


@pytest.mark.parametrize("entry", [Entry(4), Entry(None), Entry(5, is_file=False)])
def test_our_name_with_anything_else_under_it_is_a_conflict(entry: Entry) -> None:
    assert look_up(FINAL, 5, {FINAL: entry}) == Conflict(FINAL, entry.size)


@pytest.mark.parametrize("suffix", [".old", ".handled", "-20261123.old", "_x"])
def test_any_name_that_begins_with_ours_was_taken(suffix: str) -> None:
    assert look_up(FINAL, 5, {f"{FINAL}{suffix}": Entry(5)}) == Taken(f"{FINAL}{suffix}")


def test_a_folder_under_our_temporary_name_is_a_conflict() -> None:
    temporary = temporary_name(FINAL)
    listing = {temporary: Entry(4096, is_file=False)}
    assert look_up(FINAL, 5, listing) == Conflict(temporary, 4096)


def test_a_sweep_removes_exact_temporary_names_of_ours_and_nothing_else() -> None:
    listing = {
        ".a.zip.part": Entry(1),
        ".b.zip.part": Entry(1),
        ".c.zip.part": Entry(1, is_file=False),
        ".a.zip.part.old": Entry(1),
        "a.zip": Entry(1),
    }
    stale = frozenset({"a.zip", "c.zip", "d.zip"})
    assert plan_sweep(FINAL, stale, listing) == [".a.zip.part"]


def test_a_sweep_leaves_the_name_that_is_about_to_be_written() -> None:
    assert plan_sweep("a.zip", frozenset({"a.zip"}), {".a.zip.part": Entry(1)}) == []


def test_a_sweep_without_a_listing_tries_every_name() -> None:
    assert plan_sweep(FINAL, frozenset({"b.zip", "a.zip"}), None) == [".a.zip.part", ".b.zip.part"]
