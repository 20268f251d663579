from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sisdrop.archive import Archive
from sisdrop.errors import Reason, Transient
from sisdrop.inbox.share import Share
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, State
from support.killing import Death, Killed, dying
from support.reader import people
from support.world import World, folder_in_memory

FIRST, SECOND, FEW = people(10, "first"), people(10, "second"), people(5, "few")
DAY = timedelta(days=1).total_seconds()
CLOCKS = {"retention": "60d", "rejected_retention": "30d", "held_retention": "10d"}


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder, archive=CLOCKS) as made:
        dropped(made, FIRST)
        yield made


def dropped(world: World, content: bytes) -> FileRow:
    world.drop(content)
    world.run()
    return world.rows()[-1]


def age(world: World, days: float) -> None:
    world.clock.advance(days * DAY)


def purge(world: World) -> int:
    return world.shop.stages.purge.run()


def traces(world: World, row: FileRow) -> list[Path]:
    """What is left of a file anywhere, but for a roster that was kept."""
    found = [*world.data.rglob(f"*{row.id}*"), *world.inbox.rglob(f"*{row.id}*")]
    return [path for path in found if path.exists() and path.parent.name != "rosters"]


def kept_rosters(world: World) -> list[str]:
    return world.shop.kit.archive.kept_rosters()


def test_a_file_goes_when_its_time_has_come_and_not_a_moment_before(world: World) -> None:
    row = world.only(State.ARCHIVED)
    assert row.filed_at is not None
    world.clock.advance((row.filed_at + timedelta(days=60) - world.clock.utc()).total_seconds() - 1)
    assert purge(world) == 0
    assert len(traces(world, row)) == 4
    world.clock.advance(1)
    assert purge(world) == 2
    assert traces(world, row) == []
    gone = world.get(row)
    assert gone.purged_at == gone.share_purged_at == world.clock.utc()
    assert gone.sha256 == row.sha256, "the ledger remembers"
    assert purge(world) == 0
    assert world.server.names == [row.remote_name], "what stands on the server is not ours"


def test_what_is_planned_is_told_before_and_what_is_gone_after(world: World) -> None:
    age(world, 61)
    purge(world)
    events = [line["event"] for line in world.log.lines if line["event"].startswith("purge")]
    assert events == [LogEvent.PURGE_PLANNED, LogEvent.PURGE_REMOVED, LogEvent.PURGE_REMOVED]


def test_younger_files_stay(world: World) -> None:
    age(world, 59)
    young = dropped(world, SECOND)
    age(world, 2)
    purge(world)
    assert len(traces(world, young)) == 4
    assert young.purged_at is None


def test_the_roster_of_the_newest_file_outlives_its_folder_until_there_is_a_newer_one(
    world: World,
) -> None:
    row = world.only(State.ARCHIVED)
    age(world, 61)
    purge(world)
    assert traces(world, row) == []
    assert kept_rosters(world) == [row.id]
    newer = dropped(world, SECOND)
    assert world.report(newer)["compared_with"]["new"] == 10
    assert purge(world) == 0
    assert kept_rosters(world) == []
    age(world, 61)
    purge(world)
    assert kept_rosters(world) == [newer.id]


def test_no_roster_outlives_the_folder_of_a_file_that_nothing_is_compared_with(
    world: World,
) -> None:
    rejected, held = dropped(world, b"<library/>"), dropped(world, FEW)
    world.refuse(held)
    repeated = dropped(world, FIRST)
    last = dropped(world, SECOND)
    age(world, 61)
    purge(world)
    for row in (rejected, held, repeated):
        assert traces(world, row) == []
    assert kept_rosters(world) == [last.id]


def test_a_file_that_was_only_rehearsed_does_not_take_the_place_of_the_one_that_alma_holds(
    world: World,
) -> None:
    real = world.only(State.ARCHIVED)
    world.restart(archive=CLOCKS, mode="rehearse")
    rehearsed = dropped(world, SECOND)
    age(world, 61)
    purge(world)
    assert kept_rosters(world) == [real.id, rehearsed.id]


def test_a_roster_that_cannot_be_removed_stops_no_purge(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(world, 61)
    purge(world)
    dropped(world, SECOND)
    age(world, 61)

    def busy(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Archive, "forget_roster", busy)
    assert purge(world) == 2
    assert world.log.count(LogEvent.PURGE_FAILED) == 1


def test_a_rejected_file_has_a_clock_of_its_own(world: World) -> None:
    row = dropped(world, b"<library/>")
    age(world, 31)
    purge(world)
    assert traces(world, row) == []
    assert world.listing("rejected") == []
    assert world.get(world.only(State.ARCHIVED)).purged_at is None


def test_a_held_file_on_which_nobody_decides_is_refused_and_kept(world: World) -> None:
    row = dropped(world, FEW)
    age(world, 11)
    assert purge(world) == 1
    refused = world.get(row)
    assert (refused.state, refused.reason) == (State.REJECTED, Reason.REFUSED)
    assert world.share.rejected(row.id, row.name).read_bytes() == FEW


def test_a_held_file_that_was_approved_since_the_plan_is_left_alone(world: World) -> None:
    row = dropped(world, FEW)
    age(world, 11)
    (removal,) = world.shop.stages.purge.planned()
    world.approve(row)
    world.shop.stages.purge._remove(removal, world.clock.utc())
    assert world.get(row).state is State.REFINED
    world.run()
    assert list(world.sent().values()) == [FIRST, FEW]


def test_a_crash_anywhere_in_a_purge_is_made_good_by_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "beginning").mkdir()
    beginning = World(tmp_path / "beginning", archive=CLOCKS)
    row = dropped(beginning, FIRST)
    age(beginning, 59)
    young = dropped(beginning, SECOND)
    age(beginning, 2)
    beginning.end()
    moments = 0
    while True:
        with beginning.fork(tmp_path / str(moments)) as world:
            world.shop.rounds.share_round()
            try:
                with dying(Death(moments)):
                    purge(world)
            except Killed:
                world.restart()
                world.run()
                purge(world)
            else:
                break
            finally:
                assert traces(world, row) == []
                assert world.get(row).purged_at is not None
                assert world.get(row).share_purged_at is not None
                assert kept_rosters(world) == []
                assert len(traces(world, young)) == 4
        moments += 1
    assert moments > 8


def test_a_crash_anywhere_in_a_purge_does_not_lose_the_roster_of_the_newest_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "beginning").mkdir()
    beginning = World(tmp_path / "beginning", archive=CLOCKS)
    row = dropped(beginning, FIRST)
    age(beginning, 61)
    beginning.end()
    moments = 0
    while True:
        with beginning.fork(tmp_path / str(moments)) as world:
            try:
                with dying(Death(moments)):
                    purge(world)
            except Killed:
                world.restart()
                roster = world.shop.kit.archive.roster(row)
                assert roster is not None
                roster.close()
                purge(world)
            else:
                break
            finally:
                assert kept_rosters(world) == [row.id]
        moments += 1
    assert moments > 8


def test_while_the_share_is_away_nothing_on_it_counts_as_removed(world: World) -> None:
    row = world.only(State.ARCHIVED)
    age(world, 61)
    world.inbox.rename(world.inbox.with_name("unmounted"))
    world.inbox.mkdir()
    world.scan()
    assert purge(world) == 1
    assert world.get(row).purged_at is not None
    assert world.get(row).share_purged_at is None
    assert world.log.count(LogEvent.PURGE_FAILED) == 1
    world.inbox.rmdir()
    world.inbox.with_name("unmounted").rename(world.inbox)
    world.scan()
    assert purge(world) == 1
    assert traces(world, row) == []


def test_what_cannot_be_removed_stops_no_other_and_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = world.only(State.ARCHIVED)
    age(world, 61)

    def busy(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "remove", busy)
        assert purge(world) == 1
    assert world.get(row).purged_at is None
    assert world.get(row).share_purged_at is not None
    assert purge(world) == 1
    assert traces(world, row) == []


def test_what_is_not_where_it_belongs_yet_is_purged_when_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise Transient(Reason.SHARE_GONE, "the share does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(Share, "write_reports", gone)
        row = dropped(world, b"<library/>")
        assert world.shop.kit.archive.under_way() == [row.id]
        age(world, 31)
        assert purge(world) == 0
    world.restart(archive=CLOCKS)
    assert purge(world) == 0
    world.run()
    assert purge(world) == 2
    assert traces(world, row) == []
