"""One file's report as text for a terminal. Pure."""

import textwrap
from collections.abc import Iterator
from typing import Final

from sisdrop import plain, story
from sisdrop.model import Example, Fatal, Finding, Report, Verdict

_EXAMPLES: Final = 10
_WIDTH: Final = 88


def report_text(report: Report, *, identify: bool = False) -> str:
    """The report for a terminal, ending in a line end; names records only with `identify`."""
    told = story.tell(report)
    why = story.why_title(report.reason)
    lines = [f"{plain.visible(report.file)}: {told.title.upper()}{f' - {why}' if why else ''}"]
    lines += _wrapped(" ".join(told.happened))
    lines += _wrapped(f"What to do: {' '.join(told.to_do)}")
    if report.refined.fatal:
        lines += _fatal_lines(report.refined.fatal)
    # For an accepted file the first sentences have said it.
    if report.refined.counts.total and report.verdict is not Verdict.ACCEPTED:
        lines += _wrapped(f"Records: {story.count_text(report.refined.counts)}")
    for finding in story.in_order(report.refined.findings):
        lines += _finding_lines(finding, report.refined.counts.total, identify=identify)
    return "\n".join(lines) + "\n"


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        plain.visible(text), _WIDTH, initial_indent=indent, subsequent_indent=indent
    )


def _fatal_lines(fatal: Fatal) -> Iterator[str]:
    place = f"line {plain.number(fatal.line)}, column {plain.number(fatal.column)}"
    shown = f", bytes {plain.hex_pairs(fatal.bytes_hex)}" if fatal.bytes_hex else ""
    yield f"  Fault ({fatal.rule}): {place}, byte {plain.number(fatal.offset)}{shown}"
    yield from _wrapped(f"{plain.sentence(fatal.message)} {plain.sentence(fatal.hint)}", "    ")


def _finding_lines(finding: Finding, total: int, *, identify: bool) -> Iterator[str]:
    yield f"  {finding.severity} {finding.rule}: {story.extent(finding, total)}"
    yield from _wrapped(f"{plain.sentence(finding.message)} {plain.sentence(finding.hint)}", "    ")
    setting = story.setting_to_pass(finding)
    if setting and story.is_systematic(finding, total):
        yield f"    To let such records pass: {setting}"
    if finding.examples:
        yield from _wrapped(_examples_text(finding, identify=identify), "    ")


def _examples_text(finding: Finding, *, identify: bool) -> str:
    shown = finding.examples[:_EXAMPLES]
    places = [_place_text(example, identify=identify) for example in shown]
    rest = finding.count - len(shown)
    return "At " + "; ".join(places) + (f"; and {plain.number(rest)} more" if rest > 0 else "")


def _place_text(example: Example, *, identify: bool) -> str:
    record = f"record {plain.number(example.record)}, " if example.record is not None else ""
    who = f" ({example.primary_id})" if identify and example.primary_id else ""
    return f"{record}line {plain.number(example.line)}{who}"
