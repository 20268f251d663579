import pytest

from sisdrop.records.framing import (
    Ailment,
    Closing,
    Epilog,
    Frame,
    Framer,
    Gap,
    Opening,
    Piece,
    Trouble,
)

LIMIT = 1 << 20


def frame(document: bytes, block: int = 1 << 18, limit: int = LIMIT) -> list[Piece]:
    framer = Framer(limit)
    pieces: list[Piece] = []
    for at in range(0, len(document), block):
        pieces += framer.feed(document[at : at + block])
    return pieces + framer.close()


def trouble(document: bytes, limit: int = LIMIT) -> Trouble:
    framer = Framer(limit)
    framer.feed(document)
    framer.close()
    assert framer.trouble is not None
    return framer.trouble


def records(document: bytes) -> list[bytes]:
    return [piece.raw for piece in frame(document) if isinstance(piece, Frame)]


def test_a_plain_document_is_cut_into_its_parts() -> None:
    assert frame(b"<?xml version='1.0'?>\n<users>\n<user>a</user>\n</users>\n") == [
        Opening(22, 2, b"<?xml version='1.0'?>\n", b"<users>", b"users", empty=False),
        Gap(29, 2, b"\n"),
        Frame(1, 30, 3, b"user", b"<user>a</user>"),
        Gap(44, 3, b"\n"),
        Closing(45, 4, b"</users>"),
        Epilog(53, 4, b"\n"),
    ]


def test_a_byte_order_mark_is_no_part_of_the_prolog_but_counts_in_offsets() -> None:
    opening = frame(b"\xef\xbb\xbf<users/>")[0]
    assert opening == Opening(3, 1, b"", b"<users/>", b"users", empty=True)


@pytest.mark.parametrize(
    "record",
    [
        b"<user/>",
        b"<user />",
        b"<user\n></user\n>",
        b"<user><user/></user>",
        b"<user><user>a</user><user></user></user>",
        b"<user><user_group>x</user_group></user>",
        b"<user><!-- </user> --></user>",
        b"<user><![CDATA[</user><user>]]></user>",
        b"<user><?pi </user> ?></user>",
        b"<user a='>' b=\"/>\"></user>",
        b"<user a='\"'><user b=\"'\"/></user>",
        b"<other><user></user></other>",
        b"<\xc3\xbcser></\xc3\xbcser>",
    ],
)
def test_a_record_ends_at_its_own_end_tag(record: bytes) -> None:
    assert records(b"<users>" + record + b" " + record + b"</users>") == [record, record]


def test_the_pieces_do_not_depend_on_the_blocks() -> None:
    document = (
        b"\xef\xbb\xbf<?xml version='1.0'?><!-- <users> --><users a='>'> text <!-- </user> -->"
        b"<user b='/>'><![CDATA[</user>]]><user/>x</user><?p <user> ?><user/></users><!-- e -->\n"
    )
    whole = frame(document)
    assert [frame(document, block) for block in (1, 2, 3, 7)] == [whole] * 4


def test_the_pieces_put_together_are_the_document() -> None:
    document = b"<!-- a --><users>x<user>1</user>y<user/></users> <!-- b -->"
    pieces = frame(document)
    assert isinstance(pieces[0], Opening)
    rest = b"".join(p.raw for p in pieces if not isinstance(p, Opening))
    assert pieces[0].prolog + pieces[0].tag + rest == document


def test_lines_and_ordinals_count_from_one() -> None:
    pieces = frame(b"<users>\n<user>\n</user>\n\n<user/></users>")
    found = [(p.ordinal, p.line, p.offset) for p in pieces if isinstance(p, Frame)]
    assert found == [(1, 2, 8), (2, 5, 24)]


@pytest.mark.parametrize(
    ("document", "ailment", "offset"),
    [
        (b"<!DOCTYPE users><users/>", Ailment.DECLARATION, 0),
        (b"<users><!ENTITY a 'b'></users>", Ailment.DECLARATION, 7),
        (b" hello", Ailment.TEXT, 1),
        (b"<users/> x", Ailment.TEXT, 9),
        (b"<users/><users/>", Ailment.TEXT, 8),
        (b"<users/><![CDATA[]]>", Ailment.TEXT, 8),
        (b"<users></user>", Ailment.MARKUP, 7),
        (b"<users><user a='<'/></users>", Ailment.MARKUP, 7),
        (b"<users>< user/></users>", Ailment.MARKUP, 7),
        (b"<users><user>", Ailment.ENDED, 13),
        (b"<users>", Ailment.ENDED, 7),
        (b"<users", Ailment.ENDED, 6),
        (b"", Ailment.ENDED, 0),
        (b"<users/><!-- ", Ailment.ENDED, 8),
    ],
)
def test_what_cannot_be_framed_is_named_with_its_place(
    document: bytes, ailment: Ailment, offset: int
) -> None:
    found = trouble(document)
    assert (found.ailment, found.offset) == (ailment, offset)


def test_a_record_beyond_the_limit_is_trouble_even_before_it_ends() -> None:
    framer = Framer(100)
    framer.feed(b"<users><user>" + b"x" * 200)
    assert framer.trouble == Trouble(Ailment.TOO_LARGE, 7, 1, 7, None)


def test_a_record_of_too_many_tags_is_too_large() -> None:
    assert trouble(b"<users><user>" + b"<a/>" * 20_001 + b"</user></users>").offset == 7


def test_a_forgotten_end_tag_is_remembered_by_the_record_that_begins_inside() -> None:
    found = trouble(b"<users><user>a</user><user>b<user>c</user></users>")
    assert found == Trouble(Ailment.ENDED, 50, record=2, record_offset=21, nested=28, complete=1)


def test_nothing_comes_after_trouble() -> None:
    framer = Framer(LIMIT)
    framer.feed(b"x")
    assert framer.feed(b"<users/>") == []
    assert framer.close() == []
