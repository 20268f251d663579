from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisdrop import broken, words
from sisdrop.model import Finding, Severity
from support import reports


def found(records: int, count: int | None = None) -> Finding:
    return replace(reports.EXPIRY, records=records, count=records if count is None else count)


@pytest.mark.parametrize(
    ("finding", "total", "systematic", "text"),
    [
        (found(1200), 1200, True, "every record"),
        (found(601), 1200, True, "601 of 1,200 records"),
        (found(600), 1200, False, "600 records"),
        (found(1), 1200, False, "1 record"),
        (found(1), 1, False, "1 record"),
        (found(2), 2, True, "every record"),
        (found(10, 30), 10, True, "every record (30 places)"),
        (found(2, 7), 100, False, "2 records (7 places)"),
        (found(0, 3), 10, False, "3 places"),
        (found(0, 1), 0, False, "1 place"),
    ],
)
def test_more_than_half_of_all_records_is_systematic(
    *, finding: Finding, total: int, systematic: bool, text: str
) -> None:
    assert broken.is_systematic(finding, total) is systematic
    assert broken.extent(finding, total) == text


@given(st.integers(0, 100), st.integers(1, 100), st.integers(1, 5))
def test_places_never_pass_for_records(records: int, total: int, places: int) -> None:
    finding = found(min(records, total), min(records, total) * places)
    assert broken.is_systematic(finding, total) == (total > 1 and min(records, total) > total / 2)


def test_a_finding_reads_as_a_sentence() -> None:
    assert broken.told(found(3), 1200) == "3 records, left out: The record has no expiry date."
    assert broken.told(reports.ORDER, 1200).startswith("Every record, left out: An element")
    assert broken.reach(reports.POSTCODE, 1200) == "700 of 1,200 records, warning only"


def test_what_most_records_have_wrong_is_told_once_with_one_setting() -> None:
    names = replace(reports.EXPIRY, rule="ishare.last-name", records=900, message="No last name.")
    common = broken.systematic((reports.POSTCODE, names, found(3), reports.ORDER), 1200)
    assert common is not None
    assert common.sentences == (
        "Every record, left out: An element stands in the wrong place.",
        "900 of 1,200 records, left out: No last name.",
        "700 of 1,200 records, warning only: The preferred address has no postal code.",
    )
    setting = "validation.severity: {schema.invalid: warning, ishare.last-name: warning}"
    assert common.setting == setting


def test_a_rule_with_several_findings_is_named_once_in_the_setting() -> None:
    other = replace(reports.ORDER, element="user/expiry_date")
    assert broken.setting_to_pass((reports.ORDER, other)) == (
        "validation.severity: {schema.invalid: warning}"
    )


def test_nothing_is_systematic_where_few_records_are_broken() -> None:
    assert broken.systematic((found(3),), 1200) is None
    assert broken.systematic((), 0) is None


def test_warnings_and_repeats_need_no_setting_to_pass() -> None:
    repeat = replace(reports.EXPIRY, rule="alma.duplicate-primary-id")
    assert broken.setting_to_pass((reports.POSTCODE, repeat)) is None
    common = broken.systematic((reports.POSTCODE,), 1200)
    assert common is not None
    assert common.setting is None


def test_errors_come_first_and_the_most_frequent_before_the_rest() -> None:
    rare = replace(reports.POSTCODE, rule="ishare.city", records=1, count=1)
    rules = broken.by_rule((rare, reports.POSTCODE, reports.EXPIRY, reports.ORDER))
    assert [rule.rule for rule in rules] == [
        "schema.invalid", "ishare.expiry-date", "ishare.postal-code", "ishare.city",
    ]  # fmt: skip
    assert [rule.severity for rule in rules] == [Severity.ERROR] * 2 + [Severity.WARNING] * 2
    assert (rules[1].title, rules[1].why) == (reports.EXPIRY.message, reports.EXPIRY.why)


def test_all_that_the_schema_finds_stands_together() -> None:
    date = replace(reports.ORDER, element="user/expiry_date", records=4, count=4)
    (schema, expiry) = broken.by_rule((date, reports.EXPIRY, reports.ORDER))
    assert schema.findings == (reports.ORDER, date)
    assert schema.title == words.SCHEMA_FAULTS
    assert expiry.findings == (reports.EXPIRY,)


@pytest.mark.parametrize(
    ("rule", "has_place", "is_of_bytes"),
    [
        ("xml.encoding", True, True),
        ("xml.control-character", True, True),
        ("xml.wrong-root", True, False),
        ("xml.truncated", True, False),
        ("xml.empty", False, False),
        ("xml.no-records", False, False),
        ("xml.too-large", False, False),
        ("zip.unreadable", False, False),
    ],
)
def test_a_place_is_shown_where_the_fault_has_one(
    *, rule: str, has_place: bool, is_of_bytes: bool
) -> None:
    fatal = replace(reports.FATAL, rule=rule)
    assert (broken.has_place(fatal), broken.is_of_bytes(fatal)) == (has_place, is_of_bytes)


@pytest.mark.parametrize(
    ("digits", "shown"), [("fc", True), ("00", True), ("1a", True), ("26", False), ("", False)]
)
def test_bytes_are_shown_unless_they_are_letters(digits: str, *, shown: bool) -> None:
    assert broken.is_of_bytes(replace(reports.FATAL, bytes_hex=digits)) is shown
