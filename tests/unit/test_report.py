import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from sisdrop.model import Bundle, Example, Excerpt, Profile, Report, Verdict
from sisdrop.report import report_html, report_json, report_text
from support import reports

CONTRACT = (
    "format", "sisdrop", "id", "file", "stream", "verdict", "reason", "hint", "sha256", "bytes",
    "encoding", "schema", "rules", "records", "groups", "coverage", "compared_with", "findings",
    "fatal",
)  # fmt: skip
ADDED = {"made_at", "held_for", "zip", "states", "content_sha256", "yielded_to", "notes"}

ALL: list[Callable[[], Report]] = [
    reports.report,
    reports.rejected,
    reports.held,
    lambda: reports.report(verdict=Verdict.DUPLICATE),
]


class Shape(HTMLParser):
    """The tags and headings of a page, and whether every tag is closed."""

    void = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.void:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def as_json(report: Report, *, identify: bool = False) -> dict[str, Any]:
    text = json.dumps(report_json(report, identify=identify), ensure_ascii=False)
    parsed = json.loads(text.encode())
    assert isinstance(parsed, dict)
    return parsed


@pytest.mark.parametrize("make", ALL)
def test_json_has_exactly_the_keys_of_the_contract(make: Callable[[], Report]) -> None:
    assert set(as_json(make())) == set(CONTRACT) | ADDED


def test_json_of_an_accepted_file() -> None:
    made = as_json(reports.report())
    assert made["format"] == "sisdrop-report/1"
    assert (made["id"], made["verdict"], made["reason"]) == (reports.FILE_ID, "accepted", None)
    assert made["made_at"] == "2026-11-23T19:03:01Z"
    assert made["records"] == {
        "total": 1200, "delivered": 1190, "left_out": 5, "duplicates": 3, "yielded": 2,
        "warned": 700,
    }  # fmt: skip
    assert made["coverage"] == {"preferred_email": 0.9992, "expiry_date": 1.0}
    assert made["compared_with"] == {
        "id": "20261122T190301Z-11aa", "new": 12, "changed": 340, "unchanged": 838, "absent": 4,
        "lost": {},
    }  # fmt: skip
    assert made["zip"]["entry"] == "students.4f7c.xml"
    assert set(made["zip"]) == {"name", "entry", "bytes", "sha256"}
    assert made["fatal"] is None


def test_json_of_a_rejected_file_says_where_the_fault_stands() -> None:
    made = as_json(reports.rejected())
    assert (made["verdict"], made["reason"]) == ("rejected", "xml_encoding")
    assert made["fatal"] == {
        "rule": "xml.encoding", "line": 402, "column": 17, "offset": 18233, "record": 17,
        "bytes": "92206f66", "message": reports.FATAL.message, "hint": reports.FATAL.hint,
    }  # fmt: skip
    assert made["encoding"] == "unknown"
    assert made["zip"] is None
    assert made["compared_with"] is None
    assert made["coverage"] == {}


def test_json_of_a_held_file_has_its_reasons_and_sentences() -> None:
    held_for = as_json(reports.held())["held_for"]
    assert [held["reason"] for held in held_for] == ["field_loss", "shrunk"]
    assert "Preferred email" in held_for[0]["sentence"]


def test_json_of_a_file_without_good_records_has_rates_of_nothing() -> None:
    nothing = reports.refined(profile=Profile(records=0, coverage={"expiry_date": 0}))
    assert as_json(reports.report(refined=nothing))["coverage"] == {"expiry_date": 0.0}


def test_json_names_records_only_when_asked() -> None:
    assert "MOUSE" not in json.dumps(report_json(reports.report(), identify=False))
    plain = as_json(reports.report())["findings"][1]["examples"][0]
    named = as_json(reports.report(), identify=True)["findings"][1]["examples"][0]
    assert plain == {"record": 17, "line": 402}
    assert named == {"record": 17, "line": 402, "primary_id": "MOUSE17"}


def test_json_shows_the_text_around_a_fault_only_when_asked() -> None:
    assert "Mouse" not in json.dumps(report_json(reports.rejected(), identify=False))
    assert as_json(reports.rejected(), identify=True)["fatal"]["excerpt"] == {
        "before": "<last_name>O", "at": r"\x92", "after": "Mouse</last_name>",
    }  # fmt: skip


@given(st.sampled_from(["json", "text"]), st.text("QXZ", min_size=8, max_size=12))
def test_what_a_patron_is_called_is_told_only_when_asked(form: str, secret: str) -> None:
    person = replace(reports.EXPIRY, examples=(Example(1, 1, secret), Example(None, 2, secret)))
    fault = replace(reports.FATAL, excerpt=Excerpt(secret, secret, secret))
    made = reports.report(refined=reports.refined(findings=(person,), fatal=fault))
    tell: Callable[..., object] = report_json if form == "json" else report_text
    assert secret not in json.dumps(tell(made, identify=False))
    assert json.dumps(tell(made, identify=True)).count(secret) == 5


def test_json_of_a_finding_has_its_keys_in_order() -> None:
    finding = as_json(reports.report())["findings"][1]
    assert list(finding) == [
        "rule", "severity", "count", "records", "systematic", "element", "message", "hint", "why",
        "examples",
    ]  # fmt: skip
    assert (finding["rule"], finding["severity"]) == ("ishare.expiry-date", "error")
    assert (finding["count"], finding["records"], finding["systematic"]) == (3, 3, False)
    assert finding["why"] == reports.EXPIRY.why


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("identify", [True, False])
def test_json_keys_come_in_the_order_of_the_contract(
    make: Callable[[], Report], *, identify: bool
) -> None:
    keys = [key for key in as_json(make(), identify=identify) if key in CONTRACT]
    assert keys == list(CONTRACT)


def test_json_has_at_most_100_examples_beside_the_true_count() -> None:
    many = replace(
        reports.EXPIRY,
        count=5000,
        records=5000,
        examples=tuple(Example(n, n) for n in range(1, 200)),
    )
    finding = as_json(reports.report(refined=reports.refined(findings=(many,))))["findings"][0]
    assert (len(finding["examples"]), finding["count"]) == (100, 5000)
    assert finding["systematic"] is True


def test_json_of_a_file_whose_name_is_not_text_can_be_written() -> None:
    bundle = reports.refined().bundle
    assert isinstance(bundle, Bundle)
    hostile = reports.report(
        file=reports.HOSTILE,
        refined=reports.refined(bundle=replace(bundle, entry=reports.HOSTILE)),
    )
    made = as_json(hostile)
    assert made["file"] == reports.HOSTILE.replace("\udc92", r"\udc92")
    assert made["zip"]["entry"] == made["file"]


@pytest.mark.parametrize("make", ALL)
def test_html_is_one_closed_page_without_script_or_network(make: Callable[[], Report]) -> None:
    text = report_html(make())
    tags = Shape(text).tags
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert tags.count("h1") == 1
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert tags.count("table") == tags.count("caption")
    assert not re.search(r"""src=|href="(?!#)|https?:|url\(|@import""", text)


@pytest.mark.parametrize("make", ALL)
def test_html_headings_come_in_order(make: Callable[[], Report]) -> None:
    levels = [int(tag[1]) for tag in Shape(report_html(make())).tags if re.match(r"h\d$", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_html_says_what_happened_and_what_to_do_before_anything_else() -> None:
    text = report_html(reports.report())
    places = [
        text.index(part)
        for part in (
            "What happened",
            "1,190 of 1,200 records are ready for Alma.",
            "What to do",
            "Correct the left-out records",
            "The extract, not the people",
            "What became of the records in the file",
            "What was found",
            "Records by user group",
            "SHA-256",
        )
    ]
    assert places == sorted(places)


def test_html_of_a_rejected_file_shows_the_place_of_the_fault() -> None:
    text = report_html(reports.rejected())
    for part in ("18233", "402", "17", "92 20 6f 66", "It looks like Windows-1252"):
        assert part in text
    assert "What was found" not in text


def test_html_names_the_records_of_each_rule_and_the_true_count() -> None:
    text = report_html(reports.report())
    assert "The first 100 of 700 places" in text
    assert "700 of 1,200 records, warning only." in text
    assert "MOUSE17" in text
    assert r"DUCK\xa01" in text
    assert "99.9 %" in text


def test_html_of_a_systematic_error_names_the_setting_that_lets_it_pass() -> None:
    text = report_html(reports.report(refined=reports.refined(findings=(reports.ORDER,))))
    assert "Every record, left out: An element stands in the wrong place." in text
    assert text.count("validation.severity: {schema.invalid: warning}") == 1
    assert "user/contact_info/emails" in text


def test_html_marks_the_fault_in_its_line() -> None:
    text = report_html(reports.rejected())
    assert r"&lt;last_name&gt;O<mark>\x92</mark>Mouse&lt;/last_name&gt;" in text


def test_html_of_a_fault_of_the_whole_file_shows_no_place() -> None:
    fault = replace(reports.FATAL, rule="xml.empty")
    text = report_html(reports.report(refined=reports.refined(fatal=fault)))
    assert "18233" not in text
    assert "<mark>" not in text
    assert "xml.empty" in text


def test_html_tells_of_each_rule_what_to_do_and_why_it_matters() -> None:
    text = report_html(reports.report())
    assert f"<dt>What to do</dt><dd>{reports.EXPIRY.hint}</dd>" in text
    assert f"<dt>Why it matters</dt><dd>{reports.EXPIRY.why}</dd>" in text


def test_html_links_each_finding_of_many_to_its_rule() -> None:
    date = replace(reports.ORDER, element="user/expiry_date", message="It is no date.")
    refined = reports.refined(findings=(reports.ORDER, date, reports.EXPIRY, reports.POSTCODE))
    text = report_html(reports.report(refined=refined))
    targets = re.findall(r'href="#([^"]+)"', text)
    assert targets == ["error-schema.invalid"] * 2 + [
        "error-ishare.expiry-date",
        "warning-ishare.postal-code",
    ]
    assert set(targets) == set(re.findall(r' id="([^"]+)"', text))


def test_html_of_a_file_that_was_only_checked_speaks_of_no_stream() -> None:
    text = report_html(reports.report(stream=""))
    assert "File id" not in text
    assert "Stream" not in text


def test_html_is_readable_on_paper() -> None:
    paper = report_html(reports.report()).partition("@media print")[2]
    assert "--paper: #fff" in paper
    assert "tr, .panel { break-inside: avoid; }" in paper
    assert "a { text-decoration: none; }" in paper


def test_html_of_a_hostile_file_is_harmless() -> None:
    evil = replace(
        reports.EXPIRY, examples=(Example(1, 1, "</td><script>x</script>'\"\n"),), element="<i>"
    )
    refined = reports.refined(
        findings=(evil,), profile=Profile(2, {"<b onload=x>\n": 1, "": 1}, {"<i>": 1}, {})
    )
    text = report_html(reports.report(file=reports.HOSTILE, refined=refined))
    assert "script" not in Shape(text).tags
    assert "&lt;b onload=x&gt;\\n" in text
    assert not any(char in text for char in "\u202e\x1b\udc92")
    text.encode()


def test_html_of_a_delivered_file_names_the_entry_that_alma_reports() -> None:
    text = report_html(reports.report())
    assert "Name in Alma&#39;s job report" in text or "Name in Alma's job report" in text
    assert "students.4f7c.xml" in text
