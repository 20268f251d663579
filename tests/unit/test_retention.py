from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sisdrop.model import FileRow, State
from sisdrop.retention import Clocks, Part, Removal, plan
from sisdrop.states import FINAL
from support.clock import START
from support.rows import a_row

DAY = timedelta(days=1)
CLOCKS = Clocks(archive=60 * DAY, rejected=30 * DAY, held=None, keep_last=0)


def filed(days: float, state: State = State.ARCHIVED, **changes: Any) -> FileRow:
    """A file that was filed so many days before the start of the story."""
    at = START - days * DAY
    return a_row(state, hours=-24 * days, filed_at=at, folder="archive/x", **changes)


def held(days: float) -> FileRow:
    return a_row(State.HELD, hours=-24 * days)


def due(*rows: FileRow, clocks: Clocks = CLOCKS) -> list[tuple[str, Part]]:
    waiting = [row for row in rows if row.state is State.HELD]
    removals = plan([row for row in rows if row not in waiting], waiting, clocks, START)
    return [(removal.row.id, removal.part) for removal in removals]


def test_nothing_in_the_ledger_is_nothing_to_remove() -> None:
    assert plan([], [], CLOCKS, START) == ()


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_filed_folder_goes_when_its_time_is_over_and_not_a_moment_before(state: State) -> None:
    days = 30 if state is State.REJECTED else 60
    old = filed(days, state)
    young = replace(old, filed_at=START - days * DAY + timedelta(microseconds=1))
    assert due(young) == []
    assert due(old) == [(old.id, Part.FOLDER), (old.id, Part.SHARE)]


def test_a_removal_says_since_when_its_clock_ran() -> None:
    row = filed(61)
    (first, _) = plan([row], [], CLOCKS, START)
    assert first == Removal(row, Part.FOLDER, START - 61 * DAY)


def test_rejected_files_have_their_own_clock_and_may_be_kept_for_ever() -> None:
    row = filed(3650, State.REJECTED)
    assert due(row, clocks=replace(CLOCKS, rejected=None)) == []
    assert due(filed(59), clocks=CLOCKS) == []


def test_what_is_gone_is_not_removed_again() -> None:
    row = filed(61)
    assert due(replace(row, purged_at=START)) == [(row.id, Part.SHARE)]
    assert due(replace(row, share_purged_at=START)) == [(row.id, Part.FOLDER)]
    assert due(replace(row, purged_at=START, share_purged_at=START)) == []


def test_a_file_without_a_filing_time_is_never_removed() -> None:
    assert due(a_row(State.DELIVERED, hours=-24 * 1000)) == []


def test_held_files_are_never_removed_unless_a_clock_is_set() -> None:
    row = held(3650)
    assert due(row) == []
    clocks = replace(CLOCKS, held=10 * DAY)
    assert due(row, clocks=clocks) == [(row.id, Part.HELD)]
    assert due(held(10), clocks=clocks) == [(held(10).id, Part.HELD)]
    assert due(held(9.99), clocks=clocks) == []


def test_a_held_file_counts_from_the_moment_it_was_held() -> None:
    row = replace(held(3650), since=START - DAY)
    assert due(row, clocks=replace(CLOCKS, held=10 * DAY)) == []


def test_a_clock_set_back_removes_nothing() -> None:
    rows = [filed(-1), filed(-4000)]
    assert due(*rows, held(-4000), clocks=replace(CLOCKS, held=DAY)) == []


def test_the_last_deliveries_of_each_stream_stay_whatever_their_age() -> None:
    students = [filed(days) for days in (400, 300, 200)]
    staff = [filed(days, stream="staff") for days in (500, 450)]
    found = {id_ for id_, _ in due(*students, *staff, clocks=replace(CLOCKS, keep_last=2))}
    assert found == {students[0].id}
    assert due(*students, *staff, clocks=replace(CLOCKS, keep_last=9)) == []


def test_a_file_without_a_filing_time_takes_no_others_place_among_the_kept() -> None:
    last, odd = filed(200), a_row(State.ARCHIVED, hours=1)
    assert due(last, odd, clocks=replace(CLOCKS, keep_last=1)) == []


@pytest.mark.parametrize(
    "other",
    [
        filed(100, State.REJECTED),
        filed(100, State.DUPLICATE),
        filed(100, State.SUPERSEDED),
        filed(100, rehearsed=True),
        filed(100, purged_at=START),
    ],
    ids=["rejected", "duplicate", "superseded", "rehearsed", "purged"],
)
def test_only_what_was_really_delivered_and_is_still_there_counts_as_kept(other: FileRow) -> None:
    last = filed(200)
    found = due(last, other, clocks=replace(CLOCKS, keep_last=1))
    assert last.id not in {id_ for id_, _ in found}
    assert other.id in {id_ for id_, _ in found}


def test_the_oldest_goes_first() -> None:
    rows = [filed(61), filed(90, State.REJECTED), held(70), filed(80, State.DUPLICATE)]
    found = [id_ for id_, _ in due(*rows, clocks=replace(CLOCKS, held=DAY))]
    assert found == sorted(found)
    assert len(set(found)) == 4


def test_planning_twice_is_planning_the_same() -> None:
    rows = [filed(61), filed(90)]
    assert due(*rows) == due(*reversed(rows))
