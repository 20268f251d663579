"""What a chunk is, and how its records are told apart."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sisdrop.records.chunk import (
    RESOURCE_LIMIT,
    Chunk,
    ChunkBroken,
    Root,
    find_spans,
    is_plain,
    may_hold_no_break_spaces,
    parse_under,
    stray_text,
)

ROOT = Root(b"<users>", b"</users>")
USER = b"<user><x/></user>"


def test_entities_are_never_resolved_and_nothing_is_fetched() -> None:
    with pytest.raises(ChunkBroken):
        parse_under(ROOT, b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'>", 0)


# Wherever bytes may stand in a record, or between two.
PLACES = (
    b"<user><x>a%bb</x></user>",
    b"<user><x>%b</x></user>",
    b"<user x='%b'/>",
    b"<user><!-- %b --></user>",
    b"<user><?p %b?></user>",
    b"<user><![CDATA[%b]]></user>",
    b"<user><a%b/></user>",
    b"<user a%b='1'/>",
    b"<user/>%b<user/>",
)
_SECOND = (0x00, 0x20, 0x3C, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xFF)
_THIRD = (b"", b"\x20", b"\x7f", b"\x80", b"\xbf", b"\xc0", b"\x80\x80", b"\xbf\xbf", b"\x80\x20")


def wrong_bytes() -> Iterator[bytes]:
    """Whatever is no UTF-8: every first byte, with what a decoder may stumble over behind it."""
    for first in range(0x80, 0x100):
        for rest in (b"", *(bytes([second]) + third for second in _SECOND for third in _THIRD)):
            try:
                (bytes([first]) + rest).decode()
            except UnicodeDecodeError:
                yield bytes([first]) + rest


@pytest.mark.parametrize("place", PLACES)
def test_bytes_that_are_no_utf_8_break_a_chunk_wherever_they_stand(place: bytes) -> None:
    """Nobody else looks for them while all goes well."""
    for wrong in wrong_bytes():
        for keep_blanks in (False, True):
            with pytest.raises(ChunkBroken):
                parse_under(ROOT, place % wrong, keep_blanks=keep_blanks)


@pytest.mark.parametrize("place", PLACES)
def test_control_characters_break_a_chunk_wherever_they_stand(place: bytes) -> None:
    forbidden = [bytes([c]) for c in range(0x20) if c not in b"\t\n\r"]
    for wrong in (*forbidden, b"\xef\xbf\xbe", b"\xef\xbf\xbf"):
        with pytest.raises(ChunkBroken):
            parse_under(ROOT, place % wrong)


def test_nothing_hides_behind_a_nul() -> None:
    with pytest.raises(ChunkBroken):
        parse_under(ROOT, USER + b"</users>\0" + USER)


def test_text_is_read_past_comments_and_cdata() -> None:
    element = parse_under(ROOT, b"<user>a<!-- x --><![CDATA[b]]><?p q?>c</user>", 1)
    assert etree.tostring(element[0]) == b"<user>abc</user>"


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (b" \n", []),
        (b" <!-- a --> <?b c?>\n", []),
        (b" a b <!-- c -->d", [b"a b", b"d"]),
        (b"<![CDATA[ <!-- ]]> <!-- x -->", [b"<![CDATA[ <!-- ]]>"]),
        (b"&#32;", []),
        (b"&#9;&#x0A; &#0013;&#xd;", []),
        (b"<![CDATA[ \n]]>&#32;", []),
        (b"a&#32; <!-- x -->&#32;", [b"a&#32;"]),
        (b"&#160;", [b"&#160;"]),
        (b"\xc2\xa0", [b"\xc2\xa0"]),
        (b"&amp;#32;", [b"&amp;#32;"]),
        (b"&#320;", [b"&#320;"]),
        (b"<![CDATA[&#32;]]>", [b"<![CDATA[&#32;]]>"]),
    ],
)
def test_text_between_records_is_told_from_comments(gap: bytes, text: list[bytes]) -> None:
    assert [gap[start:end] for start, end in stray_text(gap)] == text


def count(content: bytes, path: str) -> int:
    return int(str(parse_under(ROOT, content).xpath(f"string(count({path}))")))


WHITE = st.sampled_from([b" ", b"\n", b"\t", b"&#32;", b"&#x20;", b"&#xA;", b"<![CDATA[ ]]>"])
OTHER = st.sampled_from([b"x", b"&#160;", b"\xc2\xa0", b"&amp;", b"<![CDATA[<!--]]>", b"]"])
SKIPPED = st.sampled_from([b"<!-- x -->", b"<?x y?>", b"<!---->"])


@given(st.lists(WHITE | OTHER | SKIPPED, max_size=6).map(b"".join))
def test_text_is_what_the_parser_takes_for_more_than_whitespace(gap: bytes) -> None:
    spans = list(stray_text(gap))
    assert (spans != []) == (count(gap, "text()[normalize-space()]") > 0)
    left = bytearray(gap)
    for start, end in reversed(spans):
        del left[start:end]
    assert count(bytes(left), "text()[normalize-space()]") == 0


def spans(content: bytes) -> list[bytes]:
    elements, filled = count(content, "*"), count(content, "user[*]")
    return [content[a:b] for a, b in find_spans(ROOT, content, elements, filled)]


@pytest.mark.parametrize("between", [b"", b"\n", b"x ", b"<!-- </user> -->", b"<?x <user>?>"])
@pytest.mark.parametrize(
    "record",
    [
        USER,
        b"<user>\n<x/></user >",
        b"<user/>",
        b"<user a='>'\n/>",
        b"<user><user><x/></user></user>",
        b"<user><user></user></user\t>",
        b"<user><!-- </user> --><x/></user>",
        b"<user><x><![CDATA[</user>]]></x></user>",
        b"<user>" + b"<x>longer than a bounded search looks</x>" * 1000 + b"</user>",
        b"<foo><user/></foo>",
        b"<users><user></user></users>",
        b"<u:user xmlns:u='urn:u'><x/></u:user>",
    ],
)
def test_records_are_told_apart_whatever_they_are(record: bytes, between: bytes) -> None:
    alike = [USER, record, USER, record]
    assert spans(between.join(alike)) == alike
    assert spans(between + between.join(alike) + between) == alike


def test_a_chunk_knows_what_stands_between_its_records() -> None:
    made = Chunk(ROOT, b"ab<u/>c<u/>", ((2, 6), (7, 11)))
    assert [made.content[a:b] for a, b in made.gaps] == [b"ab", b"c", b""]
    assert [bytes(Chunk(ROOT, b"ab", ()).content[a:b]) for a, b in Chunk(ROOT, b"ab", ()).gaps] == [
        b"ab"
    ]


def test_lines_are_counted_from_the_first_of_the_chunk() -> None:
    made = Chunk(ROOT, b"\n<u>\n</u>\r\n\n<u/>", ((1, 9), (12, 16)))
    assert [made.first_line(record) for record in (1, 0)] == [4, 1]


def test_a_chunk_is_what_it_holds_not_what_was_asked_of_it() -> None:
    one, other = (Chunk(ROOT, b"\n<u/>", ((1, 5),)) for _ in range(2))
    assert one.first_line(0) == 1
    assert one == other


@pytest.mark.parametrize(
    "content",
    [b"", b"&", b"<user>", b"</users><users>", b"<user>&nbsp;</user>", b"<user a=1/>"],
)
def test_what_is_not_well_formed_or_of_another_number_is_broken(content: bytes) -> None:
    with pytest.raises(ChunkBroken):
        parse_under(ROOT, content, 1)


def test_a_broken_chunk_tells_libxml2s_code_and_nothing_of_the_file() -> None:
    with pytest.raises(ChunkBroken) as caught:
        parse_under(ROOT, b"<Secretname>" * 5000)
    assert caught.value.code == RESOURCE_LIMIT
    assert "Secretname" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        (b"<user>\n <x/>\n</user>", True),
        (b"<user>\r\n</user>", False),
        (b"<user><!-- x --></user>", False),
        (b"<user><![CDATA[x]]></user>", False),
        (b"<user><?x?></user>", False),
        (b"<user>what? yes!</user>", True),
    ],
)
def test_content_is_plain_without_comments_and_carriage_returns(
    content: bytes, plain: bool
) -> None:
    assert is_plain(content) == plain


BLANKS = st.text(st.sampled_from(" \n\t\r"), max_size=3)
PIECES = st.sampled_from(["x", "é", "&#32;", "&#10;", "&amp;", "&#160;", "<!-- x -->", "]"])
LEAF = st.builds(
    "<{0}>{1}</{0}>".format, st.sampled_from("ab"), st.lists(BLANKS | PIECES).map("".join)
)
TREES = st.recursive(
    LEAF,
    lambda inner: st.builds(
        "<{0}>{1}</{0}>".format,
        st.sampled_from("cd"),
        st.lists(BLANKS | inner, max_size=5).map("".join),
    ),
)


def leaves(root: etree._Element) -> list[tuple[str, str | None]]:
    return [(str(element.tag), element.text) for element in root.iter() if len(element) == 0]


@given(st.lists(TREES | BLANKS, max_size=5).map("".join))
def test_dropping_whitespace_changes_no_text_of_an_element_without_children(inner: str) -> None:
    content = f"<user>{inner}</user>".encode()
    kept, dropped = parse_under(ROOT, content, keep_blanks=True), parse_under(ROOT, content)
    assert leaves(dropped) == leaves(kept)


@pytest.mark.parametrize("size", [1, 299, 300, 301, 4000, 70_000])
@pytest.mark.parametrize("after", ["x", "é", "&#32;x", "&amp;", ""])
def test_long_whitespace_before_a_text_is_kept(size: int, after: str) -> None:
    blank = " " * size
    content = f"<user><x>{blank}{after}</x>{blank}<y>{after}{blank}</y></user>".encode()
    kept, dropped = parse_under(ROOT, content, keep_blanks=True), parse_under(ROOT, content)
    assert [x.text for x in dropped[0]] == [x.text for x in kept[0]]


@pytest.mark.parametrize(
    "text",
    ["\u00a0", "&#160;", "&#xA0;", "&#xa0;", "&#00160;", "&#x000a0;", "<![CDATA[\u00a0]]>"],
)
def test_a_no_break_space_is_expected_however_it_is_written(text: str) -> None:
    content = f"<user>{text}</user>".encode()
    assert parse_under(ROOT, content)[0].text == "\u00a0"
    assert may_hold_no_break_spaces(content)


def test_other_characters_are_no_no_break_spaces() -> None:
    assert not may_hold_no_break_spaces("<user>à &amp; #160; Ġ</user>".encode())
