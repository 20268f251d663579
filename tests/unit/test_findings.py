from dataclasses import replace

from sisdrop.model import Severity
from sisdrop.records.check import Issue
from sisdrop.records.findings import Findings

ISSUE = Issue(
    "schema.invalid", Severity.ERROR, "It is no date.", "Mend it.", 0, "user/a", why="So."
)


def test_a_record_that_breaks_a_rule_twice_is_one_record_and_two_places() -> None:
    findings = Findings()
    for record in (1, 1, 2, 5, 5, 5):
        findings.add(ISSUE, record * 10, record)
    (found,) = findings.gathered()
    assert (found.count, found.records) == (6, 3)


def test_records_are_counted_for_each_element_and_sentence() -> None:
    findings = Findings()
    other = replace(ISSUE, element="user/b")
    for record in (1, 2):
        for issue in (ISSUE, other, ISSUE):
            findings.add(issue, record, record)
    assert [(f.element, f.count, f.records) for f in findings.gathered()] == [
        ("user/a", 4, 2),
        ("user/b", 2, 2),
    ]


def test_what_stands_between_records_is_of_no_record() -> None:
    findings = Findings()
    findings.add(ISSUE, 3, None)
    (found,) = findings.gathered()
    assert (found.count, found.records) == (1, 0)


def test_a_finding_says_why_it_matters() -> None:
    findings = Findings()
    findings.add(ISSUE, 3, 1)
    assert [found.why for found in findings.gathered()] == ["So."]
