from collections.abc import Callable
from dataclasses import replace

import pytest

from sisdrop.model import Counts, Example, Excerpt, Report, Severity, Verdict
from sisdrop.text_report import report_text, summary_text
from support import reports

ALL: list[Callable[[], Report]] = [
    reports.report,
    reports.rejected,
    reports.held,
    lambda: reports.report(verdict=Verdict.DUPLICATE),
]


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_text_says_first_what_happened_and_what_to_do() -> None:
    lines = report_text(reports.report()).splitlines()
    assert lines[0] == "students.xml: ACCEPTED, 5 RECORDS LEFT OUT"
    assert lines[1].startswith("  The file can be used: 1,190 of 1,200 records are ready for Alma.")
    assert any(line.startswith("  What to do: Correct the left-out records") for line in lines)


def test_text_shows_the_place_of_a_fault_and_not_what_stands_there() -> None:
    text = report_text(reports.rejected())
    assert text.startswith("students.xml: REJECTED - The text is not in UTF-8\n")
    assert "  Where: line 402, column 17, record 17, byte 18233; found 92 20 6f 66 (hex).\n" in text
    assert "It looks like Windows-1252" in text
    assert "--identify" in text
    assert "Mouse" not in text


def test_text_marks_the_fault_in_its_line_when_asked() -> None:
    lines = report_text(reports.rejected(), identify=True).splitlines()
    at = lines.index(r"    <last_name>O\x92Mouse</last_name>")
    assert lines[at + 1] == "                ^^^^"


@pytest.mark.parametrize(
    ("before", "at", "mark"),
    [("ab", "&", "      ^"), ("学生", "&", "        ^"), ("", "", "    ^")],
)
def test_the_mark_stands_under_the_fault_in_any_script(before: str, at: str, mark: str) -> None:
    fault = replace(reports.FATAL, excerpt=Excerpt(before, at, "z"))
    text = report_text(reports.report(refined=reports.refined(fatal=fault)), identify=True)
    assert f"    {before}{at}z\n{mark}\n" in text


def test_a_fault_of_the_whole_file_has_no_place() -> None:
    fault = replace(reports.FATAL, rule="xml.empty")
    text = report_text(reports.report(refined=reports.refined(fatal=fault)))
    assert "Where:" not in text
    assert "  Rule: xml.empty\n" in text


def test_text_counts_what_waits() -> None:
    text = report_text(reports.held())
    assert "1,190 of 1,200 records good" in text
    assert "WAITING FOR A DECISION" in text


def test_text_tells_of_each_rule_what_to_do_and_why() -> None:
    text = one_line(report_text(reports.report()))
    assert "error ishare.expiry-date 3 records, left out: The record has no expiry date." in text
    assert f"What to do: {reports.EXPIRY.hint} Why: {reports.EXPIRY.why}" in text


def test_text_names_records_only_when_asked() -> None:
    assert "MOUSE" not in report_text(reports.report())
    named = report_text(reports.report(), identify=True)
    assert "record 17, line 402 (MOUSE17)" in named
    assert r"(DUCK\xa01)" in named


def test_text_shows_five_examples_and_says_how_many_more() -> None:
    text = report_text(reports.report())
    assert "record 5, line 100; and 695 more\n" in text
    assert "record 6," not in text


def test_a_place_is_never_torn_apart_by_the_end_of_a_line() -> None:
    examples = tuple(Example(number, number) for number in range(1_234_567, 1_234_572))
    finding = replace(reports.EXPIRY, examples=examples, count=5)
    lines = report_text(reports.report(refined=reports.refined(findings=(finding,)))).splitlines()
    shown = [line.split("; ") for line in lines if "12345" in line]
    assert len(shown) > 1
    places = [place.rstrip(";") for line in shown for place in line]
    assert [place.strip() for place in places] == [
        f"record {number}, line {number}" for number in range(1_234_567, 1_234_572)
    ]


def test_text_of_a_systematic_error_names_the_setting_once() -> None:
    text = report_text(reports.report(refined=reports.refined(findings=(reports.ORDER,))))
    assert "  THE EXTRACT, NOT THE PEOPLE\n    Every record, left out: An element" in text
    assert text.count("validation.severity: {schema.invalid: warning}\n") == 1


def test_text_cannot_steer_the_terminal() -> None:
    evil = replace(reports.EXPIRY, examples=(Example(1, 2, "\x1b[2J\0\u202e"),))
    fault = replace(reports.FATAL, excerpt=Excerpt("\x1b[2J", "\0", "\u202e"))
    refined = reports.refined(findings=(evil,), fatal=fault)
    text = report_text(reports.report(file=reports.HOSTILE, refined=refined), identify=True)
    assert not any(char in text for char in "\x1b\u202e\0")
    assert r"\n\u202e&\x1b[2J\udc92.xml" in text
    assert r"(\x1b[2J\x00\u202e)" in text
    text.encode()


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("identify", [True, False])
def test_text_ends_with_one_line_end_and_fits_80_columns(
    make: Callable[[], Report], *, identify: bool
) -> None:
    text = report_text(make(), identify=identify)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert max(len(line) for line in text.splitlines()) <= 80


def test_a_name_of_ones_own_tells_files_of_the_same_name_apart() -> None:
    assert report_text(reports.report(), name="a/students.xml").startswith("a/students.xml: ACC")


def test_the_summary_counts_files_by_what_became_of_them() -> None:
    whole = reports.report(refined=reports.refined(counts=Counts(9, 9), findings=()))
    many = [whole, whole, reports.report(), reports.rejected()]
    assert summary_text(many, 1) == (
        "5 files: 2 good, 1 with records left out, 1 rejected, 1 not read."
    )
    assert summary_text([whole, whole]) == "2 files: 2 good."
    assert summary_text([], 2) == "2 files: 2 not read."


def test_a_warning_is_told_as_one() -> None:
    text = report_text(reports.report(refined=reports.refined(findings=(reports.POSTCODE,))))
    assert f"  {Severity.WARNING} ishare.postal-code\n" in text
