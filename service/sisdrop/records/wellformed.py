"""Find where a document stops being well-formed, and put the cause in words. Pure.

libxml2 decides whether a file is taken; expat is asked only for the place, which it gives to the
byte, and for a cause out of a closed list. libxml2's messages repeat what the document says.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from xml.parsers import expat

_LOOK_BACK = 64
_AMPERSAND = re.compile(rb"&#?[\w.:-]*\Z")
_IN_ATTRIBUTE = re.compile(rb"""=\s*(?:"[^"<]*|'[^'<]*)\Z""")


class Cause(StrEnum):
    """Why a document is not well-formed."""

    ENDED = "ended"
    AMPERSAND = "ampersand"
    LESS_THAN = "less_than"
    ENTITY = "entity"
    CHARACTER_REFERENCE = "character_reference"
    MISMATCH = "mismatch"
    JUNK = "junk"
    LATE_DECLARATION = "late_declaration"
    REPEATED_ATTRIBUTE = "repeated_attribute"
    PREFIX = "prefix"
    QUOTE = "quote"
    SYNTAX = "syntax"
    UNCLOSED = "unclosed"


# (what happened, what to do), for every cause.
TEXTS: dict[Cause, tuple[str, str]] = {
    Cause.ENDED: (
        "The file ends before its XML does.",
        "The export or the copy broke off: export the file again.",
    ),
    Cause.AMPERSAND: (
        "An ampersand (&) stands unescaped in the text.",
        "The export must write &amp; for &.",
    ),
    Cause.LESS_THAN: (
        "A less-than sign (<) stands unescaped in the text.",
        "The export must write &lt; for <.",
    ),
    Cause.ENTITY: (
        "An entity is used that XML does not know, as &nbsp; or &eacute; in web pages.",
        "XML knows &amp; &lt; &gt; &quot; and &apos;. Write the character itself in UTF-8.",
    ),
    Cause.CHARACTER_REFERENCE: (
        "A numbered character reference names a character that XML forbids.",
        "Let the export drop control characters from names and addresses.",
    ),
    Cause.MISMATCH: (
        "An end tag does not match the start tag before it.",
        "Look at the lines above for an element that was not closed.",
    ),
    Cause.JUNK: (
        "Something follows after the end of the XML.",
        "The file may be two exports put together: keep one root element.",
    ),
    Cause.LATE_DECLARATION: (
        "The XML declaration is not the very first thing, or stands twice.",
        "Remove the blank line or the text before <?xml.",
    ),
    Cause.REPEATED_ATTRIBUTE: (
        "An element has the same attribute twice.",
        "Let the export write each attribute once.",
    ),
    Cause.PREFIX: (
        "A name has a prefix that is declared nowhere.",
        "Remove the prefix, or declare it with xmlns on the root.",
    ),
    Cause.QUOTE: (
        "A tag or attribute is not written as XML wants it.",
        "Look for a missing quotation mark, space or > in the tag.",
    ),
    Cause.SYNTAX: (
        "This is not XML.",
        "An XML file begins with < as its first character; look at what the export wrote.",
    ),
    Cause.UNCLOSED: (
        "A comment, CDATA section or tag begins here and is never closed.",
        "Look for a missing --> or ]]> or >.",
    ),
}

_BY_CODE = {
    2: Cause.SYNTAX,
    3: Cause.ENDED,
    5: Cause.UNCLOSED,
    6: Cause.ENDED,
    7: Cause.MISMATCH,
    8: Cause.REPEATED_ATTRIBUTE,
    9: Cause.JUNK,
    11: Cause.ENTITY,
    14: Cause.CHARACTER_REFERENCE,
    17: Cause.LATE_DECLARATION,
    20: Cause.UNCLOSED,
    27: Cause.PREFIX,
}
_INVALID_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Break:
    """The first place that is not well-formed: its offset in the blocks, and the cause."""

    offset: int
    cause: Cause


class _DoctypeError(Exception):
    """A DOCTYPE came; the framer has its place, and nothing after it is looked at."""


def _stop_at_doctype(*_: object) -> None:
    raise _DoctypeError


def find_break(root_tag: bytes, blocks: Iterable[bytes]) -> Break | None:
    """Read `blocks` up to the first fault; None if there is none before their end.

    With a `root_tag` the blocks continue a document that is good so far and stands directly
    under its root.
    """
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartDoctypeDeclHandler = _stop_at_doctype
    recent, total = b"", len(root_tag)
    try:
        parser.Parse(root_tag, False)  # noqa: FBT003  # expat takes it by position only
        for block in blocks:
            recent, total = recent[-_LOOK_BACK:] + block, total + len(block)
            parser.Parse(block, False)  # noqa: FBT003  # as above
        parser.Parse(b"", True)  # noqa: FBT003  # as above
    except expat.ExpatError as error:
        index = max(parser.ErrorByteIndex, 0)
        at = max(len(recent) - (total - index), 0)
        return _explain(error.code, index - len(root_tag), recent[:at], recent[at:])
    except _DoctypeError:
        return None
    return None


def _explain(code: int, offset: int, before: bytes, after: bytes) -> Break:
    if code != _INVALID_TOKEN:
        cause = _BY_CODE.get(code, Cause.QUOTE)
        # expat points at the name in a wrong end tag; the tag begins two bytes before.
        return Break(offset - 2 * (cause is Cause.MISMATCH), cause)
    before = before[-_LOOK_BACK:]
    if found := _AMPERSAND.search(before):
        return Break(offset - len(found[0]), Cause.AMPERSAND)
    if before.endswith(b"<"):
        return Break(offset - 1, Cause.LESS_THAN)
    if after.startswith(b"<") and not _IN_ATTRIBUTE.search(before):
        return Break(offset, Cause.LESS_THAN)
    return Break(offset, Cause.QUOTE)
