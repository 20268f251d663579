from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisdrop import plain

CHICAGO_WINTER = timezone(timedelta(hours=-6))


@given(st.text(st.characters(), max_size=50))
def test_visible_text_is_printable_and_can_be_written(text: str) -> None:
    shown = plain.visible(text)
    assert shown.isprintable()
    shown.encode()


def test_visible_leaves_the_letters_of_all_languages_alone() -> None:
    assert plain.visible("Łódź 学生 é.xml") == "Łódź 学生 é.xml"


def test_visible_spells_out_what_nobody_can_see() -> None:
    assert plain.visible("a\n\x1b\u202e\u00a0\udc92b") == r"a\n\x1b\u202e\xa0\udc92b"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0.0 %"),
        (10, 10, "100.0 %"),
        (99_999, 100_000, "99.9 %"),
        (1, 100_000, "0.1 %"),
        (1, 3, "33.3 %"),
        (0, 0, "-"),
    ],
)
def test_percent_says_all_and_none_only_when_it_is_so(part: int, whole: int, text: str) -> None:
    assert plain.percent(part, whole) == text


def test_times_are_shown_in_utc_whatever_zone_they_came_in() -> None:
    evening = datetime(2026, 11, 23, 19, 3, 1, 999, tzinfo=CHICAGO_WINTER)
    assert plain.rfc3339(evening) == "2026-11-24T01:03:01Z"
    assert plain.clock_time(evening.astimezone(UTC)) == "2026-11-24 01:03 UTC"


def test_counts_read_as_people_write_them() -> None:
    assert plain.quantity(1, "record") == "1 record"
    assert plain.quantity(1200, "record") == "1,200 records"
    assert plain.quantity(2, "file waits", "files wait") == "2 files wait"
    assert plain.label("preferred_email") == "Preferred email"
    assert plain.label("") == ""
    assert plain.label("identifier:01") == "Identifier of type 01"
    assert plain.hex_pairs("e28099") == "e2 80 99"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("user group STAFF: 3 now", "User group STAFF: 3 now."),
        ("Done already.", "Done already."),
        ("was it rolled over?", "Was it rolled over?"),
        ("expiry_date is missing", "expiry_date is missing."),
        ("sisdrop check says more", "sisdrop check says more."),
        ("3 people", "3 people."),
        ("  ", ""),
    ],
)
def test_a_fragment_becomes_a_sentence_and_names_keep_their_spelling(text: str, told: str) -> None:
    assert plain.sentence(text) == told
