"""What a report says of the rules that were broken: how far each reaches, what lets it pass.

Pure. The HTML page, the JSON and the text on a terminal say the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sisdrop import words
from sisdrop.model import Fatal, Finding, Severity
from sisdrop.plain import number, quantity, sentence

# Left out whatever their severity: `validation.duplicates` decides about them, not this setting.
_NOT_BY_SEVERITY = frozenset({"alma.duplicate-primary-id"})
_OF_WHOLE_FILE = frozenset({"xml.empty", "xml.no-records", "xml.too-large"})
_OF_BYTES = frozenset({"xml.encoding", "xml.control-character"})


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """One rule with all that was found of it, the most frequent first.

    Only the schema has more than one finding: one for each element and kind of fault.
    """

    rule: str
    severity: Severity
    title: str
    hint: str
    why: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Systematic:
    """What most records have wrong: a sentence for each finding, and the setting, if any."""

    sentences: tuple[str, ...]
    setting: str | None


def by_rule(findings: Iterable[Finding]) -> list[BrokenRule]:
    """Findings as people should read them: errors first, then the most frequent."""
    rules: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in sorted(findings, key=_order):
        rules.setdefault((finding.rule, finding.severity), []).append(finding)
    return [_broken(found) for found in rules.values()]


def is_systematic(finding: Finding, total: int) -> bool:
    """Whether more than half of all records break the rule: then the extract is at fault."""
    return total > 1 and 2 * finding.records > total


def systematic(findings: Iterable[Finding], total: int) -> Systematic | None:
    """What is wrong with the extract and not with the people; None if nothing is."""
    found = sorted((f for f in findings if is_systematic(f, total)), key=_order)
    if not found:
        return None
    return Systematic(tuple(told(f, total) for f in found), setting_to_pass(found))


def told(finding: Finding, total: int) -> str:
    """A finding as a sentence: `3 records, left out: The expiry date is missing.`."""
    return sentence(f"{reach(finding, total)}: {sentence(finding.message)}")


def reach(finding: Finding, total: int) -> str:
    """How many records and what becomes of them: `3 records, left out`."""
    return f"{extent(finding, total)}, {effect(finding)}"


def extent(finding: Finding, total: int) -> str:
    """How far a finding reaches: `every record`, `700 of 1,200 records`, `3 records`."""
    if not finding.records:
        return quantity(finding.count, "place")
    records = _records(finding, total)
    is_more = finding.count > finding.records
    return f"{records} ({quantity(finding.count, 'place')})" if is_more else records


def effect(finding: Finding) -> str:
    """What a finding does to its records."""
    return "left out" if finding.severity is Severity.ERROR else "warning only"


def setting_to_pass(findings: Iterable[Finding]) -> str | None:
    """The setting that would let records through that break these rules; None if there is none."""
    rules = dict.fromkeys(
        finding.rule
        for finding in findings
        if finding.severity is Severity.ERROR and finding.rule not in _NOT_BY_SEVERITY
    )
    if not rules:
        return None
    return f"validation.severity: {{{', '.join(f'{rule}: warning' for rule in rules)}}}"


def has_place(fatal: Fatal) -> bool:
    """Whether the fault stands somewhere, and is not one of the file as a whole."""
    return fatal.rule not in _OF_WHOLE_FILE and not fatal.rule.startswith("zip.")


def is_of_bytes(fatal: Fatal) -> bool:
    """Whether the bytes themselves are the fault, so that people should see them."""
    first = bytes.fromhex(fatal.bytes_hex)[:1]
    # Of a reference or a declaration the first letter says nothing.
    return fatal.rule in _OF_BYTES and first != b"" and not b" " <= first <= b"~"


def _order(finding: Finding) -> tuple[bool, int, int, str]:
    is_warning = finding.severity is not Severity.ERROR
    return is_warning, -finding.records, -finding.count, finding.rule


def _broken(found: list[Finding]) -> BrokenRule:
    first = found[0]
    title = first.message if len(found) == 1 else words.SCHEMA_FAULTS
    return BrokenRule(
        first.rule, first.severity, title, first.hint, first.why, findings=tuple(found)
    )


def _records(finding: Finding, total: int) -> str:
    if not is_systematic(finding, total):
        return quantity(finding.records, "record")
    if finding.records == total:
        return "every record"
    return f"{number(finding.records)} of {quantity(total, 'record')}"
