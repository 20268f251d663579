"""Have libxslt write down, in one pass over a chunk, all that is asked of its records.

One stylesheet for all fields and rules: what XPath alone would answer question by question, with
a walk through the records for each, is one walk here, and needs the interpreter lock only for
its result. Three lines come out for each record: what it is, whose, and by which other names.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from lxml import etree

from sisdrop.records.fields import WALKS, Field, Walk, expand
from sisdrop.records.rule import Rule

_TAB, _NEWLINE = "'&#9;'", "'&#10;'"
# The children of a record whose text is told, by which records are counted.
COLUMNS = ("user_group", "expiry_date", "purge_date", "status")
# Whatever else is told in words, or asked for by its words.
_WORDED = (
    "primary_id",
    "user_identifiers/user_identifier/id_type",
    "user_identifiers/user_identifier/value",
    "contact_info/addresses/address/address_types/address_type",
)
_NESTED = etree.XPath(" or ".join(f"*/{path}/*" for path in (*COLUMNS, *_WORDED)))
_HEADER = ("count(user)", "count(user[*])", "count(text()[normalize-space()])")
_SHEET = """\
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="text" encoding="UTF-8"/>
<xsl:template match="/*">{}</xsl:template>
</xsl:stylesheet>"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands in a chunk: parallel lists with a line for each child of the root.

    `traits` are for `TraitsReader`. `named` are the primary ids as they stand there, `primaries`
    the same in the form in which they are compared, and so are `others`, the values of all other
    identifiers with a tab before each. `users` of the children are records, `filled` of these are
    not empty elements; `is_strewn` says that text stands between them.
    """

    users: int
    filled: int
    is_strewn: bool
    traits: list[str]
    named: list[str]
    primaries: list[str]
    others: list[str]


class FactSheet:
    """The compiled stylesheets. They serve one thread: each worker makes its own."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        asked = [rule for rule in rules if rule.xpath]
        self._sheets = {padded: _compile(asked, padded=padded) for padded in (True, False)}

    def read(self, root: etree._Element, *, padded: bool) -> Facts:
        """Write down a chunk. Where no-break spaces cannot occur, not `padded` is faster."""
        header, *lines = str(self._sheets[padded](root)).split("\n")[:-1]
        users, filled, texts = map(int, header.split("\t"))
        named, others = lines[1::3], comparable(lines[2::3])
        return Facts(users, filled, texts > 0, lines[::3], named, comparable(named), others)


def is_nested(root: etree._Element) -> bool:
    """Whether elements stand in what is told, so that the whitespace between these counts."""
    return bool(_NESTED(root))


def comparable(named: list[str]) -> list[str]:
    """Lines of identifiers in the form in which two of them are the same for Alma."""
    if not named:
        return []
    text = "\n".join(named).casefold()
    lines = text.split("\n")
    if text.isascii():
        return lines
    # XPath knows four kinds of space, Unicode many more.
    return ["\t".join(value.strip() for value in line.split("\t")) for line in lines]


def _compile(rules: Sequence[Rule], *, padded: bool) -> etree.XSLT:
    walks = [_told(number, walk, padded=padded) for number, walk in enumerate(WALKS)]
    body = "".join(
        (
            _value(f"concat({_joined(_HEADER)}, {_NEWLINE})"),
            '<xsl:for-each select="*">',
            _value(f"concat({_joined(f'normalize-space({name})' for name in COLUMNS)}, {_TAB})"),
            _marks(rules),
            *walks,
            _value(f"concat({_NEWLINE}, normalize-space(primary_id), {_NEWLINE})"),
            '<xsl:for-each select="user_identifiers/user_identifier/value">',
            _value(f"concat({_TAB}, normalize-space())"),
            "</xsl:for-each>",
            _text("&#10;"),
            "</xsl:for-each>",
        )
    )
    nothing = etree.XSLTAccessControl.DENY_ALL  # type: ignore[attr-defined]  # not in the stubs
    return etree.XSLT(etree.fromstring(_SHEET.format(body)), access_control=nothing)


def _told(number: int, walk: Walk, *, padded: bool) -> str:
    """A column for each element of a walk: the walk's number, what is there, the label.

    Nothing between number and label is the usual case: what is not rare is there, and no more.
    """
    tests = [expand(field.test, padded=padded) for field in asked(walk)]
    told = ", ".join(f"boolean({test})" for test in tests)
    usual = " and ".join(
        f"not({test})" if field.rare else f"boolean({test})"
        for field, test in zip(asked(walk), tests, strict=True)
    )
    label = f", normalize-space({walk.label})" if walk.label else ""
    # A number in XPath would be formatted as one, each time.
    whole = _value(f"concat('&#9;{number};'{label})") if label else _text(f"&#9;{number};")
    parts = _value(f"concat('&#9;{number}', {told}, ';'{label})")
    choice = (
        f"<xsl:choose><xsl:when test={quoteattr(usual)}>{whole}</xsl:when>"
        f"<xsl:otherwise>{parts}</xsl:otherwise></xsl:choose>"
    )
    if walk.path is None:
        return choice
    return f"<xsl:for-each select={quoteattr(walk.path)}>{choice}</xsl:for-each>"


def asked(walk: Walk) -> list[Field]:
    """The fields of a walk that are asked for, in the order of the answers."""
    return [field for field in walk.fields if not field.told]


def _marks(rules: Sequence[Rule]) -> str:
    """The ids of the XPath rules that a record breaks; one test over all comes first."""
    if not rules:
        return ""
    each = "".join(
        f"<xsl:if test={quoteattr(rule.predicate or '')}>{_text(rule.id + ' ')}</xsl:if>"
        for rule in rules
    )
    any_rule = " or ".join(rule.predicate or "" for rule in rules)
    return f"<xsl:if test={quoteattr(f'self::user and ({any_rule})')}>{each}</xsl:if>"


def _joined(parts: Iterable[str]) -> str:
    return f", {_TAB}, ".join(parts)


def _value(xpath: str) -> str:
    # The references in it stand for tabs and line breaks, which an attribute would lose.
    quoted = quoteattr(xpath).replace("&amp;#", "&#")
    return f"<xsl:value-of select={quoted}/>"


def _text(text: str) -> str:
    return f"<xsl:text>{text}</xsl:text>"
