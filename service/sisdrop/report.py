"""One file's report, as JSON for programs, HTML for the share and text for a terminal.

The HTML page and the JSON with `identify=True` name records: they are written to report files
and nowhere else.
"""

import re
from dataclasses import asdict
from typing import Any, Final

from sisdrop import __version__, broken, page, plain, story, words
from sisdrop.model import Example, Fatal, Finding, Profile, Refined, Report
from sisdrop.text_report import report_text, summary_text

__all__ = ["FORMAT", "MAX_EXAMPLES", "report_html", "report_json", "report_text", "summary_text"]

FORMAT: Final = "sisdrop-report/1"
MAX_EXAMPLES: Final = 100
_SURROGATE = re.compile("[\ud800-\udfff]")


def report_json(report: Report, *, identify: bool) -> dict[str, Any]:
    """The report as values for `json.dumps`; `primary_id` only with `identify`.

    All keys are always there; what does not apply is None. Coverage is in rates from 0 to 1.
    """
    refined = report.refined
    return {
        "format": FORMAT,
        "sisdrop": __version__,
        "id": report.file_id,
        "file": _encodable(report.file),
        "stream": report.stream,
        "made_at": plain.rfc3339(report.made_at),
        "verdict": str(report.verdict),
        "reason": str(report.reason) if report.reason else None,
        "hint": report.hint,
        "held_for": [
            {"reason": str(held.reason), "sentence": held.sentence} for held in report.held_for
        ],
        "sha256": refined.sha256,
        "content_sha256": refined.content_sha256,
        "bytes": refined.size,
        "encoding": _encoding(refined),
        "schema": refined.schema,
        "rules": list(refined.rules),
        "records": _records_json(report),
        "yielded_to": dict(refined.yielded_to),
        "notes": list(refined.notes),
        "groups": dict(refined.profile.groups),
        "coverage": _rates(refined.profile),
        "states": dict(refined.profile.states),
        "compared_with": _compared_json(report),
        "zip": _zip_json(report),
        "findings": [
            _finding_json(finding, refined.counts.total, identify=identify)
            for finding in refined.findings
        ],
        "fatal": _fatal_json(refined.fatal, identify=identify),
    }


def report_html(report: Report) -> str:
    """The report as one HTML page that needs no network and no script; it names records."""
    refined = report.refined
    return page.render(
        "report.html.j2",
        report=report,
        refined=refined,
        encoding=_encoding(refined),
        story=story.tell(report),
        why=story.why_title(report.reason),
        ready_label=story.ready_label(report.verdict),
        systematic=broken.systematic(refined.findings, refined.counts.total),
        rules=broken.by_rule(refined.findings),
        broken=broken,
        words=words,
        max_examples=MAX_EXAMPLES,
        version=__version__,
    )


def _encodable(text: str) -> str:
    r"""The text with bytes of a file name that are not UTF-8 spelled out, so that it can be sent.

    Only these: a program may want to find the file by the name in the JSON.
    """
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _encoding(refined: Refined) -> str:
    """What the file is written in, as far as it is known."""
    fatal = refined.fatal
    is_known = fatal is None or not fatal.rule.startswith(("xml.encoding", "zip."))
    return refined.encoding if is_known else "unknown"


def _records_json(report: Report) -> dict[str, int]:
    counts = report.refined.counts
    return {
        "total": counts.total,
        "delivered": counts.delivered,
        "left_out": counts.left_out,
        "duplicates": counts.duplicates,
        "yielded": counts.yielded,
        "warned": counts.warned,
    }


def _rates(profile: Profile) -> dict[str, float]:
    return {
        name: round(count / profile.records, 4) if profile.records else 0.0
        for name, count in profile.coverage.items()
    }


def _compared_json(report: Report) -> dict[str, str | int | dict[str, int] | None] | None:
    compared = report.compared_with
    if compared is None:
        return None
    return {
        "id": compared.file_id,
        "new": compared.new,
        "changed": compared.changed,
        "unchanged": compared.unchanged,
        "absent": compared.absent,
        "lost": dict(compared.lost),
    }


def _zip_json(report: Report) -> dict[str, str | int] | None:
    bundle = report.refined.bundle
    if bundle is None or report.zip_name is None:
        return None
    return {
        "name": report.zip_name,
        "entry": _encodable(bundle.entry),
        "bytes": bundle.size,
        "sha256": bundle.sha256,
    }


def _finding_json(finding: Finding, total: int, *, identify: bool) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "count": finding.count,
        "records": finding.records,
        "systematic": broken.is_systematic(finding, total),
        "element": finding.element,
        "message": finding.message,
        "hint": finding.hint,
        "why": finding.why,
        "examples": [
            _example_json(example, identify=identify) for example in finding.examples[:MAX_EXAMPLES]
        ],
    }


def _example_json(example: Example, *, identify: bool) -> dict[str, str | int | None]:
    place: dict[str, str | int | None] = {"record": example.record, "line": example.line}
    return place | {"primary_id": example.primary_id} if identify else place


def _fatal_json(fatal: Fatal | None, *, identify: bool) -> dict[str, Any] | None:
    if fatal is None:
        return None
    found = {
        "rule": fatal.rule,
        "line": fatal.line,
        "column": fatal.column,
        "offset": fatal.offset,
        "record": fatal.record,
        "bytes": fatal.bytes_hex,
        "message": fatal.message,
        "hint": fatal.hint,
    }
    return found | {"excerpt": fatal.excerpt and asdict(fatal.excerpt)} if identify else found
