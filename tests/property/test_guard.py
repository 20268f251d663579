from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sisdrop.errors import Reason
from sisdrop.guard import Duplicate, History, Hold, Judged, Limits, Queue, Reject, decide
from sisdrop.model import Approval, Change, Counts, FileRow, Profile, Signature
from support.clock import START
from support.rows import a_row

DIGESTS = st.sampled_from(["aa" * 32, "bb" * 32, "cc" * 32])
SMALL = st.integers(0, 60)
WORDS = st.sampled_from(["STAFF", "STUDENT", "identifier:BARCODE", "phone", "expired", "inactive"])
TABLES = st.dictionaries(WORDS, SMALL, max_size=6)
SHARES = st.none() | st.floats(0, 3)
PROFILES = st.builds(Profile, SMALL, TABLES, TABLES, TABLES)
CHANGES = st.builds(Change, SMALL, SMALL, SMALL, SMALL, TABLES, TABLES, st.just({}))
SIGNATURES = st.builds(Signature, st.just(10), st.integers(0, 3), st.just(1))
LIMITS = st.builds(
    Limits,
    max_drop=SHARES,
    max_rise=SHARES,
    max_group_drop=SHARES,
    min_group=SMALL,
    max_field_loss=SHARES,
    max_state_rise=SHARES,
    max_left_out=SHARES,
    max_new=SHARES,
    max_absent=SHARES,
    hold_first_load=st.booleans(),
    refuse_duplicates=st.booleans(),
    full=st.booleans(),
)


@st.composite
def some_counts(draw: st.DrawFn) -> Counts:
    delivered, left_out, duplicates, yielded = (draw(SMALL) for _ in range(4))
    total = delivered + left_out + duplicates + yielded
    return Counts(total, delivered, left_out, duplicates, yielded, draw(SMALL))


@st.composite
def some_rows(draw: st.DrawFn) -> FileRow:
    return a_row(
        hours=draw(st.integers(0, 50)),
        sha256=draw(DIGESTS),
        counts=draw(st.none() | some_counts()),
        profile=draw(st.none() | PROFILES),
        signature=draw(SIGNATURES),
    )


@st.composite
def some_histories(draw: st.DrawFn, sha256: str) -> History:
    last = draw(st.none() | some_rows())
    if last is None:
        return History()
    same = last if last.sha256 == sha256 else draw(st.none() | some_rows())
    return History(last, None if same is None else replace(same, sha256=sha256))


@st.composite
def some_judged(draw: st.DrawFn) -> Judged:
    sha256 = draw(DIGESTS)
    approved = st.builds(
        Approval, st.just("librarian"), st.just("yes"), st.just(START), DIGESTS, st.booleans()
    )
    return Judged(
        sha256,
        draw(SIGNATURES),
        draw(some_counts()),
        draw(PROFILES),
        draw(st.none() | approved),
        change=draw(st.none() | CHANGES),
    )


CASES = some_judged().flatmap(
    lambda judged: st.tuples(st.just(judged), some_histories(judged.sha256), LIMITS)
)


@settings(deadline=None, max_examples=50)
@given(case=CASES)
def test_whatever_comes_is_decided(case: tuple[Judged, History, Limits]) -> None:
    assert isinstance(decide(*case), Queue | Duplicate | Hold | Reject)


@settings(deadline=None, max_examples=50)
@given(case=CASES)
def test_nothing_without_records_is_ever_sent(case: tuple[Judged, History, Limits]) -> None:
    judged, history, limits = case
    empty = replace(judged, counts=replace(judged.counts, delivered=0))
    assert isinstance(decide(empty, history, limits), Reject)


@settings(deadline=None, max_examples=50)
@given(case=CASES)
def test_an_approved_file_is_never_held_for_a_limit(case: tuple[Judged, History, Limits]) -> None:
    judged, history, limits = case
    word = Approval("librarian", "yes", START, judged.sha256)
    found = decide(replace(judged, approval=word), history, limits)
    if isinstance(found, Hold):
        assert [held.reason for held in found.held_for] == [Reason.STALE]
    everything = decide(replace(judged, approval=replace(word, stale=True)), history, limits)
    assert not isinstance(everything, Hold)


@settings(deadline=None, max_examples=50)
@given(case=CASES)
def test_what_was_sent_last_never_goes_out_twice_running(
    case: tuple[Judged, History, Limits],
) -> None:
    judged, history, limits = case
    last = replace(a_row(), sha256=judged.sha256, counts=judged.counts)
    assert not isinstance(decide(judged, replace(history, last=last), limits), Queue | Hold)


@settings(deadline=None, max_examples=50)
@given(case=CASES)
def test_a_hold_has_a_reason_and_a_sentence(case: tuple[Judged, History, Limits]) -> None:
    found = decide(*case)
    if isinstance(found, Hold):
        assert found.held_for
        assert all(held.sentence for held in found.held_for)


@settings(deadline=None, max_examples=50)
@given(case=CASES)
def test_an_approval_of_other_bytes_changes_nothing(case: tuple[Judged, History, Limits]) -> None:
    judged, history, limits = case
    word = Approval("librarian", "yes", START, "dd" * 32, stale=True)
    with_word = decide(replace(judged, approval=word), history, limits)
    assert with_word == decide(replace(judged, approval=None), history, limits)
