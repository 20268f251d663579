from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sisdrop import __version__
from sisdrop.errors import Reason
from sisdrop.ledger import Ledger
from sisdrop.model import Blocked, Counts, HeldFor, State, Waiting
from sisdrop.situation import Moment
from sisdrop.view import DAYS, RECENT, days, file_story, file_view, status_view, with_days
from support.clock import START
from support.expecting import expecting
from support.rows import a_claim, a_row, counts, file_id, put

HELD_FOR = (HeldFor(Reason.SHRUNK, "fewer people"),)
NOW = START + timedelta(hours=3)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite3") as opened:
        yield opened


def test_a_file_is_shown_with_what_people_need() -> None:
    row = a_row(remote_name="r.zip", delivered_at=NOW, rehearsed=True, hint="because")
    view = file_view(row)
    assert (view.id, view.file, view.stream, view.state) == (
        row.id,
        "students.xml",
        "students",
        State.ARCHIVED,
    )
    assert (view.remote_name, view.delivered_at, view.rehearsed) == ("r.zip", NOW, True)
    assert (view.size, view.counts, view.hint) == (row.signature.size, row.counts, "because")


def test_why_a_file_is_held_is_shown_while_it_is_held() -> None:
    assert file_view(a_row(State.HELD, held_for=HELD_FOR)).held_for == HELD_FOR
    assert file_view(a_row(State.ARCHIVED, held_for=HELD_FOR)).held_for == ()


def test_a_story_has_its_events_in_order(ledger: Ledger) -> None:
    row = put(ledger, State.ARCHIVED)
    story = file_story(ledger, row.id)
    assert story is not None
    assert story.file == file_view(row)
    assert story.events[0].to_state is State.CLAIMED
    assert story.events[-1].to_state is State.ARCHIVED
    assert file_story(ledger, "nobody") is None


def test_an_empty_house_can_be_shown(ledger: Ledger) -> None:
    view = status_view(ledger, Moment(), expecting("students"), "deliver", NOW)
    assert (view.version, view.now, view.mode, view.share_up) == (
        __version__,
        NOW,
        "deliver",
        False,
    )
    assert (view.open_files, view.recent, view.days) == ((), (), ())
    assert len(with_days(view, ledger).days) == DAYS
    (stream,) = view.streams
    assert (stream.last_delivery, stream.records, stream.waiting, stream.held) == (None, None, 0, 0)


def test_open_files_come_oldest_first_and_final_ones_newest_first(ledger: Ledger) -> None:
    for hours, state in enumerate((State.HELD, State.ARCHIVED, State.CLAIMED, State.REJECTED)):
        put(ledger, state, hours)
    view = status_view(ledger, Moment(), expecting("students"), "deliver", NOW)
    assert [file.state for file in view.open_files] == [State.HELD, State.CLAIMED]
    assert [file.state for file in view.recent] == [State.REJECTED, State.ARCHIVED]


def test_only_the_newest_final_files_are_shown(ledger: Ledger) -> None:
    for hours in range(RECENT + 5):
        put(ledger, State.REJECTED, hours)
    view = status_view(ledger, Moment(), expecting("students"), "deliver", NOW)
    assert [file.id for file in view.recent] == [
        file_id(hours) for hours in range(RECENT + 4, 4, -1)
    ]


def test_each_stream_shows_its_own(ledger: Ledger) -> None:
    put(ledger, State.ARCHIVED, 0, remote_time=START, delivered_at=START, counts=counts(77))
    put(ledger, State.QUEUED, 1)
    put(ledger, State.HELD, 2)
    put(ledger, State.HELD, 3, claim=a_claim(3, stream="staff"))
    view = status_view(ledger, Moment(), expecting("students", "staff"), "deliver", NOW)
    students, staff = view.streams
    assert (students.last_delivery, students.last_file, students.records) == (
        START,
        "students.xml",
        77,
    )
    assert (students.waiting, students.held) == (1, 1)
    assert (staff.last_delivery, staff.waiting, staff.held) == (None, 0, 1)


def test_the_situation_is_shown_as_it_is(ledger: Ledger) -> None:
    waiting = (Waiting("a.xml", "is being written", START),)
    odd = (Waiting("b.jpg", "no pattern", START),)
    moment = Moment(share_up=True, last_scan=START, waiting=waiting, unmatched=odd)
    view = status_view(ledger, moment, {}, "rehearse", NOW)
    assert (view.share_up, view.last_scan, view.waiting, view.unmatched) == (
        True,
        START,
        waiting,
        odd,
    )
    assert view.mode == "rehearse"


def test_a_trouble_that_stops_several_streams_is_shown_once_and_the_oldest_first(
    ledger: Ledger,
) -> None:
    auth = Blocked(Reason.AUTH, "no key of ours", NOW)
    share = Blocked(Reason.SHARE_GONE, "check the mount", START)
    moment = Moment(blocked={"students": auth, "staff": auth, "share": share})
    view = status_view(ledger, moment, {}, "deliver", NOW)
    assert view.blocked == (share, auth)


# Sixty days.


def test_sixty_days_end_with_today() -> None:
    shown = days([], START)
    assert len(shown) == DAYS
    assert shown[-1].date == "2026-11-23"
    assert shown[0].date == "2026-09-25"


def test_a_day_counts_what_it_brought() -> None:
    rows = [
        a_row(State.ARCHIVED, 0, counts=counts(100)),
        a_row(State.ARCHIVED, 1, counts=counts(50, 7)),
        a_row(State.HELD, 2),
        a_row(State.REJECTED, 2),
        a_row(State.DUPLICATE, 2),
        a_row(State.SUPERSEDED, 2),
        a_row(State.CLAIMED, 2, counts=None),
        a_row(State.ARCHIVED, -24, counts=Counts(9, 9)),
    ]
    *_, yesterday, today = days(rows, START)
    assert (today.delivered, today.held, today.rejected, today.duplicate) == (2, 1, 1, 1)
    assert today.records == 150
    assert (yesterday.delivered, yesterday.records) == (1, 9)


def test_what_was_only_rehearsed_was_not_delivered() -> None:
    today = days([a_row(State.ARCHIVED, rehearsed=True)], START)[-1]
    assert (today.delivered, today.records) == (0, 0)


def test_the_sixty_days_of_the_ledger_reach_back_to_the_first(ledger: Ledger) -> None:
    first, before = -24 * (DAYS - 1), -24 * DAYS
    put(ledger, State.REJECTED, first)
    put(ledger, State.REJECTED, before)
    view = with_days(status_view(ledger, Moment(), {}, "deliver", START), ledger)
    assert view.days[0].rejected == 1
    assert sum(day.rejected for day in view.days) == 1
