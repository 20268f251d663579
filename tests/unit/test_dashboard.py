from dataclasses import replace
from datetime import timedelta

import pytest

from sisdrop.dashboard import (
    HEIGHT,
    MAX_NAME,
    Point,
    Tone,
    chart,
    file_tone,
    headline,
    how_to_decide,
    is_late,
    short_name,
)
from sisdrop.errors import OPERATOR_REASONS, TRANSIENT_REASONS, Reason
from sisdrop.model import Blocked, Day, State, StatusView, Waiting
from support.views import HOSTILE, NOW, a_file, a_held_file, busy_view, quiet_view


def blocked_by(reason: Reason) -> StatusView:
    return replace(quiet_view(), blocked=(Blocked(reason, "Look.", NOW),))


def test_when_nothing_waits_the_page_says_that_all_is_well() -> None:
    assert headline(quiet_view()) == (Point(Tone.GOOD, "All is well: nothing waits."),)


def test_files_on_the_way_are_no_trouble() -> None:
    view = replace(
        quiet_view(),
        waiting=(Waiting("a.xml", "It is still being written.", NOW),),
        open_files=(a_file(State.QUEUED),),
    )
    assert headline(view) == (Point(Tone.GOOD, "All is well: 2 files are on the way."),)


def test_before_the_first_look_nothing_is_called_well() -> None:
    view = replace(quiet_view(), last_scan=None)
    assert headline(view)[0].tone is Tone.WARN


def test_the_worst_comes_first_and_nothing_is_left_unsaid() -> None:
    assert headline(busy_view()) == (
        Point(Tone.BAD, "Delivery has stopped: the server refuses the login."),
        Point(Tone.WARN, "1 file needs a decision."),
        Point(Tone.WARN, "A file is late: employees."),
        Point(Tone.WARN, "The files of employees have been the same for too long."),
        Point(Tone.WARN, "The last file of employees was rejected."),
        Point(Tone.WARN, "1 file in the inbox is not recognized."),
    )


def test_an_outage_that_passes_by_itself_is_no_alarm_and_comes_after_one() -> None:
    view = blocked_by(Reason.CONNECT)
    assert headline(view) == (
        Point(
            Tone.WARN,
            "Delivery waits and is tried again by itself: the server cannot be reached.",
        ),
    )
    both = replace(view, blocked=(*view.blocked, *blocked_by(Reason.AUTH).blocked))
    assert [point.tone for point in headline(both)] == [Tone.BAD, Tone.WARN]


@pytest.mark.parametrize("reason", sorted(OPERATOR_REASONS | TRANSIENT_REASONS))
def test_whatever_blocks_is_said_and_never_called_well(reason: Reason) -> None:
    points = headline(blocked_by(reason))
    assert len(points) == 1
    assert points[0].tone is not Tone.GOOD


def test_a_share_that_is_gone_is_said_once() -> None:
    gone = replace(quiet_view(), share_up=False)
    sentence = "No file can be taken in: the share cannot be reached."
    assert headline(gone) == (Point(Tone.BAD, sentence),)
    both = replace(gone, blocked=blocked_by(Reason.SHARE_GONE).blocked)
    assert headline(both) == (Point(Tone.BAD, sentence),)


def test_a_rejected_file_is_old_news_once_a_newer_one_came() -> None:
    rejected = a_file(State.REJECTED, 5, reason=Reason.XML_EMPTY)
    view = replace(quiet_view(), recent=(a_file(hours=1), rejected))
    assert headline(view)[0].tone is Tone.GOOD
    on_the_way = replace(view, recent=(rejected,), open_files=(a_file(State.QUEUED, 1),))
    assert headline(on_the_way)[0].tone is Tone.GOOD


def test_a_stream_without_a_date_is_never_late() -> None:
    view = quiet_view()
    dated, undated = view.streams
    assert not is_late(undated, view)
    assert not is_late(dated, view)
    assert is_late(replace(dated, next_expected=NOW - timedelta(seconds=1)), view)


def test_names_are_short_and_wholly_visible() -> None:
    shown = short_name(HOSTILE)
    assert len(shown) == MAX_NAME
    assert shown.isprintable()
    assert shown.endswith("…")
    assert short_name("students.xml") == "students.xml"


def test_a_rehearsed_file_does_not_look_delivered() -> None:
    assert file_tone(a_file()) is Tone.GOOD
    assert file_tone(a_file(rehearsed=True)) is None
    assert file_tone(a_held_file()) is Tone.WARN
    assert file_tone(a_file(State.REJECTED)) is Tone.BAD
    assert file_tone(a_file(State.DUPLICATE)) is None


def test_a_held_file_says_how_to_decide_unless_moving_it_cannot_help() -> None:
    assert "approved" in (how_to_decide(a_held_file()) or "")
    assert how_to_decide(a_file(State.HELD, reason=Reason.STALE)) is None


def test_no_file_in_sixty_days_is_no_chart() -> None:
    assert chart(()) is None
    assert chart((Day("2026-11-23", 0, 0, 0, 0, 0),)) is None


def test_the_chart_shows_the_newest_sixty_days_to_scale() -> None:
    days = tuple(Day(f"day-{at}", at * 10, int(at > 0), 0, 0, 0) for at in range(70))
    drawn = chart(days)
    assert drawn is not None
    assert (drawn.first, drawn.last, drawn.width) == ("day-10", "day-69", 600)
    assert drawn.peak == 690
    assert (drawn.bars[-1].y, drawn.bars[-1].height) == (0, HEIGHT)
    assert drawn.bars[0].height == round(HEIGHT * 100 / 690)
    assert all(bar.y + bar.height == HEIGHT for bar in drawn.bars)


def test_a_small_day_beside_a_large_one_is_still_seen() -> None:
    drawn = chart((Day("a", 1, 1, 0, 0, 0), Day("b", 1_000_000, 1, 0, 0, 0)))
    assert drawn is not None
    assert drawn.bars[0].height == 2


def test_the_chart_is_told_in_words_and_as_a_table() -> None:
    drawn = chart(
        (
            Day("2026-11-20", 1200, 2, 1, 0, 0),
            Day("2026-11-21", 0, 0, 0, 0, 0),
            Day("2026-11-22", 0, 0, 0, 1, 0),
        )
    )
    assert drawn is not None
    assert drawn.summary == (
        "In 3 days: 1,200 records delivered. Files: 2 delivered, 1 held, 1 rejected, "
        "0 duplicate. The most on one day: 1,200 on 2026-11-20."
    )
    assert [day.date for day in drawn.days] == ["2026-11-22", "2026-11-20"]
    assert [len(strip.marks) for strip in drawn.strips] == [1, 1, 1, 0]


def test_days_that_only_rejected_have_a_chart_without_bars() -> None:
    drawn = chart((Day("2026-11-22", 0, 0, 0, 1, 0),))
    assert drawn is not None
    assert drawn.bars == ()
    assert "The most" not in drawn.summary


def test_a_zip_that_alma_left_lying_needs_somebody() -> None:
    first, *others = quiet_view().streams
    view = replace(quiet_view(), streams=(replace(first, not_fetched=2), *others))
    assert headline(view) == (Point(Tone.WARN, "Alma has not fetched 2 files of students."),)
