"""One rule, and how rules are read from TOML. Pure: the text comes in, rules and problems go out.

A rule names the records that break it by a field (`fields.py`) or by an XPath 1.0 predicate, so
that rules are data which a campus can add to; only what neither can say is a named check of the
program.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sisdrop.model import Severity
from sisdrop.records import fields
from sisdrop.records.xpath import probe_fault, xpath_fault

RULE_ID = re.compile(r"[a-z]+\.[a-z0-9-]+")
REQUIRED = ("id", "severity", "message", "hint")
# What a rule may say about a field, and the predicate that it stands for.
FORMS: Mapping[str, Callable[[str], str]] = {
    "missing": lambda name: f"not({fields.there(name)})",
    "blank": fields.lacking,
    "several": fields.repeated,
    "present": fields.there,
}
OPTIONAL = ("why", *FORMS, "within", "xpath", "check")
CHECKS = frozenset(
    {
        "schema",
        "duplicate-primary-id",
        "duplicate-identifier",
        "identifier-repeated-in-record",
        "purge-before-expiry",
        "unknown-user-group",
        "would-erase",
    }
)

_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*rule[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a record must not do, with the words for people.

    What breaks it is one of: a record without a field (`missing`), one that has an element of the
    field's walk without it (`blank`), one with several of those elements (`several`), one with
    the field (`present`); an `xpath`, a predicate that is true for a record that breaks the rule,
    evaluated on the `user` element, or, with `within`, on each element that `within` selects from
    it, where one of them is enough; or the name of a `check`.
    """

    id: str
    severity: Severity
    message: str
    hint: str
    why: str = ""
    missing: str | None = None
    blank: str | None = None
    several: str | None = None
    present: str | None = None
    xpath: str | None = None
    within: str | None = None
    check: str | None = None

    @property
    def field(self) -> str | None:
        """The field that the rule asks for; None for other kinds of rule, and for `present`."""
        return self.missing or self.blank

    @property
    def predicate(self) -> str | None:
        """The whole predicate on a `user` element, None for a named check."""
        if self.xpath:
            return _within(self.xpath, self.within)
        for form, predicate in FORMS.items():
            if name := getattr(self, form):
                return f"boolean({predicate(name)})"
        return None


@dataclass(frozen=True, slots=True)
class FatalRule:
    """One thing that condemns a whole file, in words that hold no values."""

    id: str
    message: str
    hint: str
    why: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a rule file: the line where it is known, the rule's id, the sentence."""

    line: int | None
    rule: str | None
    message: str


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The rules of one file, in its order, and what is wrong with it."""

    about: str
    rules: tuple[Rule, ...]
    faults: tuple[Fault, ...]


def _within(xpath: str, within: str | None) -> str:
    # A number as predicate would mean a position, hence boolean().
    test = f"boolean({xpath})"
    return f"boolean({within}[{test}])" if within else test


def parse_rules(
    text: str, *, checks: frozenset[str] = frozenset(), taken: Iterable[str] = ()
) -> RuleFile:
    """Read the rules of a file.

    `checks` are the named checks that it may use, `taken` the ids that other rules have. A rule
    with a fault is left out of the rules.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return RuleFile("", (), (Fault(None, None, f"is not TOML: {error}"),))
    faults = [
        Fault(None, None, f"unknown key `{key}`; allowed are about and [[rule]]")
        for key in content
        if key not in {"about", "rule"}
    ]
    tables = content.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        return RuleFile("", (), (*faults, Fault(None, None, "each rule begins with [[rule]]")))
    rules: list[Rule] = []
    seen: set[str | None] = {*taken}
    for line, table in zip(_lines(text, len(tables)), tables, strict=True):
        rule_id, wrong = _text(table.get("id")), list(_faults(table, checks))
        if rule_id and rule_id in seen:
            wrong.append("there is a rule of that id already")
        seen.add(rule_id)
        faults += [Fault(line, rule_id, message) for message in wrong]
        if not wrong:
            rules.append(Rule(**{**table, "severity": Severity(table["severity"])}))
    return RuleFile(str(content.get("about", "")), tuple(rules), tuple(faults))


def _lines(text: str, count: int) -> list[int | None]:
    """The line of each rule's header; unknown when the text has other such lines too."""
    found: list[int | None] = [
        text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)
    ]
    return found if len(found) == count else [None] * count


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _faults(table: Mapping[str, Any], checks: frozenset[str]) -> Iterator[str]:
    allowed = (*REQUIRED, *OPTIONAL)
    for key, value in table.items():
        if key not in allowed:
            yield f"unknown key `{key}`; allowed are {', '.join(allowed)}"
        elif not isinstance(value, str) or not value.strip():
            yield f"`{key}` must be a text that is not empty"
    for key in REQUIRED:
        if key not in table:
            yield f"`{key}` is missing"
    known = {key: value for key, value in table.items() if isinstance(value, str)}
    if "id" in known and not RULE_ID.fullmatch(known["id"]):
        yield "`id` must look like campus.some-words: lower-case letters, a dot, then a-z 0-9 -"
    if "severity" in known and known["severity"] not in set(Severity):
        yield f"`severity` must be one of {', '.join(Severity)}"
    yield from _kind_faults(known, checks)


def _kind_faults(known: Mapping[str, str], checks: frozenset[str]) -> Iterator[str]:
    kinds = (*FORMS, "xpath", *(["check"] if checks else []))
    given = [kind for kind in (*FORMS, "xpath", "check") if kind in known]
    if "within" in known and given != ["xpath"]:
        yield "`within` goes with `xpath` only"
    if len(given) != 1:
        yield f"needs one of {', '.join(kinds)}"
    elif given == ["xpath"]:
        yield from _xpath_faults(known["xpath"], known.get("within"))
    elif given == ["check"]:
        if known["check"] not in checks:
            yield "`check` is for rules that are built in; write an `xpath`"
    elif known[given[0]] not in fields.NAMES:
        yield f"`{given[0]}` must be one of {', '.join(fields.NAMES)}"
    elif given == ["several"] and not fields.walked(known["several"]):
        able = filter(fields.walked, fields.NAMES)
        yield f"`several` must be one of {', '.join(able)}"


def _xpath_faults(xpath: str, within: str | None) -> Iterator[str]:
    parts = {"xpath": xpath} if within is None else {"within": within, "xpath": xpath}
    faults = [f"`{key}` {fault}" for key, part in parts.items() if (fault := xpath_fault(part))]
    yield from faults
    if not faults and (fault := probe_fault(_within(xpath, within))):
        yield f"`xpath` {fault}"


def parse_fatal(text: str) -> tuple[FatalRule, ...]:
    """Read the fatal rules; they are built in, so their file has no faults."""
    return tuple(FatalRule(**table) for table in tomllib.loads(text)["fatal"])
