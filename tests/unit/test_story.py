from dataclasses import replace

import pytest

from sisdrop import story, words
from sisdrop.errors import HELD_REASONS, REJECTED_REASONS, Reason
from sisdrop.model import Comparison, Counts, HeldFor, Severity, Verdict
from support import reports


def test_an_accepted_file_says_what_goes_out_and_what_does_not() -> None:
    told = story.tell(reports.report())
    assert told.happened == (
        "The file is good: 1,190 of 1,200 records are ready for Alma.",
        (
            "The others: 5 left out because of errors, 3 left out as repeats, 2 left to another "
            "stream."
        ),
        "With a warning, but good enough to send: 700.",
        "Alma's job report should show about 12 created and 340 updated.",
    )
    assert told.to_do[0].startswith("Correct the records that were left out")


def test_a_clean_file_needs_nothing() -> None:
    clean = reports.report(
        refined=reports.refined(counts=Counts(total=1, delivered=1)), compared_with=None
    )
    assert story.tell(clean).happened == ("The file is good: 1 of 1 record is ready for Alma.",)
    assert story.tell(clean).to_do == ("Nothing needs to be done.",)


def test_a_file_with_warnings_only_can_wait() -> None:
    warned = reports.report(refined=reports.refined(counts=Counts(9, 9, warned=2)))
    assert story.tell(warned).to_do[0].startswith("Nothing needs to be done now.")


def test_a_comparison_without_people_promises_no_numbers() -> None:
    told = story.tell(reports.report(compared_with=Comparison("x")))
    assert not any("job report" in sentence for sentence in told.happened)


def test_a_held_file_tells_its_sentences_and_both_ways_out() -> None:
    told = story.tell(reports.held())
    assert told.happened[0] == "The file waits for a decision. Nothing of it has been sent."
    assert told.happened[1:] == tuple(held.sentence for held in reports.held().held_for)
    assert "approved" in told.to_do[-1]
    assert "delete it" in told.to_do[-1]


@pytest.mark.parametrize("reason", sorted(HELD_REASONS))
def test_every_held_reason_tells_a_story_with_or_without_sentences(reason: Reason) -> None:
    bare = reports.report(verdict=Verdict.HELD, reason=reason)
    told = story.tell(bare)
    assert words.REASONS[reason].meaning in told.happened
    assert words.REASONS[reason].action in told.to_do
    full = replace(bare, held_for=(HeldFor(reason, "This is why."),))
    assert "This is why." in story.tell(full).happened


@pytest.mark.parametrize("reason", sorted(REJECTED_REASONS))
def test_every_rejection_says_that_nothing_was_sent_and_what_to_do(reason: Reason) -> None:
    told = story.tell(reports.report(verdict=Verdict.REJECTED, reason=reason, hint="A hint."))
    assert "Nothing of it was sent." in told.happened[0]
    assert told.to_do == (words.REASONS[reason].action, "A hint.")


def test_fragments_from_other_hands_are_told_as_sentences() -> None:
    bare = HeldFor(Reason.SHRUNK, "user group STAFF: 90 people last time, 3 now")
    told = story.tell(reports.report(verdict=Verdict.HELD, held_for=(bare,), hint="look at it"))
    assert told.happened[1] == "User group STAFF: 90 people last time, 3 now."
    assert told.to_do[0] == "Look at it."


def test_the_hint_of_the_fault_is_not_said_twice() -> None:
    told = story.tell(reports.rejected())
    assert reports.FATAL.hint not in told.to_do


def test_a_rejection_without_a_reason_still_says_what_to_do() -> None:
    told = story.tell(reports.report(verdict=Verdict.REJECTED))
    assert told.to_do == (words.VERDICTS[Verdict.REJECTED].action,)
    assert story.why_title(None) is None


def test_a_duplicate_says_that_nothing_was_sent_again() -> None:
    told = story.tell(reports.report(verdict=Verdict.DUPLICATE))
    assert "nothing was sent again" in told.happened[0]


@pytest.mark.parametrize(
    ("count", "total", "systematic", "text"),
    [
        (1200, 1200, True, "every record"),
        (601, 1200, True, "601 of 1,200 records"),
        (600, 1200, False, "600 records"),
        (1, 1200, False, "1 record"),
        (1, 1, False, "1 record"),
        (2, 2, True, "every record"),
        (30, 10, True, "30 places"),
        (1, 0, False, "1 place"),
    ],
)
def test_more_than_half_of_all_records_is_systematic(
    *, count: int, total: int, systematic: bool, text: str
) -> None:
    finding = replace(reports.EXPIRY, count=count)
    assert story.is_systematic(finding, total) is systematic
    assert story.extent(finding, total) == text


def test_the_setting_that_lets_records_pass_is_named_where_there_is_one() -> None:
    expected = 'validation.severity: {"ishare.expiry-date": warning}'
    assert story.setting_to_pass(reports.EXPIRY) == expected
    assert story.setting_to_pass(reports.POSTCODE) is None
    repeat = replace(reports.EXPIRY, rule="alma.duplicate-primary-id")
    assert story.setting_to_pass(repeat) is None


def test_errors_come_first_and_the_most_frequent_before_the_rest() -> None:
    rare = replace(reports.POSTCODE, rule="ishare.city", count=1)
    ordered = story.in_order((rare, reports.POSTCODE, reports.EXPIRY, reports.ORDER))
    assert ordered == [reports.ORDER, reports.EXPIRY, reports.POSTCODE, rare]
    assert [story.effect(finding) for finding in ordered[1:3]] == ["left out", "warning only"]
    assert ordered[0].severity is Severity.ERROR


def test_counts_fit_on_one_line_and_name_only_what_there_is() -> None:
    assert story.count_text(Counts(total=3, delivered=3)) == "3 of 3 records good"
    assert story.count_text(Counts(1200, 1190, 5, 3, 2, 700)) == (
        "1,190 of 1,200 records good; 5 left out because of errors; 3 left out as repeats; "
        "2 left to another stream; 700 with warnings"
    )


def test_each_verdict_names_its_good_records() -> None:
    assert len({story.ready_label(verdict) for verdict in Verdict}) == len(Verdict)
