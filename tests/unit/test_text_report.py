from sisdrop.report import report_text
from support import reports


def test_text_says_first_what_happened_and_what_to_do() -> None:
    lines = report_text(reports.report()).splitlines()
    assert lines[0] == "students.xml: ACCEPTED"
    assert lines[1].startswith("  The file is good: 1,190 of 1,200 records are ready for Alma.")
    assert any(line.startswith("  What to do: Correct the records") for line in lines)


def test_text_shows_the_place_of_a_fault() -> None:
    text = report_text(reports.rejected())
    assert text.startswith("students.xml: REJECTED - The text is not in UTF-8\n")
    assert "line 402, column 17, byte 18,233, bytes 92 20 6f 66" in text
    assert "It looks like Windows-1252" in text


def test_text_counts_what_waits() -> None:
    text = report_text(reports.held())
    assert "1,190 of 1,200 records good" in text
    assert "WAITING FOR A DECISION" in text


def test_text_names_records_only_when_asked() -> None:
    assert "MOUSE" not in report_text(reports.report())
    named = report_text(reports.report(), identify=True)
    assert "record 17, line 402 (MOUSE17)" in named
    assert r"(DUCK\xa01)" in named


def test_text_shows_ten_examples_and_says_how_many_more() -> None:
    text = report_text(reports.report())
    assert "and 690 more" in text
    assert "record 11," not in text


def test_text_of_a_systematic_error_names_the_setting() -> None:
    text = report_text(reports.report(refined=reports.refined(findings=(reports.ORDER,))))
    assert "error schema.invalid: every record" in text
    assert 'To let such records pass: validation.severity: {"schema.invalid": warning}' in text


def test_text_cannot_steer_the_terminal() -> None:
    text = report_text(reports.report(file=reports.HOSTILE), identify=True)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert r"\n\u202e&\x1b[2J\udc92.xml" in text
    text.encode()


def test_text_ends_with_one_line_end_and_fits_a_terminal() -> None:
    text = report_text(reports.held())
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert max(len(line) for line in text.splitlines()) <= 88
