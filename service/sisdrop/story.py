"""What a report says first: what happened to the file and what the reader should do.

Pure. The HTML page, the text on a terminal and the mail tell the same story.
"""

from dataclasses import dataclass

from sisdrop import words
from sisdrop.errors import Reason
from sisdrop.model import Counts, Finding, Report, Severity, Verdict
from sisdrop.plain import number, quantity, sentence

# Left out whatever their severity: `validation.duplicates` decides about them, not this setting.
_NOT_BY_SEVERITY = frozenset({"alma.duplicate-primary-id"})

_READY = {
    Verdict.ACCEPTED: "Ready for Alma",
    Verdict.HELD: "Good, but waiting",
    Verdict.REJECTED: "Good, but not sent",
    Verdict.DUPLICATE: "Sent before",
}


@dataclass(frozen=True, slots=True)
class Story:
    """A title of a few words, then sentences: what happened, and what to do."""

    title: str
    happened: tuple[str, ...]
    to_do: tuple[str, ...]


def tell(report: Report) -> Story:
    """The story of one file."""
    title = words.VERDICTS[report.verdict].title
    match report.verdict:
        case Verdict.ACCEPTED:
            return Story(title, _accepted(report), _after_accepted(report))
        case Verdict.HELD:
            return Story(title, _held(report), _after_held(report))
        case Verdict.REJECTED:
            return Story(title, _rejected(report), _after_rejected(report))
        case Verdict.DUPLICATE:
            what = words.VERDICTS[report.verdict]
            return Story(title, (what.meaning,), _distinct(report.hint, what.action))


def ready_label(verdict: Verdict) -> str:
    """What the records without an error are, given what became of the file."""
    return _READY[verdict]


def count_text(counts: Counts) -> str:
    """The counts of one file on one line: `1,190 of 1,200 records good; 10 left out`."""
    parts = [f"{number(counts.delivered)} of {quantity(counts.total, 'record')} good"]
    parts += _not_sent(counts)
    if counts.warned:
        parts.append(f"{number(counts.warned)} with warnings")
    return "; ".join(parts)


def is_systematic(finding: Finding, total: int) -> bool:
    """Whether more than half of all records break the rule: then the export is at fault."""
    return total > 1 and 2 * finding.count > total


def extent(finding: Finding, total: int) -> str:
    """How far a finding reaches: `every record`, `700 of 1,200 records`, `3 records`."""
    if is_systematic(finding, total) and finding.count == total:
        return "every record"
    if is_systematic(finding, total) and finding.count < total:
        return f"{number(finding.count)} of {quantity(total, 'record')}"
    return quantity(finding.count, "record" if finding.count <= total else "place")


def setting_to_pass(finding: Finding) -> str | None:
    """The setting that would let records through that break this rule; None if there is none."""
    if finding.severity is not Severity.ERROR or finding.rule in _NOT_BY_SEVERITY:
        return None
    return f'validation.severity: {{"{finding.rule}": warning}}'


def effect(finding: Finding) -> str:
    """What a finding does to its records."""
    return "left out" if finding.severity is Severity.ERROR else "warning only"


def in_order(findings: tuple[Finding, ...]) -> list[Finding]:
    """Findings as people should read them: errors first, then the most frequent."""
    return sorted(findings, key=lambda f: (f.severity is not Severity.ERROR, -f.count, f.rule))


def _not_sent(counts: Counts) -> list[str]:
    """The records that do not go out, by cause; causes without a record are not named."""
    causes = (
        (counts.left_out, "left out because of errors"),
        (counts.duplicates, "left out as repeats"),
        (counts.yielded, "left to another stream"),
    )
    return [f"{number(count)} {cause}" for count, cause in causes if count]


def _accepted(report: Report) -> tuple[str, ...]:
    counts = report.refined.counts
    of = f"{number(counts.delivered)} of {quantity(counts.total, 'record')}"
    lines = [f"The file is good: {of} {'is' if counts.delivered == 1 else 'are'} ready for Alma."]
    if not_sent := _not_sent(counts):
        lines.append(f"The others: {', '.join(not_sent)}.")
    if counts.warned:
        lines.append(f"With a warning, but good enough to send: {number(counts.warned)}.")
    compared = report.compared_with
    if compared and compared.new is not None and compared.changed is not None:
        lines.append(
            f"Alma's job report should show about {number(compared.new)} created and "
            f"{number(compared.changed)} updated."
        )
    return tuple(lines)


def _after_accepted(report: Report) -> tuple[str, ...]:
    counts = report.refined.counts
    if counts.left_out:
        advice = (
            "Correct the records that were left out in the student system; a later file will "
            "bring them. Until then Alma keeps what it has for these people."
        )
    elif counts.warned:
        advice = (
            "Nothing needs to be done now. Fill what the warnings below name when you can; some "
            "library services may not work for these people until then."
        )
    else:
        advice = words.VERDICTS[Verdict.ACCEPTED].action
    return _distinct(report.hint, advice)


def _held(report: Report) -> tuple[str, ...]:
    sentences = [sentence(held.sentence) for held in report.held_for]
    if not sentences and report.reason:
        sentences = [words.REASONS[report.reason].meaning]
    return ("The file waits for a decision. Nothing of it has been sent.", *sentences)


def _after_held(report: Report) -> tuple[str, ...]:
    reasons = list(dict.fromkeys(held.reason for held in report.held_for))
    if not reasons and report.reason:
        reasons = [report.reason]
    actions = [words.REASONS[reason].action for reason in reasons]
    return _distinct(report.hint, *actions, words.how_to_decide(frozenset(reasons)))


def _rejected(report: Report) -> tuple[str, ...]:
    what = words.VERDICTS[Verdict.REJECTED].meaning
    why = words.REASONS[report.reason].meaning if report.reason else None
    return _distinct(what, why)


def _after_rejected(report: Report) -> tuple[str, ...]:
    fatal = report.refined.fatal
    # The fault's own hint stands beside the fault; here it would be said twice.
    hint = None if fatal and report.hint == fatal.hint else report.hint
    known = words.REASONS[report.reason] if report.reason else words.VERDICTS[Verdict.REJECTED]
    return _distinct(known.action, hint)


def _distinct(*texts: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentence(text) for text in texts if text))


def why_title(reason: Reason | None) -> str | None:
    """The reason in a few words, or None where there is none."""
    return words.REASONS[reason].title if reason else None
