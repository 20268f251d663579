from dataclasses import replace
from typing import Any

import pytest

from sisdrop import story, words
from sisdrop.errors import HELD_REASONS, REJECTED_REASONS, Reason
from sisdrop.model import Comparison, Counts, HeldFor, Verdict
from support import reports


def test_an_accepted_file_says_what_goes_out_and_what_does_not() -> None:
    told = story.tell(reports.report())
    assert told.happened == (
        "The file can be used: 1,190 of 1,200 records are ready for Alma.",
        (
            "The others: 5 left out because of errors, 3 left out as repeats, 2 left to another "
            "stream."
        ),
        "With a warning, but good enough to send: 700.",
        "Alma's job report should show about 12 created and 340 updated.",
    )
    assert told.title == "Accepted, 5 records left out"
    assert told.to_do == (words.MEND_RECORDS,)


def test_a_clean_file_needs_nothing() -> None:
    clean = reports.report(
        refined=reports.refined(counts=Counts(total=1, delivered=1), findings=()),
        compared_with=None,
    )
    assert story.tell(clean).title == "Accepted"
    assert story.tell(clean).happened == ("The file is good: its one record is ready for Alma.",)
    assert story.tell(clean).to_do == ("Nothing needs to be done.",)


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (Counts(1200, 1200), "The file is good: all 1,200 records are ready for Alma."),
        (Counts(2, 1, duplicates=1), "The file is good: 1 of 2 records is ready for Alma."),
        (Counts(3, 1, left_out=2), "The file can be used: 1 of 3 records is ready for Alma."),
    ],
)
def test_the_first_sentence_says_how_much_goes_out(counts: Counts, sentence: str) -> None:
    told = story.tell(reports.report(refined=reports.refined(counts=counts)))
    assert told.happened[0] == sentence


def test_an_extract_that_breaks_most_records_is_mended_before_any_person() -> None:
    counts = Counts(1200, 500, left_out=700)
    common = replace(reports.ORDER, records=700)
    both = reports.refined(counts=counts, findings=(common, reports.EXPIRY))
    alone = reports.refined(counts=counts, findings=(common, reports.POSTCODE))
    assert story.tell(reports.report(refined=both)).to_do == (
        words.MEND_EXTRACT,
        words.MEND_RECORDS,
    )
    assert story.tell(reports.report(refined=alone)).to_do == (words.MEND_EXTRACT,)


def test_a_file_with_warnings_only_can_wait() -> None:
    warned = reports.report(refined=reports.refined(counts=Counts(9, 9, warned=2), findings=()))
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
    told = story.tell(reports.report(verdict=Verdict.REJECTED, reason=reason))
    assert "Nothing of it was sent." in told.happened[0]
    assert told.to_do == (words.REASONS[reason].action,)


def test_a_file_that_was_never_dropped_is_not_said_to_be_unsent() -> None:
    told = story.tell(replace(reports.rejected(), stream=""))
    assert told.happened[0] == "The file cannot be used: sisdrop would reject it."
    assert not any("sent" in sentence for sentence in told.happened)


def test_fragments_from_other_hands_are_told_as_sentences() -> None:
    bare = HeldFor(Reason.SHRUNK, "user group STAFF: 90 people last time, 3 now")
    told = story.tell(reports.report(verdict=Verdict.HELD, held_for=(bare,), hint="look at it"))
    assert told.happened[1] == "User group STAFF: 90 people last time, 3 now."
    assert told.to_do[0] == "Look at it."


def test_a_fault_is_told_with_its_line_and_its_own_advice_and_each_thing_once() -> None:
    told = story.tell(reports.rejected())
    assert told.happened == (
        words.VERDICTS[Verdict.REJECTED].meaning,
        f"Line 402: {reports.FATAL.message}",
        words.REASONS[Reason.XML_ENCODING].meaning,
    )
    assert told.to_do == (reports.FATAL.hint, "Then drop the new file into the inbox.")


@pytest.mark.parametrize("changes", [{"rule": "xml.empty"}, {"offset": 0}])
def test_a_fault_of_the_whole_file_names_no_line(changes: dict[str, Any]) -> None:
    empty = replace(reports.FATAL, message="The file is empty.", **changes)
    told = story.tell(
        reports.report(verdict=Verdict.REJECTED, refined=reports.refined(fatal=empty))
    )
    assert told.happened[1] == "The file is empty."


def test_a_zip_is_told_to_be_dropped_again_once() -> None:
    hint = "Zip the XML file by itself, or drop the XML itself."
    zipped = replace(reports.FATAL, rule="zip.unreadable", hint=hint)
    told = story.tell(
        reports.report(verdict=Verdict.REJECTED, refined=reports.refined(fatal=zipped))
    )
    assert told.to_do == (hint,)


def test_what_the_counts_tell_is_not_told_again_by_the_hint() -> None:
    nothing = reports.report(
        verdict=Verdict.REJECTED,
        reason=Reason.NO_DELIVERABLE_RECORDS,
        hint="none of the 3 records could be delivered",
    )
    assert story.tell(nothing).to_do == (words.REASONS[Reason.NO_DELIVERABLE_RECORDS].action,)
    refused = replace(nothing, reason=Reason.REFUSED, hint="sisdrop show tells by whom and why")
    assert "sisdrop show tells by whom and why." in story.tell(refused).to_do


def test_a_rejection_without_a_reason_still_says_what_to_do() -> None:
    told = story.tell(reports.report(verdict=Verdict.REJECTED))
    assert told.to_do == (words.VERDICTS[Verdict.REJECTED].action,)
    assert story.why_title(None) is None


def test_a_duplicate_says_that_nothing_was_sent_again() -> None:
    told = story.tell(reports.report(verdict=Verdict.DUPLICATE))
    assert "nothing was sent again" in told.happened[0]


def test_counts_fit_on_one_line_and_name_only_what_there_is() -> None:
    assert story.count_text(Counts(total=3, delivered=3)) == "3 of 3 records good"
    assert story.count_text(Counts(1200, 1190, 5, 3, 2, 700)) == (
        "1,190 of 1,200 records good; 5 left out because of errors; 3 left out as repeats; "
        "2 left to another stream; 700 with warnings"
    )


def test_each_verdict_names_its_good_records() -> None:
    assert len({story.ready_label(verdict) for verdict in Verdict}) == len(Verdict)
