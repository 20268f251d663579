"""A run of whole records under the root's start tag, parsed as a document of its own.

That is exact, not heuristic. If each chunk is well-formed, what stands between its root tags is
balanced content; content after content is content again; so the whole file is well-formed. If the
file is not, some chunk is not. And a cut in the wrong place (at an end tag inside a comment, say)
leaves a chunk that does not parse: `ChunkBroken`.

Offsets and lines in a chunk are its own, counted from 0.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise

from lxml import etree

from sisdrop.records.framing import Frame, Framer, holds_crowded_record, is_crowded_gap
from sisdrop.records.roots import RECORD

# libxml2's code for a text of more than 10 MB, or elements nested too deeply.
RESOURCE_LIMIT = 114
Span = tuple[int, int]
_START = b"<" + RECORD.encode()
_END = re.compile(rb"</" + RECORD.encode() + rb"[\s>]")
# Of what stands between records, all but comments and instructions is text,
_NO_TEXT = re.compile(rb"<!--.*?-->|<\?.*?\?>|(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
# but nobody minds whitespace, however it is written.
_BLANK = re.compile(rb"(?:\s|&#0*(?:9|10|13|32);|&#x0*(?:9|[aA]|[dD]|20);|<!\[CDATA\[\s*\]\]>)*+")


class ChunkBroken(Exception):
    """A chunk is not well-formed, or was cut in the wrong place. `code` is libxml2's."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(f"libxml2 error {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Root:
    """The root's start tag, the tag that ends it, and whether its attributes are valid."""

    tag: bytes
    end: bytes
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some bytes of a file, and where in them each record lies."""

    root: Root
    content: bytes
    spans: tuple[Span, ...]
    _first_lines: list[int] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def gaps(self) -> Iterator[Span]:
        """What stands between the records, before the first and after the last."""
        return _between(self.spans, len(self.content))

    def first_line(self, record: int) -> int:
        """The line in which a record begins; all are counted at once, when the first is asked."""
        if not self._first_lines:
            starts = [0, *(start for start, _ in self.spans)]
            between = (self.content.count(b"\n", *pair) for pair in pairwise(starts))
            self._first_lines.extend(accumulate(between))
        return self._first_lines[record]


def _between(spans: tuple[Span, ...], size: int) -> Iterator[Span]:
    edges = [0, *chain.from_iterable(spans), size]
    return zip(edges[::2], edges[1::2], strict=True)


def parse(document: bytes, *, drop_blanks: bool = False) -> etree._Element:
    """Parse one document without comments, instructions and entities; only elements are left.

    What is no UTF-8 is not well-formed either, nor what holds a control character.

    Raises:
        ChunkBroken: if it is not well-formed.
    """
    if b"\0" in document:  # which could end a parse early
        raise ChunkBroken
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        remove_blank_text=drop_blanks,
        collect_ids=False,
    )
    try:
        element = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise ChunkBroken(getattr(error, "code", 0)) from None
    # lxml forgives a prefix that is declared nowhere where a mere warning follows.
    if len(parser.error_log.filter_from_errors()):
        raise ChunkBroken
    return element


def parse_under(
    root: Root, content: bytes, records: int | None = None, *, keep_blanks: bool = False
) -> etree._Element:
    """Parse content under its root; `records` is how many elements it must hold.

    Whitespace between tags is dropped where that is faster, unless told otherwise.

    Raises:
        ChunkBroken: if it is not well-formed or holds another number of elements.
    """
    drop_blanks = not keep_blanks and is_plain(content)
    element = parse(root.tag + content + root.end, drop_blanks=drop_blanks)
    if records is not None and len(element) != records:
        raise ChunkBroken
    return element


def may_hold_no_break_spaces(content: bytes) -> bool:
    """Whether U+00A0 may stand in it, as a character or by its number."""
    return _holds(content, b"\xc2\xa0") or _holds(content, b"&#")


def is_plain(content: bytes) -> bool:
    """Whether whitespace between tags can be dropped and neither schema nor fields could tell.

    libxml2 keeps what is the whole text of an element, but not where a comment or a carriage
    return splits it.
    """
    return not (b"\r" in content or _holds(content, b"<!") or _holds(content, b"<?"))


def _holds(content: bytes, opener: bytes) -> bool:
    """Whether two bytes stand in it; the second, which is rare, is looked for first."""
    at = content.find(opener[1:])
    while at >= 0:
        if content.startswith(opener, at - 1):
            return True
        at = content.find(opener[1:], at + 1)
    return False


def find_spans(root: Root, content: bytes, elements: int, filled: int) -> tuple[Span, ...]:
    """Where the records lie in content that is known to be well-formed.

    `elements` stand directly under the root, of which `filled` are records that are no empty
    elements. If all are, and each end tag is written in the plain way, the end tags alone tell.

    Raises:
        ChunkBroken: if the framer finds something else or would stop at a piece.
    """
    spans = _by_end_tags(content) if filled == elements else None
    if spans is None or len(spans) != elements:
        spans = _by_framer(root, content)
    if len(spans) != elements:
        raise ChunkBroken
    if holds_crowded_record(content, spans):
        raise ChunkBroken
    gaps = () if is_plain(content) else _between(spans, len(content))
    if any(is_crowded_gap(content, start, end) for start, end in gaps):
        raise ChunkBroken
    return spans


def _by_end_tags(content: bytes) -> tuple[Span, ...] | None:
    """By the end tags. None if one has a space in it, or no record stands before it.

    If there are as many as records, they are theirs: each record has one at least, since none is
    written with a space in it.
    """
    ends = [tag.end() for tag in _END.finditer(content)]
    starts = [content.find(b"<", at) for at in (0, *ends[:-1])] if ends else []
    if not all(content.startswith(_START, start) for start in starts):
        return None
    if not all(content.startswith(b">", end - 1) for end in ends):
        return None
    return tuple(zip(starts, ends, strict=True))


def _by_framer(root: Root, content: bytes) -> tuple[Span, ...]:
    framer = Framer(len(root.tag) + len(content))
    pieces = framer.feed(root.tag + content)
    shift = len(root.tag)
    frames = [piece for piece in pieces if isinstance(piece, Frame)]
    return tuple((f.offset - shift, f.offset - shift + len(f.raw)) for f in frames)


def stray_text(raw: bytes) -> Iterator[Span]:
    """Where text stands in a gap: from the first to after the last byte that is no space."""
    at = 0
    passed = [m.span() for m in _NO_TEXT.finditer(raw) if m[1] is None]
    for end, following in [*passed, (len(raw), len(raw))]:
        text = raw[at:end]
        if not _BLANK.fullmatch(text):
            yield at + len(text) - len(text.lstrip()), at + len(text.rstrip())
        at = following
