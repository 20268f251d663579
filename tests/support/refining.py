"""Refine a document given as bytes, with the built-in schema and rules."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

from lxml import etree

from sisdrop.model import Finding, Refined, Severity
from sisdrop.records.check import Checker
from sisdrop.records.facts import FactSheet
from sisdrop.records.refine import Limits, refine
from sisdrop.records.rules import Rule, RuleSet, load_rules
from sisdrop.records.schema import Schema, load_schema
from sisdrop.records.traits import Traits, TraitsReader

BUILTIN = ("alma", "ishare-public")
TODAY = date(2026, 11, 23)
LIMITS = Limits(max_file_size=1 << 30, max_record_size=4 << 20)


@cache
def builtin_schema() -> Schema:
    """The built-in schema, compiled once."""
    return load_schema(None)


@cache
def builtin_rules() -> RuleSet:
    """The built-in rules as they come."""
    return load_rules(BUILTIN, {}, ())


def checker(
    severity: Mapping[str, Severity] | None = None,
    user_groups: Sequence[str] = (),
    rules: Sequence[str] = BUILTIN,
) -> Checker:
    """A checker with some severities changed."""
    in_force = load_rules(rules, severity or {}, user_groups)
    return Checker(builtin_schema(), in_force, TODAY)


def traits(
    root: etree._Element, rules: RuleSet, today: date = TODAY, *, padded: bool = True
) -> list[Traits]:
    """What each child of `root` is, and which rules it breaks."""
    facts = FactSheet(rules.active).read(root, padded=padded)
    reader = TraitsReader(rules.active, rules.user_groups, today)
    return [reader.read(line) for line in facts.traits]


def broken(root: etree._Element, rules: RuleSet) -> list[tuple[etree._Element, Rule]]:
    """Each child of `root` with each rule that it breaks by itself."""
    pairs = zip(root, traits(root, rules), strict=True)
    return [(record, rule) for record, one in pairs for rule in one.broken]


def refined(
    document: bytes | str, folder: Path, using: Checker | None = None, limits: Limits = LIMITS
) -> Refined:
    """What becomes of a document dropped as `students.xml`; the zip lands in `folder`."""
    path = folder / "work"
    path.write_bytes(document.encode() if isinstance(document, str) else document)
    found = refine(
        path, None, "F1", "students.xml", folder, using or checker(), limits, lambda _: None
    )
    assert isinstance(found, Refined)
    return found


def sent(result: Refined) -> bytes:
    """The XML in the zip of a refined file."""
    assert result.bundle is not None
    with zipfile.ZipFile(io.BytesIO(result.bundle.path.read_bytes())) as archive:
        assert archive.testzip() is None
        return archive.read(result.bundle.entry)


def finding(result: Refined, rule: str) -> Finding:
    """The only finding of a rule."""
    (found,) = [one for one in result.findings if one.rule == rule]
    return found
