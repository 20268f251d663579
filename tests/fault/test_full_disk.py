"""The data volume runs out of room, of files, or of the right to write: all goes on by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.ledger import Ledger
from sisdrop.log import LogEvent
from sisdrop.model import State
from sisdrop.pipeline.room import RESERVE
from sisdrop.units import MIB
from support.disks import fill, read_only, small_disk
from support.laws import check_laws
from support.reader import people
from support.stories import comes_back, goes_down, loses_the_answer
from support.world import World

FIRST, SECOND, FEW = people(10, "first"), people(10, "second"), people(5, "few")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An installation whose data volume is a small disk."""
    with small_disk(tmp_path / "data", "size=80m"), World(tmp_path) as made:
        yield made


def is_blocked(world: World) -> bool:
    """Whether metric and page say that the volume is full."""
    said = "own disk is full" in (world.inbox / "STATUS.html").read_text()
    return said and world.metric('blocked{reason="data_full"}') == 1


def test_nothing_new_is_taken_before_the_volume_is_full_and_the_rest_goes_on(world: World) -> None:
    goes_down(world)
    world.drop(FIRST)
    world.run()
    assert world.states() == [State.QUEUED]
    filler = fill(world.data, leave=RESERVE - MIB)
    world.drop(SECOND)
    world.run()
    assert world.states() == [State.QUEUED]
    assert (world.inbox / "students.xml").read_bytes() == SECOND
    assert is_blocked(world)
    assert world.log.count(LogEvent.DATA_FULL) == 1
    comes_back(world)
    world.clock.advance(1000)
    world.run()
    assert world.states() == [State.ARCHIVED]
    assert is_blocked(world)
    filler.unlink()
    world.run()
    assert world.states() == [State.ARCHIVED, State.ARCHIVED]
    assert world.metric('blocked{reason="data_full"}') == 0
    check_laws(world, [FIRST, SECOND])


def test_decisions_go_on_while_nothing_new_is_taken(world: World) -> None:
    for content in (FIRST, FEW):
        world.drop(content)
        world.run()
    row = world.only(State.HELD)
    fill(world.data, leave=RESERVE - MIB)
    world.drop(SECOND, "other.xml")
    world.held(row).rename(world.inbox / "approved" / row.name)
    world.run()
    assert is_blocked(world)
    assert world.states() == [State.ARCHIVED, State.ARCHIVED]
    check_laws(world, [FIRST, SECOND, FEW])


def test_a_volume_without_one_free_byte_loses_nothing(world: World) -> None:
    world.drop(FIRST)
    world.scan()
    world.scan()
    assert world.states() == [State.CLAIMED]
    filler = fill(world.data)
    for _ in range(3):
        world.round()
    assert world.states() == [State.CLAIMED]
    assert {block.reason for block in world.situation.now().blocked.values()} == {Reason.DATA_FULL}
    filler.unlink()
    world.run()
    assert world.states() == [State.ARCHIVED]
    check_laws(world, [FIRST])


def test_what_is_under_way_waits_for_room_and_asks_the_server_again(world: World) -> None:
    goes_down(world)
    world.drop(FIRST)
    world.run()
    comes_back(world)
    filler = fill(world.data)
    world.clock.advance(1000)
    for _ in range(3):
        world.round()
    assert world.states() == [State.QUEUED]
    filler.unlink()
    world.clock.advance(1000)
    world.run()
    assert list(world.sent().values()) == [FIRST]
    check_laws(world, [FIRST])


def test_a_full_ledger_is_told_once_by_the_courier_too(world: World) -> None:
    loses_the_answer(world)
    world.drop(FIRST)
    world.scan()
    world.scan()
    world.work()
    row = world.only(State.QUEUED)
    world.ledger.move(row, State.DELIVERING, world.clock.utc(), "test")
    filler = fill(world.data)
    for _ in range(3):
        world.clock.advance(1000)
        world.deliver()
    assert world.states() == [State.DELIVERING]
    assert world.log.count(LogEvent.DATA_FULL) == 1
    filler.unlink()
    comes_back(world)
    world.run()
    assert world.states() == [State.ARCHIVED]
    check_laws(world, [FIRST])


def test_a_read_only_share_is_told_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "inbox", "size=8m"), World(tmp_path) as world:
        goes_down(world)
        world.drop(FIRST)
        world.run()
        world.drop(SECOND)
        world.scan()
        with read_only(world.inbox):
            for _ in range(3):
                world.round()
            assert world.states() == [State.QUEUED]
            assert world.metric('blocked{reason="share_permission"}') == 1
            told = [line for line in world.log.lines if line["level"] == "error"]
            assert told
            assert {line["reason"] for line in told} == {Reason.SHARE_PERMISSION}
            comes_back(world)
            world.clock.advance(1000)
            world.run()
            assert list(world.sent().values()) == [FIRST]
        world.run()
        assert world.states() == [State.ARCHIVED, State.ARCHIVED]
        assert world.metric('blocked{reason="share_permission"}') == 0
        check_laws(world, [FIRST, SECOND])


# What SQLite says of it.


@pytest.mark.parametrize("options", ["size=1m", "size=1m,nr_inodes=8"])
def test_a_ledger_on_a_full_volume_says_full_and_works_again(tmp_path: Path, options: str) -> None:
    with small_disk(tmp_path / "disk", options) as disk, Ledger(disk / "ledger") as ledger:
        fillers = [fill(disk)] if "inodes" not in options else _files(disk)
        with pytest.raises(Transient) as caught:
            ledger.remember("a", "b" * 100_000)
        assert caught.value.reason is Reason.DATA_FULL
        for filler in fillers:
            filler.unlink()
        ledger.remember("a", "b")
        assert ledger.recall("a") == "b"


def test_a_ledger_that_may_not_be_written_is_the_operators(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        with Ledger(disk / "ledger") as ledger:
            ledger.remember("a", "b")
        with read_only(disk), pytest.raises(NeedsOperator) as caught:
            Ledger(disk / "ledger").remember("a", "c")
        assert caught.value.reason is Reason.LEDGER_UNUSABLE


def _files(disk: Path) -> list[Path]:
    """As many files as can still be made."""
    made = []
    try:
        for number in range(100):
            (disk / f"{number}").touch()
            made.append(disk / f"{number}")
    except OSError:
        return made
    raise AssertionError("there is no end of files")
