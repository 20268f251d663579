from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sisdrop.model import FileRow, State
from sisdrop.retention import Clocks, Part, plan
from sisdrop.states import FINAL
from support.clock import START
from support.rows import a_row

PERIODS = st.timedeltas(timedelta(hours=1), timedelta(days=400))
# Also in the future: somebody may have set the clock back.
MOMENTS = st.timedeltas(timedelta(days=-100), timedelta(days=800)).map(lambda age: START - age)
CLOCKS = st.builds(
    Clocks,
    archive=PERIODS,
    rejected=st.none() | PERIODS,
    held=st.none() | PERIODS,
    keep_last=st.integers(0, 4),
)


@st.composite
def some_rows(draw: st.DrawFn, states: tuple[State, ...]) -> list[FileRow]:
    number = draw(st.integers(0, 6))
    return [
        replace(
            a_row(draw(st.sampled_from(states)), hours=hours),
            since=draw(MOMENTS),
            filed_at=draw(st.none() | MOMENTS),
            stream=draw(st.sampled_from(["students", "staff"])),
            rehearsed=draw(st.booleans()),
            purged_at=draw(st.none() | MOMENTS),
            share_purged_at=draw(st.none() | MOMENTS),
        )
        for hours in range(number)
    ]


FILED = some_rows(tuple(FINAL))
HELD = some_rows((State.HELD,))


@settings(deadline=None, max_examples=50)
@given(filed=FILED, held=HELD, clocks=CLOCKS)
def test_nothing_younger_than_the_policy_is_ever_removed(
    filed: list[FileRow], held: list[FileRow], clocks: Clocks
) -> None:
    for removal in plan(filed, held, clocks, START):
        row, age = removal.row, START - removal.since
        if removal.part is Part.HELD:
            assert row.state is State.HELD
            assert clocks.held is not None
            assert age >= clocks.held
        else:
            assert row.state in FINAL
            assert removal.since == row.filed_at
            assert age >= (
                clocks.rejected or age if row.state is State.REJECTED else clocks.archive
            )


@settings(deadline=None, max_examples=50)
@given(filed=FILED, held=HELD, clocks=CLOCKS)
def test_without_a_clock_nothing_held_or_rejected_is_removed(
    filed: list[FileRow], held: list[FileRow], clocks: Clocks
) -> None:
    never = replace(clocks, held=None, rejected=None)
    states = {removal.row.state for removal in plan(filed, held, never, START)}
    assert not states & {State.HELD, State.REJECTED}


@settings(deadline=None, max_examples=50)
@given(filed=FILED, clocks=CLOCKS)
def test_the_last_deliveries_of_each_stream_are_always_there(
    filed: list[FileRow], clocks: Clocks
) -> None:
    removed = {r.row.id for r in plan(filed, [], clocks, START) if r.part is Part.FOLDER}
    for stream in ("students", "staff"):
        there = [
            row.id
            for row in filed
            if row.stream == stream
            and row.state is State.ARCHIVED
            and not row.rehearsed
            and row.filed_at is not None
            and row.purged_at is None
        ]
        left = [id_ for id_ in there if id_ not in removed]
        assert len(left) >= min(clocks.keep_last, len(there))


@settings(deadline=None, max_examples=50)
@given(filed=FILED, held=HELD, clocks=CLOCKS)
def test_nothing_is_removed_twice_and_all_of_it_is_due_again_until_recorded(
    filed: list[FileRow], held: list[FileRow], clocks: Clocks
) -> None:
    planned = plan(filed, held, clocks, START)
    parts = [(removal.row.id, removal.row.state, removal.part) for removal in planned]
    assert len(parts) == len(set(parts))
    assert plan(filed, held, clocks, START) == planned


@settings(deadline=None, max_examples=50)
@given(filed=FILED, held=HELD, clocks=CLOCKS)
def test_once_recorded_a_removal_is_done(
    filed: list[FileRow], held: list[FileRow], clocks: Clocks
) -> None:
    gone = [replace(row, purged_at=START, share_purged_at=START) for row in filed]
    assert all(r.part is Part.HELD for r in plan(gone, held, clocks, START))
