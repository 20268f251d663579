"""Which mails are owed, when they are sent, and what happens when they cannot be."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from sisdrop.letters import MailFailed, MailRefused
from sisdrop.log import LogEvent
from sisdrop.mails import LOOK_EVERY, owe_nothing
from sisdrop.model import Pickup, State
from support.reader import people
from support.stories import NOTIFY
from support.world import World, folder_in_memory

FULL, FEW, FAULTY = people(10, "first"), people(5, "few"), b"<library>no patrons</library>"
SHRUNK = "far fewer records than last time"


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder, notify=NOTIFY) as made:
        yield made


def night(world: World, content: bytes) -> None:
    world.drop(content)
    world.run()


def look(world: World) -> float:
    assert world.mails is not None
    return world.mails.look()


def restart(world: World, **notify: Any) -> None:
    world.restart(notify={**NOTIFY, **notify})


def test_each_end_of_a_file_is_told_once(world: World) -> None:
    night(world, FULL)
    night(world, FEW)
    night(world, FAULTY)
    assert world.post.subjects == [
        "[sisdrop] patrons: delivered, 10 records (students.xml)",
        f"[sisdrop] patrons: waiting for a decision, {SHRUNK} (students.xml)",
        "[sisdrop] patrons: rejected, not an Alma user file (students.xml)",
    ]
    restart(world)
    world.run()
    assert len(world.post.letters) == 3
    assert world.metric('mails_total{result="sent"}') == 3.0


def test_a_repeat_is_not_told(world: World) -> None:
    night(world, FULL)
    night(world, FULL)
    assert world.states() == [State.ARCHIVED, State.DUPLICATE]
    assert len(world.post.letters) == 1


def test_only_what_the_settings_ask_for_is_told(world: World) -> None:
    restart(world, on=["held"])
    night(world, FULL)
    night(world, FEW)
    assert [letter.file_id for letter in world.post.letters] == [world.only(State.HELD).id]


def test_what_was_decided_before_the_mail_could_go_out_asks_nobody_any_more(world: World) -> None:
    night(world, FULL)
    world.post.failing = MailFailed("down")
    night(world, FEW)
    world.approve(world.only(State.HELD))
    world.run()
    world.post.failing = None
    world.run()
    assert [subject.partition(",")[0] for subject in world.post.subjects] == [
        "[sisdrop] patrons: delivered",
        "[sisdrop] patrons: delivered",
    ]


def test_what_happened_before_mails_were_wanted_is_not_told() -> None:
    with folder_in_memory() as folder, World(folder) as world:
        night(world, FULL)
        restart(world)
        world.run()
        assert world.post.letters == []
        owe_nothing(world.ledger)
        night(world, FEW)
        assert len(world.post.letters) == 1


def test_switched_off_and_on_again_nothing_of_the_time_between_is_told(world: World) -> None:
    night(world, FULL)
    owe_nothing(world.ledger)
    world.mails = None
    night(world, FAULTY)
    restart(world)
    world.run()
    assert len(world.post.letters) == 1


def test_a_server_that_is_down_delays_no_file_and_loses_no_mail(world: World) -> None:
    world.post.failing = MailFailed("the server cannot be reached")
    night(world, FULL)
    night(world, FEW)
    assert world.states() == [State.ARCHIVED, State.HELD]
    assert world.metric("mails_waiting") == 2.0
    assert world.metric('mails_total{result="failed"}') >= 2.0
    assert world.log.count(LogEvent.MAIL_FAILED) == 1
    world.post.failing = None
    assert look(world) == LOOK_EVERY
    assert len(world.post.letters) == 2
    assert world.metric("mails_waiting") == 0.0


def test_tries_become_rarer(world: World) -> None:
    world.post.failing = MailFailed("down")
    night(world, FULL)
    waits = [look(world) for _ in range(8)]
    assert waits == sorted(waits)
    assert waits[-1] == 900.0
    world.post.failing = None
    look(world)
    world.post.failing = MailFailed("down")
    night(world, FAULTY)
    assert look(world) < 900.0


def test_a_mail_that_is_never_taken_keeps_no_other_back(world: World) -> None:
    world.post.failing = MailRefused("the server refuses the mail (554)")
    night(world, FULL)
    world.post.failing = None
    night(world, FEW)
    assert [letter.file_id for letter in world.post.letters] == [world.only(State.HELD).id]
    (line,) = [line for line in world.log.lines if line["event"] is LogEvent.MAIL_FAILED]
    assert line["level"] == "error"
    assert line["hint"] == "the server refuses the mail (554); it is given up"


def test_a_receiver_that_is_refused_is_told(world: World) -> None:
    world.post.refused = ("gone@example.edu",)
    night(world, FULL)
    (line,) = [line for line in world.log.lines if line["event"] is LogEvent.MAIL_FAILED]
    assert line["level"] == "warning"
    assert "gone@" not in str(line)


def test_an_absence_is_told_once_and_again_after_the_next_file(world: World) -> None:
    night(world, FULL)
    world.clock.advance(timedelta(days=9).total_seconds())
    look(world)
    look(world)
    assert world.post.subjects[1:] == ["[sisdrop] patrons: no file has come"]
    night(world, people(11, "first"))
    world.clock.advance(timedelta(days=9).total_seconds())
    look(world)
    assert world.post.subjects[2:] == [
        "[sisdrop] patrons: delivered, 11 records (students.xml)",
        "[sisdrop] patrons: no file has come",
    ]


def test_a_zip_that_alma_does_not_fetch_is_told_once(world: World) -> None:
    night(world, FULL)
    (row,) = world.rows()
    world.ledger.update(row, pickup=Pickup.OVERDUE)
    look(world)
    look(world)
    assert world.post.subjects[1:] == ["[sisdrop] patrons: Alma has not fetched students.xml"]
    assert str(row.remote_name) in world.post.letters[1].text
    assert f"students.{row.id}.xml" in world.post.letters[1].text


def test_a_file_whose_read_is_no_longer_known_is_told_by_its_counts(world: World) -> None:
    world.post.failing = MailFailed("down")
    night(world, FULL)
    (row,) = world.rows()
    (world.data / (row.folder or "") / "refined.json").unlink()
    world.post.failing = None
    look(world)
    assert "all 10 records" in world.post.letters[0].text
