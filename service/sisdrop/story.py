"""What a report says first: what happened to the file and what the reader should do.

Pure. The HTML page, the text on a terminal and the mail tell the same story.
"""

from dataclasses import dataclass

from sisdrop import broken, words
from sisdrop.errors import Reason
from sisdrop.model import Counts, Fatal, Refined, Report, Severity, Verdict
from sisdrop.plain import number, quantity, sentence

_READY = {
    Verdict.ACCEPTED: "Ready for Alma",
    Verdict.HELD: "Good, but waiting",
    Verdict.REJECTED: "Good, but not sent",
    Verdict.DUPLICATE: "Sent before",
}
_HINT_SAYS_DROP = frozenset({Reason.ZIP_UNREADABLE, Reason.ZIP_NOT_ONE_FILE, Reason.ZIP_TOO_LARGE})
# Why these were refused is told by the counts and rules of the report, in more detail.
_TOLD_BY_COUNTS = frozenset({Reason.NO_DELIVERABLE_RECORDS, Reason.DUPLICATES_REFUSED})


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
            return Story(_accepted_title(report), _accepted(report), _after_accepted(report))
        case Verdict.HELD:
            return Story(title, _held(report), _after_held(report))
        case Verdict.REJECTED:
            return Story(title, _rejected(report), _after_rejected(report))
        case Verdict.DUPLICATE:
            what = words.VERDICTS[report.verdict]
            return Story(title, (what.meaning,), _distinct(report.hint, what.action))


def why_title(reason: Reason | None) -> str | None:
    """The reason in a few words, or None where there is none."""
    return words.REASONS[reason].title if reason else None


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


def _not_sent(counts: Counts) -> list[str]:
    """The records that do not go out, by cause; causes without a record are not named."""
    causes = (
        (counts.left_out, "left out because of errors"),
        (counts.duplicates, "left out as repeats"),
        (counts.yielded, "left to another stream"),
    )
    return [f"{number(count)} {cause}" for count, cause in causes if count]


def _accepted_title(report: Report) -> str:
    title, left_out = words.VERDICTS[Verdict.ACCEPTED].title, report.refined.counts.left_out
    return f"{title}, {quantity(left_out, 'record')} left out" if left_out else title


def _accepted(report: Report) -> tuple[str, ...]:
    counts = report.refined.counts
    lines = [_ready_text(counts)]
    if not_sent := _not_sent(counts):
        lines.append(f"The others: {', '.join(not_sent)}.")
    lines += _yielded(report.refined)
    if counts.warned:
        lines.append(f"With a warning, but good enough to send: {number(counts.warned)}.")
    if expected := words.job_report(report.compared_with):
        lines.append(expected)
    return tuple(lines)


def _yielded(refined: Refined) -> list[str]:
    """To which other streams people were left, and what could not be found out."""
    left = [
        f"{quantity(count, 'person was', 'people were')} left to the file of {stream}, which takes"
        " precedence."
        for stream, count in refined.yielded_to.items()
    ]
    return [*left, *refined.notes]


def _ready_text(counts: Counts) -> str:
    if not counts.delivered:
        return "The file is good, and there is nothing to send."
    file = "can be used" if counts.left_out else "is good"
    are = "is" if counts.delivered == 1 else "are"
    if counts.delivered < counts.total:
        of = f"{number(counts.delivered)} of {quantity(counts.total, 'record')}"
    else:
        of = "its one record" if counts.total == 1 else f"all {number(counts.total)} records"
    return f"The file {file}: {of} {are} ready for Alma."


def _after_accepted(report: Report) -> tuple[str, ...]:
    refined = report.refined
    errors = [f for f in refined.findings if f.severity is Severity.ERROR]
    common = [f for f in errors if broken.is_systematic(f, refined.counts.total)]
    if common and len(common) == len(errors):
        advice: tuple[str, ...] = (words.MEND_EXTRACT,)
    elif common:
        advice = (words.MEND_EXTRACT, words.MEND_RECORDS)
    elif refined.counts.left_out:
        advice = (words.MEND_RECORDS,)
    elif refined.counts.warned:
        advice = (words.MEND_WARNINGS,)
    else:
        advice = (words.VERDICTS[Verdict.ACCEPTED].action,)
    return _distinct(report.hint, *advice)


def _held(report: Report) -> tuple[str, ...]:
    sentences = [sentence(held.sentence) for held in report.held_for]
    if not sentences and report.reason:
        sentences = [words.REASONS[report.reason].meaning]
    waits = "The file waits for a decision. Nothing of it has been sent."
    return (waits, *sentences, *_yielded(report.refined))


def _after_held(report: Report) -> tuple[str, ...]:
    reasons = list(dict.fromkeys(held.reason for held in report.held_for))
    if not reasons and report.reason:
        reasons = [report.reason]
    actions = [words.REASONS[reason].action for reason in reasons]
    return _distinct(report.hint, *actions, words.how_to_decide(frozenset(reasons)))


def _rejected(report: Report) -> tuple[str, ...]:
    what = words.VERDICTS[Verdict.REJECTED].meaning if report.dropped else words.WOULD_REJECT
    why = words.REASONS[report.reason].meaning if report.reason else None
    return _distinct(what, _fault(report.refined.fatal), why)


def _fault(fatal: Fatal | None) -> str | None:
    if fatal is None:
        return None
    is_in_file = broken.has_place(fatal) and fatal.offset > 0
    return f"Line {fatal.line}: {fatal.message}" if is_in_file else fatal.message


def _after_rejected(report: Report) -> tuple[str, ...]:
    if fatal := report.refined.fatal:
        again = None if fatal.reason in _HINT_SAYS_DROP else words.THEN_DROP_AGAIN
        return _distinct(fatal.hint, again)
    known = words.REASONS[report.reason] if report.reason else words.VERDICTS[Verdict.REJECTED]
    hint = None if report.reason in _TOLD_BY_COUNTS else report.hint
    return _distinct(known.action, hint)


def _distinct(*texts: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentence(text) for text in texts if text))
