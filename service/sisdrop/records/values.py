"""What each field of a record holds, as a digest that tells it from what it held in another file.

The fields are those of `fields.py`, each type of identifier, the emails and addresses that are not
preferred, and every other child of a record under its own name: together all that a record
carries. Neither the order of what may stand in any order counts, nor spaces around and between
words, nor what a load ignores (`desc`, `link`).
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import quoteattr

from lxml import etree

from sisdrop.records.chunk import Chunk, may_hold_no_break_spaces, parse_under
from sisdrop.records.fields import WALKS, expand

IDENTIFIER = "identifier:"
OTHER_EMAIL, OTHER_ADDRESS = "other_email", "other_address"
_MASK = 0xFFFF_FFFF
_PLACES = {field.name: (walk.path, field.test) for walk in WALKS for field in walk.fields}
_EMAILS, _ADDRESSES = _PLACES["preferred_email"][0], _PLACES["preferred_address"][0]
# Each element that such a field is made of is an item.
_WHOLE = ("phone", "preferred_email", "preferred_address", "note", "block", "statistic")
# Parts of a preferred address are fields themselves.
_PARTS = {
    "address_line1": "line1",
    "city": "city",
    "state_province": "state_province",
    "postal_code": "postal_code",
    "address_type": _PLACES["address_type"][1],
}
_LISTS = ("contact_info", "user_identifiers", "user_notes", "user_blocks", "user_statistics")
# What ends a record, an item, and a name or value in it: nothing that is told holds it, for each
# text has its spaces normalized.
_END, _NEXT, _IS = "'&#10;'", "'&#9;'", "'&#13;'"
_ATTRIBUTES = tuple(
    part
    for name in ("preferred", "preferred_sms", "segment_type")
    for part in (f"normalize-space(@{name})", _IS)
)
_SHEET = """\
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="text" encoding="UTF-8"/>
<xsl:template match="/*">{}</xsl:template>
</xsl:stylesheet>"""
_BY_NAME = '<xsl:sort select="concat(name(), normalize-space())"/>'


class ValueSheet:
    """The compiled stylesheets; they serve one thread."""

    def __init__(self) -> None:
        self._sheets = {padded: _compile(padded=padded) for padded in (True, False)}

    def read(self, chunk: Chunk, records: Sequence[int]) -> list[dict[str, int]]:
        """For some records of a chunk the fields that each has, with 32 bits for what it holds.

        Two values look the same once in four thousand million. The digests are Python's own hash
        under a key that is drawn at its start (PEP 456): they mean nothing outside this process.

        Raises:
            ChunkBroken: if it is not well-formed.
        """
        if not records:
            return []
        content = _only(chunk, records)
        root = parse_under(chunk.root, content, len(records))
        sheet = self._sheets[may_hold_no_break_spaces(content)]
        return [_digests(line) for line in str(sheet(root)).split("\n")[:-1]]


def _only(chunk: Chunk, records: Sequence[int]) -> bytes:
    if len(records) == len(chunk.spans):
        return chunk.content
    return b"".join(chunk.content[slice(*chunk.spans[index])] for index in records)


def _digests(line: str) -> dict[str, int]:
    """Several items of one name are summed up, so that their order does not count."""
    found: dict[str, int] = {}
    for item in line.split("\t")[:-1]:
        name, _, value = item.partition("\r")
        if value:
            found[name] = (found.get(name, 0) + hash(value)) & _MASK
    return found


def _compile(*, padded: bool) -> etree.XSLT:
    body = _each("*", "".join((*_items(padded=padded), _tell(_END))))
    nothing = etree.XSLTAccessControl.DENY_ALL  # type: ignore[attr-defined]  # not in the stubs
    return etree.XSLT(etree.fromstring(_SHEET.format(body)), access_control=nothing)


def _items(*, padded: bool) -> Iterator[str]:
    text = _filled(".", padded=padded)
    yield _each("*[not(*)]", _tell("name()", _IS, text, _NEXT))
    yield from _entries(padded=padded)
    parts = (_each(part, _tell(f"'{name}'", _IS, text, _NEXT)) for name, part in _PARTS.items())
    yield _each(str(_ADDRESSES), "".join(parts))
    yield _others(padded=padded)


def _entries(*, padded: bool) -> Iterator[str]:
    """The elements of lists, an item each: what stands in them goes by name, not by its order."""
    places = {f"'{name}'": _elements(name) for name in _WHOLE}
    places[f"'{OTHER_EMAIL}'"] = f"{_rest(_EMAILS)}[filled(email_address)]"
    places[f"'{OTHER_ADDRESS}'"] = _rest(_ADDRESSES)
    label = _filled("id_type", padded=padded)
    places[f"'{IDENTIFIER}', {label}"] = _elements("identifier")
    leaf = _BY_NAME + _tell("name()", "'='", _filled(".", padded=padded), _IS)
    leaves = _each("descendant::*[not(*) and normalize-space()]", leaf)
    for name, place in places.items():
        item = _tell(name, _IS, *_ATTRIBUTES) + leaves + _tell(_NEXT)
        yield _each(expand(place, padded=padded), item)


def _others(*, padded: bool) -> str:
    """All other children that hold elements: what stands in them, in its order."""
    lists = " or ".join(f"self::{name}" for name in _LISTS)
    filled = "descendant::*[normalize-space()]"
    attributes = f"{filled}/@*[name() != 'desc' and name() != 'link']"
    text = f'<xsl:if test="not(*)">{_tell(_filled(".", padded=padded))}</xsl:if>'
    inside = _each(f"{filled}|{attributes}", _tell("name()", "'='") + text + _tell(_IS))
    return _each(f"*[*][not({lists})]", _tell("name()", _IS) + inside + _tell(_NEXT))


def _elements(name: str) -> str:
    """The path to the elements that a field is made of."""
    path, test = _PLACES[name]
    return test if path is None else f"{path}[{test}]"


def _rest(path: str | None) -> str:
    """The path to the elements that do not meet the condition at the end of a path."""
    base, _, condition = str(path).removesuffix("]").partition("[")
    return f"{base}[not({condition})]"


def _filled(path: str, *, padded: bool) -> str:
    return expand(f"filled({path})", padded=padded)


def _each(path: str, body: str) -> str:
    return f"<xsl:for-each select={quoteattr(path)}>{body}</xsl:for-each>"


def _tell(*parts: str) -> str:
    # The references in it stand for line breaks and tabs, which an attribute would lose.
    quoted = quoteattr(f"concat({', '.join(parts)}, '')").replace("&amp;#", "&#")
    return f"<xsl:value-of select={quoted}/>"
