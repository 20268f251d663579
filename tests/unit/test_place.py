import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisdrop.model import Excerpt
from sisdrop.records import place


def source(content: bytes) -> io.BytesIO:
    return io.BytesIO(content)


@given(
    st.text(st.sampled_from("ab\nü学\U0001f600"), max_size=40), st.booleans(), st.integers(0, 40)
)
def test_a_place_is_counted_in_lines_and_characters(text: str, mark: bool, index: int) -> None:
    index = min(index, len(text))
    bom = b"\xef\xbb\xbf" if mark else b""
    offset = len(bom) + len(text[:index].encode())
    before = text[:index]
    expected = (before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)
    if offset != len(bom) or not mark:
        assert place.locate(source(bom + text.encode()), offset) == expected


def test_a_line_longer_than_a_block_is_counted_whole() -> None:
    content = "é".encode() * 400_000 + b"&"
    assert place.locate(source(content), len(content) - 1) == (1, 400_001)


@pytest.mark.parametrize(
    ("content", "found"),
    [("ü&".encode(), "ü".encode()), (b"\xfcb", b"\xfc"), (b"\xe2\x82", b"\xe2"), (b"", b"")],
)
def test_a_character_is_whole_or_one_byte(content: bytes, found: bytes) -> None:
    assert place.character(source(content), 0) == found


def at(content: bytes, mark: bytes) -> Excerpt | None:
    offset = content.index(mark)
    return place.excerpt(source(content), offset, mark)


def test_an_excerpt_is_the_line_around_the_place() -> None:
    assert at(b"<a>\r\n  <b>x & y</b>\r\n</a>", b"&") == Excerpt("<b>x ", "&", " y</b>")


def test_an_excerpt_of_a_long_line_keeps_what_is_near() -> None:
    found = at("ä".encode() * 500 + b"&" + "ö".encode() * 500, b"&")
    assert found == Excerpt("ä" * 30, "&", "ö" * 30)


def test_an_excerpt_never_begins_or_ends_in_half_a_character() -> None:
    found = at(b"x" + "学".encode() * 50 + b"ab&cd" + "学".encode() * 50, b"&")
    assert found == Excerpt("学" * 19 + "ab", "&", "cd" + "学" * 19)


def test_an_excerpt_spells_out_bytes_that_are_no_text() -> None:
    assert at(b"M\xfcller & M\xfcller", b"\xfc") == Excerpt("M", r"\xfc", r"ller & M\xfcller")


def test_an_excerpt_at_the_end_is_the_last_line() -> None:
    assert place.excerpt(source(b"<a>\n<b>\n"), 8, b"") == Excerpt("<b>", "", "")


def test_an_excerpt_at_a_line_end_shows_nothing_of_the_next_line() -> None:
    assert place.excerpt(source(b"<a\n>"), 2, b"\n") == Excerpt("<a", "", "")


@pytest.mark.parametrize("content", [b"<\0?\0x", b"PK\x03\x04PK&", b"&\x01"])
def test_there_is_no_excerpt_of_what_is_no_text(content: bytes) -> None:
    assert place.excerpt(source(content), 0, content[:1]) is None
