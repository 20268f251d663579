import re
from dataclasses import replace
from typing import Any

import pytest

from sisdrop.errors import HELD_REASONS, REJECTED_REASONS, Reason
from sisdrop.guard import (
    Decision,
    Duplicate,
    History,
    Hold,
    Judged,
    Limits,
    Nothing,
    Queue,
    Reject,
    condemn,
    decide,
)
from sisdrop.model import Approval, Change, Counts, Fatal, FileRow, Profile, Signature, State
from support.clock import START
from support.rows import DIGEST, OTHER_DIGEST, a_row, counts, profile

LIMITS = Limits(
    max_drop=0.2,
    max_rise=1.0,
    max_group_drop=0.5,
    min_group=50,
    max_field_loss=0.05,
    max_state_rise=0.05,
    max_left_out=0.02,
    max_new=0.3,
    max_absent=0.3,
    hold_first_load=True,
    refuse_duplicates=False,
)
OFF = replace(
    LIMITS,
    max_drop=None,
    max_rise=None,
    max_group_drop=None,
    max_field_loss=None,
    max_state_rise=None,
    max_left_out=None,
    max_new=None,
    max_absent=None,
    hold_first_load=False,
)
NO_PEOPLE: dict[str, Any] = {"max_new": None, "max_absent": None}
ZIP, NEW_ZIP = "12" * 32, "34" * 32
NEWER = Signature(10, 2_000_000_000_000_000_000, 1)
OLDER = Signature(10, 1_000_000_000_000_000_000, 1)


def judged(now: Profile | None = None, **changes: Any) -> Judged:
    """A new file; its counts follow its profile unless they are given."""
    shown = now or profile()
    new = Judged(OTHER_DIGEST, NEWER, counts(shown.records), shown)
    return replace(new, **changes)


def after(before: Profile | None = None, **changes: Any) -> History:
    """One file went out before."""
    return History(a_row(profile=before or profile(), **changes))


def reasons(decision: Decision) -> list[Reason]:
    assert isinstance(decision, Hold), decision
    return [held.reason for held in decision.held_for]


def approval(sha256: str = OTHER_DIGEST, *, stale: bool = False) -> Approval:
    return Approval("librarian", "it is the summer", START, sha256, stale)


# One row of the table each.


def test_a_file_with_nothing_to_deliver_is_rejected() -> None:
    found = decide(judged(counts=counts(0, 7)), after(), LIMITS)
    assert isinstance(found, Reject)
    assert found.reason is Reason.NO_DELIVERABLE_RECORDS
    assert "none of the 7 records" in found.hint


def test_a_single_record_is_spoken_of_as_one() -> None:
    found = decide(judged(counts=counts(0, 1)), after(), LIMITS)
    assert isinstance(found, Reject)
    assert found.hint.startswith("the only record could not be delivered;")


def test_a_file_that_repeats_people_is_rejected_where_the_settings_say_so() -> None:
    refusing = replace(LIMITS, refuse_duplicates=True)
    found = decide(judged(counts=counts(990, duplicates=10)), after(), refusing)
    assert isinstance(found, Reject)
    assert found.reason is Reason.DUPLICATES_REFUSED
    assert "10 records" in found.hint


def test_a_file_that_repeats_people_passes_by_default() -> None:
    assert decide(judged(counts=counts(990, duplicates=10)), after(), LIMITS) == Queue()


def test_the_file_that_was_sent_last_is_a_duplicate_whatever_its_mtime() -> None:
    for signature in (OLDER, NEWER):
        again = judged(sha256=DIGEST, signature=signature)
        assert decide(again, after(), LIMITS) == Duplicate(a_row())


def test_warnings_alone_do_not_make_a_file_another_one() -> None:
    again = judged(sha256=DIGEST, counts=counts(warned=17))
    assert decide(again, after(), LIMITS) == Duplicate(a_row())


def test_the_same_bytes_are_no_duplicate_when_other_records_would_go_out() -> None:
    again = judged(profile(990), sha256=DIGEST, counts=counts(990, 10))
    last = a_row()
    found = decide(again, History(last, last), LIMITS)
    assert found == Queue(f"the same file as {last.id}, but other records of it are sent")


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ({"sha256": ZIP, "content": DIGEST}, {"sha256": DIGEST}),
        ({"sha256": DIGEST, "content": DIGEST}, {"sha256": ZIP, "content_sha256": DIGEST}),
        ({"sha256": ZIP, "content": DIGEST}, {"sha256": NEW_ZIP, "content_sha256": DIGEST}),
    ],
)
def test_the_same_xml_is_a_duplicate_however_it_was_packed(
    now: dict[str, Any], before: dict[str, Any]
) -> None:
    assert decide(judged(**now), after(**before), LIMITS) == Duplicate(a_row(**before))
    older = judged(profile(990), signature=OLDER, counts=counts(990, 10), **now)
    last = a_row(**before)
    assert isinstance(decide(older, History(last, last), LIMITS), Queue)


def test_other_xml_is_another_file_whatever_the_bytes_around_it() -> None:
    now = judged(sha256=ZIP, content=OTHER_DIGEST)
    assert decide(now, after(sha256=ZIP, content_sha256=DIGEST), LIMITS) == Queue()


def test_an_approval_is_for_the_bytes_and_not_for_what_is_in_them() -> None:
    new = judged(profile(500), sha256=ZIP, content=DIGEST)
    for_bytes = replace(new, approval=approval(ZIP))
    for_content = replace(new, approval=approval(DIGEST))
    other = after(sha256=OTHER_DIGEST)
    assert decide(for_bytes, other, LIMITS) == Queue()
    assert reasons(decide(for_content, other, LIMITS)) == [Reason.SHRUNK]


def test_a_row_without_counts_is_never_what_was_sent_last() -> None:
    assert not isinstance(decide(judged(sha256=DIGEST), after(counts=None), LIMITS), Duplicate)


def test_an_older_file_that_was_sent_before_is_held() -> None:
    last, same = a_row(hours=2), a_row(hours=0, sha256=OTHER_DIGEST)
    found = decide(judged(signature=OLDER), History(last, same), LIMITS)
    assert reasons(found) == [Reason.STALE]
    assert isinstance(found, Hold)
    assert same.id in found.held_for[0].sentence
    assert last.id in found.held_for[0].sentence


def test_an_older_file_written_anew_is_sent_with_a_note() -> None:
    last, same = a_row(hours=2), a_row(hours=0, sha256=OTHER_DIGEST)
    found = decide(judged(signature=NEWER), History(last, same), LIMITS)
    assert found == Queue(f"the same file as {same.id}, sent again on purpose")


def test_a_file_written_in_the_same_instant_is_not_older() -> None:
    last, same = a_row(hours=2), a_row(hours=0, sha256=OTHER_DIGEST)
    found = decide(judged(signature=last.signature), History(last, same), LIMITS)
    assert isinstance(found, Queue)


def test_an_old_mtime_alone_holds_nothing() -> None:
    assert decide(judged(signature=OLDER), after(), LIMITS) == Queue()


def test_the_first_file_of_a_stream_is_held_where_the_settings_say_so() -> None:
    assert reasons(decide(judged(), History(), LIMITS)) == [Reason.FIRST_LOAD]
    assert decide(judged(), History(), OFF) == Queue()


def test_a_last_file_whose_profile_is_unknown_counts_as_none() -> None:
    assert reasons(decide(judged(), History(a_row(profile=None)), LIMITS)) == [Reason.FIRST_LOAD]


def test_a_file_like_the_one_before_is_queued() -> None:
    assert decide(judged(), after(), LIMITS) == Queue()


# Each limit from both sides: before, now, within the limit, just beyond.

SIDES = [
    (Reason.SHRUNK, profile(1000), profile(800), profile(799)),
    (Reason.GROWN, profile(1000), profile(2000), profile(2001)),
    (
        Reason.GROUP_SHRUNK,
        profile(1000, {"STAFF": 50}),
        profile(1000, {"STAFF": 25}),
        profile(1000, {"STAFF": 24}),
    ),
    (Reason.GROUP_SHRUNK, profile(1000, {"STAFF": 49}), profile(1000), None),
    (Reason.GROUP_SHRUNK, profile(1000, {"STAFF": 50}), profile(1000, {"STAFF": 900}), profile()),
    (
        Reason.FIELD_LOSS,
        profile(1000, coverage={"preferred_email": 980}),
        profile(1000, coverage={"preferred_email": 930}),
        profile(1000, coverage={"preferred_email": 929}),
    ),
    (
        Reason.FIELD_LOSS,
        profile(100, coverage={"phone": 100}),
        profile(100, coverage={"phone": 76}),
        profile(100, coverage={"phone": 75}),
    ),
    (
        Reason.STATE_RISE,
        profile(1000, states={"expired": 10}),
        profile(1000, states={"expired": 60}),
        profile(1000, states={"expired": 61}),
    ),
    (
        Reason.STATE_RISE,
        profile(100, states={"due_for_purge": 0}),
        profile(100, states={"due_for_purge": 24}),
        profile(100, states={"due_for_purge": 25}),
    ),
    (
        Reason.STATE_RISE,
        profile(1000),
        profile(1000, states={"inactive": 50}),
        profile(1000, states={"inactive": 51}),
    ),
]


@pytest.mark.parametrize(("reason", "before", "within", "beyond"), SIDES)
def test_a_limit_lets_pass_what_reaches_it_and_holds_what_passes_it(
    reason: Reason, before: Profile, within: Profile, beyond: Profile | None
) -> None:
    assert decide(judged(within), after(before), LIMITS) == Queue()
    if beyond is not None:
        assert reasons(decide(judged(beyond), after(before), LIMITS)) == [reason]


@pytest.mark.parametrize(("reason", "before", "within", "beyond"), SIDES)
def test_a_limit_that_is_off_holds_nothing(
    reason: Reason, before: Profile, within: Profile, beyond: Profile | None
) -> None:
    assert decide(judged(beyond or within), after(before), OFF) == Queue(), reason


PEOPLE = [
    (Reason.TOO_MANY_NEW, Change(new=300, unchanged=700), Change(new=301, unchanged=699)),
    (Reason.TOO_MANY_NEW, Change(new=15, changed=35), Change(new=16, changed=34)),
    (Reason.TOO_MANY_NEW, Change(new=49), Change(new=50)),
    (Reason.TOO_MANY_ABSENT, Change(absent=300, unchanged=700), Change(absent=301, unchanged=699)),
    (Reason.TOO_MANY_ABSENT, Change(absent=15, changed=35), Change(absent=16, changed=34)),
    (Reason.TOO_MANY_ABSENT, Change(absent=49), Change(absent=50)),
    # Each of the two files has its own size.
    (Reason.TOO_MANY_NEW, Change(new=49, absent=14, changed=0), Change(new=50, absent=49)),
    (Reason.TOO_MANY_ABSENT, Change(absent=49, new=14), Change(absent=50, new=49)),
]


@pytest.mark.parametrize(("reason", "within", "beyond"), PEOPLE)
def test_so_many_people_may_be_new_or_gone_and_no_more(
    reason: Reason, within: Change, beyond: Change
) -> None:
    assert decide(judged(change=within), after(), LIMITS) == Queue()
    assert reasons(decide(judged(change=beyond), after(), LIMITS)) == [reason]
    assert decide(judged(change=beyond), after(), replace(LIMITS, **NO_PEOPLE)) == Queue()
    assert decide(judged(change=beyond), after(), replace(LIMITS, full=False)) == Queue()
    approved = judged(change=beyond, approval=approval())
    assert decide(approved, after(), LIMITS) == Queue()


def test_people_are_not_judged_where_nothing_is_known_of_them() -> None:
    assert decide(judged(change=None), after(), LIMITS) == Queue()
    assert decide(judged(change=Change()), after(), LIMITS) == Queue()


def test_the_first_file_of_a_stream_is_held_as_that_alone() -> None:
    found = decide(judged(change=Change(new=1000)), History(), LIMITS)
    assert reasons(found) == [Reason.FIRST_LOAD]


def test_a_switched_identifier_is_told_in_numbers() -> None:
    """Counts, groups and coverage are what they were; only the people are not."""
    found = decide(judged(change=Change(9_900, 80, 20, 9_900)), after(), LIMITS)
    assert isinstance(found, Hold)
    new, absent = (held.sentence for held in found.held_for)
    assert new == (
        "9,900 of 10,000 people were not in the last file (99 %; the limit is 30 %); was the"
        " identifier switched? Alma would create them a second time"
    )
    assert absent == "9,900 of the last file's 10,000 people are missing (99 %; the limit is 30 %)"


LOST = [
    (None, "Alma would erase about 900 phone numbers"),
    (Change(changed=1000, lost={"phone": 880}), "Alma would erase 880 phone numbers"),
    (Change(changed=1000, lost={"phone": 1}), "Alma would erase 1 phone number"),
    (Change(changed=1000, lost={"note": 880}), "Alma would erase it wherever it is gone"),
]


@pytest.mark.parametrize(("change", "words"), LOST)
def test_a_lost_field_is_counted_person_by_person_where_that_is_known(
    change: Change | None, words: str
) -> None:
    before, now = profile(1000, coverage={"phone": 900}), profile(1000)
    found = decide(judged(now, change=change), after(before), LIMITS)
    assert isinstance(found, Hold)
    assert [held.sentence for held in found.held_for] == [
        f"phone: 90 % of records last time, 0 % now; {words}"
    ]


def test_exactly_the_limit_is_never_too_much() -> None:
    """Shares are floats: 30 % of 100 must not turn out as a hair more than 30 %."""
    for percent in range(1, 100):
        share = percent / 100
        limits = replace(
            LIMITS,
            max_drop=share,
            max_group_drop=share,
            max_rise=0.0,
            max_new=share,
            max_absent=share,
        )
        before = profile(100, {"STAFF": 100})
        now = profile(100 - percent, {"STAFF": 100 - percent})
        change = Change(new=percent, unchanged=100 - percent, absent=percent)
        assert decide(judged(now, change=change), after(before), limits) == Queue()
        left_out = judged(counts=counts(100 - percent, percent))
        assert decide(left_out, after(), replace(OFF, max_left_out=share)) == Queue()


LEFT_OUT = [
    (0.02, counts(995, 5), False),
    (0.02, counts(10, 5), False),
    (0.02, counts(10, 6), True),
    (0.02, counts(980, 20), False),
    (0.02, counts(979, 21), True),
    (0.0, counts(1000, 0), False),
    (0.0, counts(999, 1), True),
    (None, counts(1, 999), False),
    (0.02, counts(500, 0, duplicates=300, yielded=200), False),
]


@pytest.mark.parametrize(("limit", "found", "held"), LEFT_OUT)
def test_errors_may_leave_out_a_share_and_at_least_five(
    limit: float | None, found: Counts, held: bool
) -> None:
    decision = decide(judged(counts=found), after(), replace(LIMITS, max_left_out=limit))
    assert isinstance(decision, Hold) is held
    if held:
        assert reasons(decision) == [Reason.TOO_MANY_LEFT_OUT]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    before = profile(1000, {"STAFF": 100}, {"phone": 900}, {"expired": 0})
    now = profile(700, {"STAFF": 10}, {"phone": 100}, {"expired": 300})
    change = Change(new=400, unchanged=300, absent=700)
    one = judged(now, counts=counts(700, 300), change=change)
    assert reasons(decide(one, after(before), LIMITS)) == [
        Reason.TOO_MANY_LEFT_OUT,
        Reason.SHRUNK,
        Reason.TOO_MANY_NEW,
        Reason.TOO_MANY_ABSENT,
        Reason.GROUP_SHRUNK,
        Reason.FIELD_LOSS,
        Reason.STATE_RISE,
    ]


def test_a_last_file_without_records_compares_with_nothing() -> None:
    assert decide(judged(), after(profile(0)), LIMITS) == Queue()


def test_a_group_of_nobody_cannot_shrink() -> None:
    limits = replace(LIMITS, min_group=0)
    assert decide(judged(), after(profile(1000, {"STAFF": 0})), limits) == Queue()


# Approval.


def test_an_approval_lifts_every_limit() -> None:
    before = profile(1000, {"STAFF": 100}, {"phone": 900}, {"expired": 0})
    now = profile(1, {}, {}, {"expired": 1})
    one = judged(now, counts=counts(1, 999), approval=approval())
    assert decide(one, after(before), LIMITS) == Queue()


def test_an_approval_of_other_bytes_lifts_nothing() -> None:
    one = judged(profile(1), approval=approval(DIGEST))
    assert reasons(decide(one, after(), LIMITS)) == [Reason.SHRUNK]


def test_an_approval_lifts_the_first_load() -> None:
    assert decide(judged(approval=approval()), History(), LIMITS) == Queue()


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (None, True),
        (approval(), True),
        (approval(stale=True), False),
        (approval(DIGEST, stale=True), True),
    ],
)
def test_an_old_file_needs_an_approval_that_says_so(given: Approval | None, held: bool) -> None:
    last, same = a_row(hours=2), a_row(hours=0, sha256=OTHER_DIGEST)
    one = judged(signature=OLDER, approval=given)
    assert isinstance(decide(one, History(last, same), LIMITS), Hold) is held


def test_an_approval_does_not_send_a_duplicate_again() -> None:
    one = judged(sha256=DIGEST, approval=approval(DIGEST, stale=True))
    assert isinstance(decide(one, after(), LIMITS), Duplicate)


def test_an_approval_does_not_send_an_empty_file() -> None:
    one = judged(counts=counts(0), approval=approval(stale=True))
    assert isinstance(decide(one, after(), LIMITS), Reject)


# A stream that carries changes only.

CHANGES = replace(LIMITS, full=False)


def fatal(rule: str) -> Fatal:
    return Fatal(rule, 1, 1, 0, "", "There is nobody in it.", "Look at it.")


@pytest.mark.parametrize("rule", ["xml.empty", "xml.no-records"])
def test_a_file_that_lists_nobody_is_right_where_only_changes_are_sent(rule: str) -> None:
    assert condemn(fatal(rule), CHANGES) == Nothing("the file lists nobody, so nobody has changed")
    refused = condemn(fatal(rule), LIMITS)
    assert isinstance(refused, Reject)
    assert refused.reason == rule.replace(".", "_").replace("-", "_")


def test_a_broken_file_is_rejected_in_every_stream() -> None:
    assert isinstance(condemn(fatal("xml.truncated"), CHANGES), Reject)


def test_where_all_are_left_to_other_streams_nothing_is_sent() -> None:
    nobody = judged(profile(0), counts=Counts(7, 0, 0, 0, 7))
    assert isinstance(decide(nobody, after(), OFF), Nothing)
    some_bad = judged(profile(0), counts=Counts(7, 0, 1, 0, 6))
    assert isinstance(decide(some_bad, after(), OFF), Reject)


def test_changes_that_would_erase_a_field_are_held_person_by_person() -> None:
    now = profile(60, coverage={"phone": 0})
    change = Change(new=5, changed=45, unchanged=10, lost={"phone": 30})
    found = decide(judged(now, change=change), after(), CHANGES)
    assert isinstance(found, Hold)
    (held,) = found.held_for
    assert held.reason is Reason.FIELD_LOSS
    assert held.sentence == (
        "phone: 30 of 55 people had one when they were last sent and have none now; Alma would"
        " erase 30 phone numbers"
    )


@pytest.mark.parametrize("lost", [{"phone": 24}, {"phone": 2}, {}, {"a_part": 50}])
def test_few_losses_among_changes_are_no_reason_to_hold(lost: dict[str, int]) -> None:
    now = profile(60, coverage={"phone": 0})
    change = Change(changed=60, lost=lost)
    assert decide(judged(now, change=change), after(), CHANGES) == Queue()


@pytest.mark.parametrize(
    ("lifts", "lifted"),
    [
        (None, True),
        ((Reason.SHRUNK,), True),
        ((Reason.SHRUNK, Reason.GROWN), True),
        ((Reason.GROWN,), False),
    ],
)
def test_an_approval_lifts_what_was_shown_and_nothing_else(
    lifts: tuple[Reason, ...] | None, lifted: bool
) -> None:
    word = replace(approval(), lifts=lifts)
    limits = replace(OFF, max_drop=0.2)
    found = decide(judged(profile(10), approval=word), after(profile(1000)), limits)
    assert (found == Queue()) == lifted


@pytest.mark.parametrize(("reason", "before", "within", "beyond"), SIDES)
def test_changes_are_not_counted_against_the_file_before(
    reason: Reason, before: Profile, within: Profile, beyond: Profile | None
) -> None:
    found = decide(judged(beyond or within), after(before), CHANGES)
    assert found == Queue(), reason


def test_changes_have_no_first_load_and_are_never_stale() -> None:
    last, same = a_row(hours=2), a_row(hours=0, sha256=OTHER_DIGEST)
    assert decide(judged(), History(), CHANGES) == Queue()
    assert decide(judged(signature=OLDER), History(last, same), CHANGES) == Queue()


def test_changes_with_too_many_errors_are_held() -> None:
    found = decide(judged(counts=counts(10, 90)), History(), CHANGES)
    assert reasons(found) == [Reason.TOO_MANY_LEFT_OUT]


def test_the_same_changes_twice_running_are_a_duplicate() -> None:
    assert isinstance(decide(judged(sha256=DIGEST), after(), CHANGES), Duplicate)


# What the sentences say.

MARK = "zz-from-the-file"


def everything_wrong() -> tuple[Judged, History]:
    marked = {f"{MARK}-{n}": 500 for n in range(3)}
    before = profile(1000, {"STAFF": 600}, {"identifier:BARCODE": 900, "phone": 900})
    now = profile(400, marked, {f"identifier:{MARK}": 400}, {"expired": 400, MARK: 400})
    last = a_row(profile=before, name=MARK, hint=MARK)
    change = Change(200, 200, 0, 800, lost={MARK: 150}, moved={(MARK, MARK): 10})
    return judged(now, counts=counts(400, 600), change=change), History(last)


def test_a_sentence_shows_numbers_and_codes_of_the_earlier_file_and_nothing_else() -> None:
    found = decide(*everything_wrong(), LIMITS)
    assert isinstance(found, Hold)
    text = "\n".join(held.sentence for held in found.held_for)
    assert MARK not in text
    for expected in (
        "600 of 1,000 records would be left out for errors (60 %; the limit is 2 %)",
        "1,000 people last time, 400 now: 60 % fewer, the limit is 20 %",
        "user group STAFF: 600 people last time, 0 now; the limit is 50 % fewer",
        "identifier of type BARCODE: 90 % of records last time, 0 % now; Alma would erase it",
        "phone: 90 % of records last time, 0 % now; Alma would erase it wherever it is gone",
        "200 of 400 people were not in the last file (50 %; the limit is 30 %)",
        "800 of the last file's 1,000 people are missing (80 %; the limit is 30 %)",
        "100 % of people have expired, 0 % last time: about 400 more",
    ):
        assert expected in text


def test_a_small_share_is_told_with_its_decimal() -> None:
    before = profile(10_000, coverage={"preferred_email": 980})
    now = profile(10_000, coverage={"preferred_email": 420})
    found = decide(judged(now), after(before), LIMITS)
    assert isinstance(found, Hold)
    assert "preferred email: 9.8 % of records last time, 4.2 % now" in found.held_for[0].sentence


def test_every_reason_belongs_to_its_decision() -> None:
    found = decide(*everything_wrong(), LIMITS)
    assert set(reasons(found)) <= HELD_REASONS
    empty = decide(judged(counts=counts(0)), History(), LIMITS)
    assert isinstance(empty, Reject)
    assert empty.reason in REJECTED_REASONS


def test_a_sentence_is_one_line_without_a_stop_at_its_end() -> None:
    found = decide(*everything_wrong(), LIMITS)
    assert isinstance(found, Hold)
    for held in found.held_for:
        assert re.fullmatch(r"[^\n]+[^\n.]", held.sentence), held.sentence


def test_what_is_queued_counts_as_sent() -> None:
    """The guard compares with whatever the ledger calls sent, also while it is on its way."""
    queued: FileRow = a_row(State.QUEUED)
    assert decide(judged(sha256=DIGEST), History(queued), LIMITS) == Duplicate(queued)


def test_the_limits_look_at_what_alma_holds_and_not_at_what_this_file_replaces() -> None:
    """1,000 loaded, 850 still queued, 700 now: 30 % fewer, though each step is within 20 %."""
    loaded = a_row(profile=profile(1_000))
    queued = a_row(State.QUEUED, profile=profile(850))
    found = decide(judged(profile(700)), History(queued, None, loaded), LIMITS)
    assert Reason.SHRUNK in reasons(found)
    assert decide(judged(profile(900)), History(queued, None, loaded), LIMITS) == Queue()
