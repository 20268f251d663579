"""One file's report as text for a terminal, and the line that sums up several. Pure."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final
from unicodedata import east_asian_width

from sisdrop import broken, plain, story, words
from sisdrop.broken import BrokenRule
from sisdrop.model import Example, Excerpt, Fatal, Finding, Report, Verdict

_EXAMPLES: Final = 5
_WIDTH: Final = 80
# Stands for a space at which no line ends; `visible` lets none of these through.
_TIE: Final = "\0"


def report_text(report: Report, *, identify: bool = False, name: str | None = None) -> str:
    """The report for a terminal, ending in a line end; names records only with `identify`.

    `name` stands in its first line instead of the file's, where several may bear the same.
    """
    refined = report.refined
    lines = [_headline(report, name or report.file), *_story_lines(report)]
    if refined.fatal:
        lines += _fatal_lines(refined.fatal, identify=identify)
    # For an accepted file the first sentences have said it.
    if refined.counts.total and report.verdict is not Verdict.ACCEPTED:
        lines += _wrapped(f"Records: {story.count_text(refined.counts)}.")
    lines += _systematic_lines(report)
    for rule in broken.by_rule(refined.findings):
        lines += _rule_lines(rule, refined.counts.total, identify=identify)
    return "\n".join(lines) + "\n"


def summary_text(reports: Sequence[Report], unread: int = 0) -> str:
    """One line about several files; `unread` more could not be read at all."""
    rejected = sum(report.verdict is Verdict.REJECTED for report in reports)
    reduced = sum(
        report.verdict is Verdict.ACCEPTED and report.refined.counts.left_out > 0
        for report in reports
    )
    parts = {
        "good": len(reports) - rejected - reduced,
        "with records left out": reduced,
        "rejected": rejected,
        "not read": unread,
    }
    told = ", ".join(f"{plain.number(count)} {what}" for what, count in parts.items() if count)
    return f"{plain.quantity(len(reports) + unread, 'file')}: {told}."


def _headline(report: Report, name: str) -> str:
    why = story.why_title(report.reason)
    title = story.tell(report).title.upper()
    return f"{plain.visible(name)}: {title}{f' - {why}' if why else ''}"


def _story_lines(report: Report) -> list[str]:
    told = story.tell(report)
    return [
        *_wrapped(" ".join(told.happened)),
        *_wrapped(f"What to do: {' '.join(told.to_do)}"),
    ]


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return _filled(plain.visible(text), indent)


def _filled(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        # A path or an identifier must be found again as it stands.
        break_long_words=False,
        break_on_hyphens=False,
    )


def _fatal_lines(fatal: Fatal, *, identify: bool) -> Iterator[str]:
    if broken.has_place(fatal):
        yield from _wrapped(f"Where: {_place_text(fatal)}.")
        if fatal.excerpt is not None:
            yield from _excerpt_lines(fatal.excerpt) if identify else _wrapped(words.SEE_THE_TEXT)
    yield f"  Rule: {fatal.rule}"


def _place_text(fatal: Fatal) -> str:
    record = f", record {fatal.record}" if fatal.record is not None else ""
    found = f"; found {plain.hex_pairs(fatal.bytes_hex)} (hex)" if broken.is_of_bytes(fatal) else ""
    return f"line {fatal.line}, column {fatal.column}{record}, byte {fatal.offset}{found}"


def _excerpt_lines(excerpt: Excerpt) -> Iterator[str]:
    before, at, after = map(plain.visible, (excerpt.before, excerpt.at, excerpt.after))
    yield f"    {before}{at}{after}"
    yield f"    {' ' * _columns(before)}{'^' * max(_columns(at), 1)}"


def _columns(text: str) -> int:
    """How wide a terminal shows a text: some scripts take two columns for a character."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _systematic_lines(report: Report) -> Iterator[str]:
    common = broken.systematic(report.refined.findings, report.refined.counts.total)
    if common is None:
        return
    yield f"  {words.SYSTEMATIC_TITLE.upper()}"
    for sentence in common.sentences:
        yield from _wrapped(sentence, "    ")
    yield from _wrapped(words.SYSTEMATIC, "    ")
    if common.setting:
        yield from _wrapped(f"{words.LENIENT}:", "    ")
        yield from _wrapped(common.setting, "      ")


def _rule_lines(rule: BrokenRule, total: int, *, identify: bool) -> Iterator[str]:
    yield f"  {rule.severity} {rule.rule}"
    for finding in rule.findings:
        yield from _wrapped(broken.told(finding, total), "    ")
        yield from _example_lines(finding, "      ", identify=identify)
    yield from _wrapped(f"What to do: {plain.sentence(rule.hint)}", "    ")
    if rule.why:
        yield from _wrapped(f"Why: {plain.sentence(rule.why)}", "    ")


def _example_lines(finding: Finding, indent: str, *, identify: bool) -> Iterator[str]:
    """Lines that end between two places, never inside one."""
    shown = finding.examples[:_EXAMPLES]
    rest = finding.count - len(shown)
    places = [plain.visible(_example_text(example, identify=identify)) for example in shown]
    more = [f"and {plain.number(rest)} more"] if shown and rest > 0 else []
    tied = "; ".join(part.replace(" ", _TIE) for part in (*places, *more))
    yield from (line.replace(_TIE, " ") for line in _filled(tied, indent))


def _example_text(example: Example, *, identify: bool) -> str:
    """Ordinals and lines have no separators: people type them into an editor."""
    record = f"record {example.record}, " if example.record is not None else ""
    who = f" ({example.primary_id})" if identify and example.primary_id else ""
    return f"{record}line {example.line}{who}"
