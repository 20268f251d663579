import pytest

from sisdrop.records.encoding import (
    ByteFault,
    ByteWatch,
    foreign_declaration,
    guess,
    wide_encoding,
)


def watch(content: bytes, block: int = 1 << 18) -> ByteFault | None:
    looking = ByteWatch()
    for at in range(0, len(content), block):
        looking.feed(content[at : at + block])
    return looking.fault


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"plain\t\r\n", None),
        ("Zoë 日本 😀\x7f\x85".encode(), None),
        (b"caf\xe9 x", ByteFault(3, b"\xe9")),
        (b"caf\xe9\xe9", ByteFault(3, b"\xe9")),
        ("Zoë".encode() + b" caf\xe9 x", ByteFault(8, b"\xe9", mixed=True)),
        (b"a\x1ab", ByteFault(1, b"\x1a", control=True)),
        (b"a\x00b", ByteFault(1, b"\x00", control=True)),
        (b"a\xef\xbf\xbeb", ByteFault(1, b"\xef\xbf\xbe", control=True)),
        (b"a\xed\xa0\x80b", ByteFault(1, b"\xed")),
        (b"\x1a\xff", ByteFault(0, b"\x1a", control=True)),
        (b"\xff\x1a", ByteFault(0, b"\xff")),
        (b"cut off \xe2\x82", None),
    ],
)
@pytest.mark.parametrize("block", [1, 2, 1 << 18])
def test_the_first_fault_is_found_to_the_byte_whatever_the_blocks(
    content: bytes, fault: ByteFault | None, block: int
) -> None:
    assert watch(content, block) == fault


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("<users/>".encode("utf-16"), "UTF-16"),
        ("<users/>".encode("utf-16-le"), "UTF-16"),
        ("<users/>".encode("utf-16-be"), "UTF-16"),
        ("<users/>".encode("utf-32"), "UTF-32"),
        ("<users/>".encode("utf-32-be"), "UTF-32"),
        (b"\xef\xbb\xbf<users/>", None),
        (b"<users/>", None),
    ],
)
def test_wide_encodings_show_in_the_first_bytes(head: bytes, name: str | None) -> None:
    assert wide_encoding(head) == name


@pytest.mark.parametrize(
    ("prolog", "offset"),
    [
        (b'<?xml version="1.0" encoding="UTF-8"?>', None),
        (b"<?xml version='1.0' encoding = 'utf-8'?>", None),
        (b"<?xml version='1.0'?>", None),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?>", 30),
        (b"<?xml version='1.0' encoding='utf8'?>", 30),
        (b"<!-- encoding='ISO-8859-1' -->", None),
    ],
)
def test_a_declaration_must_name_utf_8_or_nothing(prolog: bytes, offset: int | None) -> None:
    assert foreign_declaration(prolog) == offset


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ByteFault(0, b"\xe9"), "Windows-1252, where this byte is \u201cé\u201d"),
        (ByteFault(0, b"\x92", mixed=True), "two sources seem to be mixed"),
        (ByteFault(0, b"\x81"), "no character in Windows-1252"),
        (ByteFault(0, b"\xed"), "wrong UTF-16 conversion"),
        (ByteFault(0, b"\xc0"), "modified UTF-8"),
    ],
)
def test_bad_bytes_get_a_likely_story(fault: ByteFault, words: str) -> None:
    assert words in guess(fault)
