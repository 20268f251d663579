import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sisdrop.inbox.share import Share
from sisdrop.model import FileRow, State
from support.laws import check_laws
from support.reader import people, touch
from support.world import World, folder_in_memory

FIRST, SECOND, FEW = people(10, "first"), people(10, "second"), people(5, "few")
HINT = "; approve it again if it is held again"


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder) as made:
        made.drop(FIRST)
        made.run()
        yield made


@pytest.fixture
def row(world: World) -> FileRow:
    """A file that is held, because half of the people are gone."""
    world.drop(FEW)
    world.run()
    return world.only(State.HELD)


# Answers.


def test_an_approved_file_goes_out_and_the_trail_says_who_let_it(
    world: World, row: FileRow
) -> None:
    answer = world.approve(row)
    assert answer.done
    assert answer.sentence == f"{row.id} is approved and goes out next"
    world.run()
    assert list(world.sent().values()) == [FIRST, FEW]
    (event,) = [e for e in world.ledger.events(row.id) if e.actor == "operator"]
    assert (event.to_state, event.note) == (State.REFINED, "looked at it")
    check_laws(world, [FIRST, FEW])


def test_an_approval_stands_where_a_moved_file_looks_different(
    world: World, row: FileRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The inodes of some shares go by names; the bytes are what was approved."""
    monkeypatch.setattr(Share, "move", move_to_another_inode)
    assert world.approve(row).done
    world.run()
    assert list(world.sent().values()) == [FIRST, FEW]
    check_laws(world, [FIRST, FEW])


def move_to_another_inode(_: Share, source: Path, target: Path) -> None:
    shutil.copy2(source, target)
    source.unlink()


def test_a_refused_file_lies_in_rejected_and_is_never_sent(world: World, row: FileRow) -> None:
    answer = world.refuse(row)
    assert answer.done
    assert answer.sentence == f"{row.id} is refused; nothing of it is sent"
    world.run()
    assert world.states() == [State.ARCHIVED, State.REJECTED]
    assert world.share.rejected(row.id, row.name).read_bytes() == FEW
    check_laws(world, [FIRST, FEW])


def test_each_no_says_why(world: World, row: FileRow) -> None:
    sent = world.only(State.ARCHIVED)
    nowhere = replace(row, id="20000101T000000Z-0000")
    for decide in (world.approve, world.refuse):
        assert decide(nowhere).sentence == "there is no file 20000101T000000Z-0000"
        assert decide(sent).sentence == f"{sent.id} is not held, it is archived"
        assert not decide(sent).done
    world.drop(SECOND)
    world.run()
    newer = world.rows()[-1]
    for decide in (world.approve, world.refuse):
        assert decide(row).sentence == (
            f"{row.id} was superseded: the newer file {newer.id} was accepted; drop the file"
            " again if you want the older one"
        )


def test_a_file_that_is_no_longer_there_cannot_be_approved(world: World, row: FileRow) -> None:
    world.held(row).unlink()
    answer = world.approve(row)
    assert not answer.done
    assert answer.sentence == f"{row.id} is no longer in the folder held"


def test_an_approval_counts_for_the_bytes_that_were_shown(world: World, row: FileRow) -> None:
    world.held(row).write_bytes(people(4, "edited"))
    answer = world.approve(row)
    assert not answer.done
    assert answer.sentence == (
        f"{row.id} was edited while it was held, so it is checked anew; approve it again if it is"
        " held again"
    )
    world.run()
    held = world.only(State.HELD)
    assert "4 now" in held.held_for[0].sentence
    assert held.approval is None
    assert world.approve(held).done
    world.run()
    assert list(world.sent().values()) == [FIRST, people(4, "edited")]
    check_laws(world, [FIRST, people(4, "edited")])


def test_a_file_that_was_saved_without_a_change_needs_one_approval(
    world: World, row: FileRow
) -> None:
    touch(world.held(row))
    assert world.approve(row).done
    world.run()
    assert list(world.sent().values()) == [FIRST, FEW]
    check_laws(world, [FIRST, FEW])


def test_an_old_file_needs_an_approval_that_says_so(world: World) -> None:
    world.drop(SECOND)
    world.run()
    first, second = world.rows()
    old = world.drop(FIRST)
    _make_older(old)
    world.run()
    held = world.only(State.HELD)
    answer = world.approve(held)
    assert not answer.done
    assert answer.sentence == (
        f"this was sent as {first.id} already, and {second.id}, which is"
        " newer, went out after it; sending the old file would undo the newer one; to send it"
        " all the same, approve it with --stale"
    )
    assert world.approve(held, stale=True).done
    world.run()
    assert list(world.sent().values()) == [FIRST, SECOND, FIRST]


def _make_older(path: Path) -> None:
    os.utime(path, ns=(0, 1_000_000_000))


# What people do on the share.


def to_approved(world: World, row: FileRow) -> Path:
    target = world.inbox / "approved" / row.name
    world.held(row).rename(target)
    return target


def test_moving_a_held_file_to_approved_sends_it(world: World, row: FileRow) -> None:
    to_approved(world, row)
    world.run()
    assert list(world.sent().values()) == [FIRST, FEW]
    assert "share" in {event.actor for event in world.ledger.events(row.id)}
    check_laws(world, [FIRST, FEW])


def test_a_move_that_makes_a_copy_needs_no_second_approval(world: World, row: FileRow) -> None:
    (world.inbox / "approved" / "students.xml").write_bytes(FEW)
    world.held(row).unlink()
    world.run()
    assert list(world.sent().values()) == [FIRST, FEW]
    assert world.states() == [State.ARCHIVED, State.ARCHIVED]
    check_laws(world, [FIRST, FEW])


def test_a_copy_in_approved_approves_the_file_that_lies_in_held(world: World, row: FileRow) -> None:
    (world.inbox / "approved" / "anything.xml").write_bytes(FEW)
    world.run()
    assert world.states() == [State.ARCHIVED, State.ARCHIVED]
    assert world.listing("approved") == []
    check_laws(world, [FIRST, FEW])


def test_a_copy_of_what_was_edited_in_held_is_not_thrown_away(world: World, row: FileRow) -> None:
    world.held(row).write_bytes(people(4, "edited"))
    (world.inbox / "approved" / "anything.xml").write_bytes(FEW)
    world.run()
    assert world.states() == [State.ARCHIVED, State.HELD, State.HELD]
    assert [world.held(held).read_bytes() for held in world.ledger.in_states(State.HELD)] == [
        people(4, "edited"),
        FEW,
    ]


def test_anything_else_in_approved_goes_the_normal_way(world: World, row: FileRow) -> None:
    (world.inbox / "approved" / "other.xml").write_bytes(people(4, "other"))
    world.run()
    assert world.states() == [State.ARCHIVED, State.HELD, State.HELD]


def test_a_file_that_was_dragged_back_to_the_inbox_finds_the_same_hold(
    world: World, row: FileRow
) -> None:
    world.held(row).rename(world.inbox / "students.xml")
    world.run()
    assert world.states() == [State.ARCHIVED, State.HELD]
    assert world.held(row).read_bytes() == FEW
    check_laws(world, [FIRST, FEW])
    assert world.approve(row).done


def test_a_marker_that_came_with_a_file_that_was_dragged_back_does_not_stay(
    tmp_path: Path,
) -> None:
    (tmp_path / "other").mkdir()
    with World(tmp_path / "other", inbox={"ready_suffix": ".done"}) as world:
        for content in (FIRST, FEW):
            world.drop(content)
            world.drop(b"", "students.xml.done")
            world.run()
        row = world.only(State.HELD)
        world.held(row).rename(world.inbox / "students.xml")
        marker = world.drop(b"", "students.xml.done")
        world.scan()
        world.scan()
        assert world.held(row).exists()
        assert not marker.exists()


def test_the_same_bytes_dropped_again_while_they_are_held_are_held_as_well(
    world: World, row: FileRow
) -> None:
    world.drop(FEW)
    world.run()
    first, second = world.ledger.in_states(State.HELD)
    assert first.id == row.id
    assert first.sha256 == second.sha256
    # The one that is approved goes out, the other one is then what was sent last.
    assert world.approve(first).done
    world.run()
    answer = world.approve(second)
    assert answer.done
    assert answer.sentence == f"{second.id} is what was sent last; nothing is sent again"
    world.run()
    assert world.states() == [State.ARCHIVED, State.ARCHIVED, State.DUPLICATE]
    assert list(world.sent().values()) == [FIRST, FEW]


def test_of_two_held_files_with_the_same_bytes_the_one_that_was_moved_is_meant(
    world: World, row: FileRow
) -> None:
    world.drop(FEW)
    world.run()
    _, second = world.ledger.in_states(State.HELD)
    to_approved(world, second)
    world.run()
    # Both hold what was shown, and the newer one replaces the older.
    assert world.states() == [State.ARCHIVED, State.SUPERSEDED, State.ARCHIVED]


def test_deleting_a_held_file_refuses_it_at_the_second_look(world: World, row: FileRow) -> None:
    world.held(row).unlink()
    world.scan()
    assert world.get(row).state is State.HELD
    world.scan()
    assert world.get(row).state is State.REJECTED
    assert len(world.listing("rejected")) == 1
    check_laws(world, [FIRST])


def test_a_file_that_is_back_at_the_second_look_was_not_deleted(world: World, row: FileRow) -> None:
    aside = world.inbox.with_name("aside")
    for _ in range(3):
        world.held(row).rename(aside)
        world.scan()
        aside.rename(world.held(row))
        world.scan()
    assert world.get(row).state is State.HELD


def test_a_file_that_may_be_the_one_in_the_inbox_was_not_deleted(
    world: World, row: FileRow
) -> None:
    world.held(row).rename(world.inbox / "being moved.txt")
    for _ in range(3):
        world.scan()
    assert world.get(row).state is State.HELD


def test_a_file_that_is_not_laid_down_yet_was_not_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(Share, "move", failing)
        world.drop(FEW)
        for _ in range(5):
            world.round()
        row = world.only(State.HELD)
        assert world.share.work(row.id).exists()
    world.run()
    assert world.held(row).read_bytes() == FEW
    check_laws(world, [FIRST, FEW])


def test_what_another_version_noted_of_a_held_file_is_read_anew(world: World, row: FileRow) -> None:
    (world.shop.kit.archive.outgoing(row.id) / "refined.json").write_text("{}")
    assert HINT in world.approve(row).sentence
    world.run()
    assert world.only(State.HELD).id == row.id


def test_a_file_that_cannot_be_told_of_any_more_can_still_be_refused(
    world: World, row: FileRow
) -> None:
    (world.shop.kit.archive.outgoing(row.id) / "refined.json").unlink()
    assert world.refuse(row).done
    world.run()
    assert world.get(row).state is State.REJECTED
    assert world.share.rejected(row.id, row.name).read_bytes() == FEW


def test_a_repeat_of_a_file_that_is_not_laid_down_yet_does_not_take_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError

    world.drop(FEW)
    for _ in range(2):
        world.scan()
    with monkeypatch.context() as patch:
        patch.setattr(Share, "write_report_beside", failing)
        patch.setattr(Share, "move", failing)
        world.work()
        world.drop(FEW)
        for _ in range(3):
            world.scan()
    world.run()
    held = world.ledger.in_states(State.HELD)
    assert [world.held(row).read_bytes() for row in held] == [FEW, FEW]
    check_laws(world, [FIRST])
