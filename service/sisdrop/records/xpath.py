"""Judge an XPath predicate before the first file does: what libxml2 would find only on the way."""

import re

from lxml import etree

_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_CALL = re.compile(r"([^\W\d][\w.-]*)\s*\(")
_PREFIX = re.compile(r"[\w*]\s*:\s*[\w*]")
# A slash with nothing before it begins at the document, as `//email` does.
_OUTSIDE = re.compile(
    r"(?:^|[(\[,|=<>+]|\b(?:and|or|div|mod))\s*/|\b(?:ancestor(?:-or-self)?|preceding|following)\s*::"
)
_ORDINAL = re.compile(r"\b(?:position|last)\s*\(")
_OPERATORS = frozenset({"and", "or", "div", "mod"})
_NODE_TESTS = frozenset({"comment", "text", "processing-instruction", "node"})
_FUNCTIONS = frozenset(
    {
        *("last", "position", "count", "id", "local-name", "namespace-uri", "name"),
        *("string", "concat", "starts-with", "contains", "substring-before", "substring-after"),
        *("substring", "string-length", "normalize-space", "translate"),
        *("boolean", "not", "true", "false", "lang"),
        *("number", "sum", "floor", "ceiling", "round"),
    }
)
_CALLABLE = _OPERATORS | _NODE_TESTS | _FUNCTIONS
# Evaluated at load, so that a wrong type (count of a text) shows before the first file does.
_EMPTY = "<user/>"
_FULL = """
<user>
  <primary_id>x</primary_id><first_name>x</first_name><last_name>x</last_name>
  <user_group desc="x">x</user_group>
  <expiry_date>2026-05-31</expiry_date><purge_date>2028-05-31</purge_date>
  <contact_info>
    <addresses><address preferred="true"><line1>x</line1><city>x</city><country>x</country>
      <address_types><address_type desc="x">x</address_type></address_types></address></addresses>
    <emails><email preferred="true"><email_address>x</email_address>
      <email_types><email_type desc="x">x</email_type></email_types></email></emails>
    <phones><phone preferred="true"><phone_number>x</phone_number>
      <phone_types><phone_type desc="x">x</phone_type></phone_types></phone></phones>
  </contact_info>
  <user_identifiers><user_identifier><id_type desc="x">x</id_type><value>x</value></user_identifier>
  </user_identifiers>
  <user_statistics><user_statistic><statistic_category>x</statistic_category></user_statistic>
  </user_statistics>
</user>"""
_PROBES = tuple(
    (etree.fromstring(record), etree.fromstring(f"<users>{_FULL}{record}{_FULL}</users>")[1])
    for record in (_EMPTY, _FULL)
)
_LEAVES = "looks outside the record; begin paths inside it, as in `.//email`"


def xpath_fault(xpath: str) -> str | None:
    """What is wrong with an XPath, None if nothing is.

    libxml2 finds an unknown function, variable or prefix only when it comes to it, which may be
    in the one record of a year; so these are looked for in the text.
    """
    if (fault := _syntax_fault(xpath)) is not None:
        return fault
    bare = _LITERAL.sub("''", xpath)
    unknown = [name for name in _CALL.findall(bare) if name not in _CALLABLE]
    if unknown:
        return f"calls {unknown[0]}(), which XPath 1.0 does not have"
    if "$" in bare or _PREFIX.search(bare.replace("::", " ")):
        return "uses a variable or a namespace prefix; records have neither"
    if _OUTSIDE.search(bare):
        return _LEAVES
    if _ORDINAL.search(_without_brackets(bare)):
        return "asks for the place of the record itself, which says nothing"
    return None


def _syntax_fault(xpath: str) -> str | None:
    try:
        etree.XPath(xpath)
    except etree.XPathSyntaxError as error:
        return f"is no XPath 1.0: {error}"
    except ValueError:
        return "holds a control character, which no XML can hold"
    return None


def _without_brackets(bare: str) -> str:
    while (shorter := _BRACKETS.sub("", bare)) != bare:
        bare = shorter
    return bare


def probe_fault(predicate: str) -> str | None:
    """What goes wrong when a predicate is evaluated on made-up records, None if nothing does.

    What it says of a record must not depend on whether others stand around it.
    """
    try:
        evaluate = etree.XPath(predicate)
        answers = [(evaluate(alone), evaluate(among)) for alone, among in _PROBES]
    except etree.XPathError as error:
        return f"cannot be evaluated: {error}"
    return _LEAVES if any(alone != among for alone, among in answers) else None
