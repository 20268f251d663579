import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from sisdrop import durable
from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.inbox.share import Busy, Share
from sisdrop.log import LogEvent
from sisdrop.model import State
from support.breaking import system_error
from support.reader import people
from support.world import World, folder_in_memory

FIRST, SECOND = people(10, "first"), people(10, "second")


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder) as made:
        yield made


def claim_all(world: World) -> None:
    """Two looks are needed to see that a file stands still."""
    world.scan()
    world.scan()


def test_a_file_is_taken_when_it_stands_still_and_not_before(world: World) -> None:
    path = world.drop(FIRST)
    world.scan()
    assert world.rows() == []
    assert world.situation.now().waiting[0].file == "students.xml"
    world.scan()
    row = world.only(State.CLAIMED)
    assert (row.name, row.stream, row.signature.size) == ("students.xml", "patrons", len(FIRST))
    assert world.share.work(row.id).read_bytes() == FIRST
    assert not path.exists()
    assert world.ledger.claims() == []


def test_files_of_one_second_get_ids_of_their_own_even_when_chance_repeats_itself(
    world: World,
) -> None:
    drawn = iter(["aaaa", "aaaa", "bbbb", "bbbb", "aaaa", "cccc"])
    object.__setattr__(world.shop.kit, "token", lambda: next(drawn))
    for number, content in enumerate((FIRST, SECOND, people(3))):
        world.drop(content, f"{number}.xml")
    claim_all(world)
    rows = world.rows()
    assert len({row.id for row in rows}) == 3
    assert [world.share.work(row.id).read_bytes() for row in rows] == [FIRST, SECOND, people(3)]


def test_a_file_that_somebody_holds_open_is_left_and_taken_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(FIRST)

    def busy(*_: object) -> None:
        raise Busy

    with monkeypatch.context() as patch:
        patch.setattr(Share, "claim", busy)
        claim_all(world)
    assert world.rows() == []
    assert world.ledger.claims() == []
    assert world.log.count(LogEvent.FILE_CLAIM_WAITED) == 1
    world.scan()
    assert world.states() == [State.CLAIMED]


def test_a_file_that_may_not_be_moved_is_the_operators_and_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(FIRST, "a.xml")
    world.drop(SECOND, "b.xml")
    real = Share.claim

    def denied(self: Share, path: Path, file_id: str) -> None:
        if path.name == "a.xml":
            raise NeedsOperator(Reason.SHARE_PERMISSION, "give it that right")
        real(self, path, file_id)

    with monkeypatch.context() as patch:
        patch.setattr(Share, "claim", denied)
        claim_all(world)
        world.scan()
        assert [row.name for row in world.rows()] == ["b.xml"]
        assert world.situation.reasons() == {Reason.SHARE_PERMISSION}
        assert world.metric('blocked{reason="share_permission"}') == 1
    world.scan()
    assert [row.name for row in world.rows()] == ["b.xml", "a.xml"]
    assert world.situation.reasons() == set()


@pytest.mark.parametrize("number", [errno.EIO, errno.EPERM])
def test_a_file_that_was_moved_before_the_share_failed_is_claimed_at_the_next_look(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    world.drop(FIRST)
    world.scan()
    monkeypatch.setattr(durable, "write_file", lambda *_: None)
    with system_error("os.fsync", number):
        world.scan()
    assert world.rows() == []
    assert not (world.inbox / "students.xml").exists()
    world.scan()
    row = world.only(State.CLAIMED)
    assert world.share.work(row.id).read_bytes() == FIRST


def test_when_the_share_fails_nothing_more_is_taken_so_that_the_order_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(FIRST, "a.xml")
    world.drop(SECOND, "b.xml")
    real = Share.claim

    def moved_and_failed(self: Share, path: Path, file_id: str) -> None:
        real(self, path, file_id)
        raise Transient(Reason.SHARE_GONE, "the share does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(Share, "claim", moved_and_failed)
        claim_all(world)
        assert (world.inbox / "b.xml").exists()
    world.scan()
    assert [row.name for row in world.rows()] == ["a.xml", "b.xml"]


def test_an_intention_without_a_move_is_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(FIRST)

    def failed(*_: object) -> None:
        raise Transient(Reason.SHARE_GONE, "the share does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(Share, "claim", failed)
        claim_all(world)
    assert len(world.ledger.claims()) == 1
    world.scan()
    assert len(world.rows()) == 1
    assert world.ledger.claims() == []


def test_with_a_marker_a_file_is_taken_at_once_and_its_marker_goes(tmp_path: Path) -> None:
    with World(tmp_path, inbox={"ready_suffix": ".done"}) as world:
        world.drop(FIRST)
        claim_all(world)
        assert world.rows() == []
        marker = world.drop(b"", "students.xml.done")
        world.scan()
        assert world.states() == [State.CLAIMED]
        assert not marker.exists()
        # Tomorrow's file of that name waits for a marker of its own.
        world.drop(SECOND)
        claim_all(world)
        assert len(world.rows()) == 1


def test_the_same_name_may_come_again_while_the_last_one_is_held(world: World) -> None:
    world.drop(FIRST)
    world.run()
    for content in (people(3, "few"), people(4, "other")):
        world.drop(content)
        world.run()
    assert world.states() == [State.ARCHIVED, State.HELD, State.HELD]
    held = [world.held(row).read_bytes() for row in world.ledger.in_states(State.HELD)]
    assert held == [people(3, "few"), people(4, "other")]
