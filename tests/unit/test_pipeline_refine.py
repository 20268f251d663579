import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sisdrop.errors import Reason, Transient
from sisdrop.ledger import Ledger
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, State
from sisdrop.pipeline.intake import MAX_FAILURES, Stopping
from support.reader import people
from support.world import World, folder_in_memory

FIRST, SECOND = people(10, "first"), people(10, "second")
STREAMS = [{"name": "staff", "match": ["staff*.xml"]}, {"name": "students", "match": ["*.xml"]}]


class Died(BaseException):
    """The process ends inside a read."""


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder, streams=STREAMS) as made:
        yield made


def claimed(world: World, **files: bytes) -> None:
    for name, content in files.items():
        world.drop(content, f"{name}.xml")
        world.scan()
        world.scan()


def test_a_file_on_which_we_fail_three_times_is_set_aside_and_the_others_go_on(
    world: World,
) -> None:
    world.reader.failing[b"first"] = RuntimeError("ours")
    claimed(world, students=FIRST, students2=SECOND, staff=people(3))
    for _ in range(MAX_FAILURES):
        world.work()
        # The other stream does not wait, the later file of the same stream does.
        assert world.names(State.QUEUED) == ["staff.xml"]
        assert world.names(State.CLAIMED) == ["students.xml", "students2.xml"]
    world.work()
    assert world.names(State.QUEUED) == ["students2.xml", "staff.xml"]
    row = world.only(State.HELD)
    assert row.reason is Reason.INTERNAL_ERROR
    assert world.log.count(LogEvent.FILE_BROKEN) == MAX_FAILURES
    assert world.held(row).read_bytes() == FIRST
    assert world.report(row)["verdict"] == "held"


def test_a_file_that_kills_the_process_is_set_aside_too(world: World) -> None:
    claimed(world, students=FIRST)
    for _ in range(MAX_FAILURES):
        world.reader.failing[b"first"] = Died()
        with pytest.raises(Died):
            world.work()
        world.restart(streams=STREAMS)
        world.scan()
    world.work()
    assert world.only(State.HELD).reason is Reason.INTERNAL_ERROR


@pytest.mark.parametrize(
    "error",
    [
        Transient(Reason.DATA_FULL, "the volume is full"),
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EIO, "the share does not answer"),
        OSError(errno.EACCES, "may not"),
        Stopping(),
    ],
)
def test_what_is_not_the_files_doing_is_not_counted_against_it(
    world: World, error: BaseException
) -> None:
    claimed(world, students=FIRST)
    world.reader.failing[b"first"] = error
    for _ in range(2 * MAX_FAILURES):
        try:
            world.work()
        except Stopping as stopped:
            assert stopped is error  # noqa: PT017 - only this one case stops
        assert world.only(State.CLAIMED).failures == 0
    world.reader.failing.clear()
    world.run()
    assert world.states() == [State.ARCHIVED]


def test_a_full_disk_after_the_read_is_not_counted_either(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(world, students=FIRST)
    real = Ledger.move

    def full(self: Ledger, row: FileRow, to: State, *rest: object, **fields: object) -> FileRow:
        if to is State.REFINED:
            raise Transient(Reason.DATA_FULL, "the volume is full")
        return real(self, row, to, *rest, **fields)  # type: ignore[arg-type]  # passed through

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "move", full)
        for _ in range(2 * MAX_FAILURES):
            world.work()
    assert world.only(State.CLAIMED).failures == 0
    assert world.situation.reasons() == {Reason.DATA_FULL}
    world.work()
    assert world.states() == [State.QUEUED]
    assert world.situation.reasons() == set()


def test_failures_of_a_file_that_is_read_at_last_are_forgotten(world: World) -> None:
    claimed(world, students=FIRST)
    world.reader.failing[b"first"] = RuntimeError("ours")
    world.work()
    assert world.only(State.CLAIMED).failures == 1
    world.reader.failing.clear()
    world.work()
    assert world.only(State.QUEUED).failures == 0


def test_a_file_that_still_changes_settles_again_and_keeps_back_its_stream_only(
    world: World,
) -> None:
    def grows(path: Path) -> None:
        if b"first" in path.read_bytes():
            path.write_bytes(people(11, "first"))

    claimed(world, students=FIRST, students2=SECOND, staff=people(3))
    world.reader.during = grows
    world.work()
    assert world.names(State.CLAIMED) == ["students.xml", "students2.xml"]
    assert world.names(State.QUEUED) == ["staff.xml"]
    world.reader.during = lambda _: None
    world.work()
    assert world.names(State.CLAIMED) == ["students.xml", "students2.xml"], "not settled yet"
    world.scan()
    world.work()
    assert world.names(State.QUEUED) == ["students2.xml", "staff.xml"]
    assert world.only(State.SUPERSEDED).sha256 is not None
    assert all(row.failures == 0 for row in world.rows())


def test_after_a_restart_a_changed_file_settles_again_before_it_is_read(world: World) -> None:
    claimed(world, students=FIRST)
    world.share.work(world.only(State.CLAIMED).id).write_bytes(SECOND)
    world.restart(streams=STREAMS)
    world.run()
    assert list(world.sent().values()) == [SECOND]


def test_an_approved_file_that_we_failed_on_is_read_again(world: World) -> None:
    claimed(world, students=FIRST)
    world.reader.failing[b"first"] = RuntimeError("ours")
    for _ in range(MAX_FAILURES + 1):
        world.work()
    row = world.only(State.HELD)
    answer = world.approve(row)
    assert answer.done
    assert answer.sentence == f"{row.id} is read again"
    world.reader.failing.clear()
    world.run()
    assert world.states() == [State.ARCHIVED]


def test_so_is_one_that_had_been_read_before_it_was_edited(world: World) -> None:
    claimed(world, students=FIRST)
    world.run()
    world.drop(people(5, "few"))
    world.run()
    row = world.only(State.HELD)
    # Edited back and forth: the bytes are those of the first read, which yielded something.
    few = world.held(row).read_bytes()
    world.held(row).write_bytes(SECOND)
    world.approve(row)
    world.held(row).write_bytes(few)
    world.reader.failing[b"few"] = RuntimeError("ours")
    for _ in range(MAX_FAILURES + 4):
        world.round()
    assert world.only(State.HELD).reason is Reason.INTERNAL_ERROR
    world.reader.failing.clear()
    answer = world.approve(row)
    assert answer.sentence == f"{row.id} is read again"
    world.run()
    assert world.only(State.HELD).reason is Reason.SHRUNK


def test_stopping_ends_a_read_at_its_next_block(world: World) -> None:
    claimed(world, students=FIRST)
    world.shop.stages.intake.stop()
    with pytest.raises(Stopping):
        world.work()
    assert world.only(State.CLAIMED).failures == 0


def test_a_link_in_the_place_of_a_file_is_not_followed_for_ever(
    world: World, tmp_path: Path
) -> None:
    claimed(world, students=FIRST)
    world.reader.failing[b"first"] = OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    for _ in range(MAX_FAILURES + 1):
        world.work()
    assert world.only(State.HELD).reason is Reason.INTERNAL_ERROR


def test_a_file_that_somebody_removed_from_work_does_not_stop_its_stream(world: World) -> None:
    """It is said, then refused like any held file that was deleted; the next one goes out."""
    claimed(world, students=FIRST)
    row = world.only(State.CLAIMED)
    world.share.work(row.id).unlink()
    world.work()
    assert "removed it from .sisdrop/work" in world.only(State.HELD).held_for[0].sentence
    world.drop(SECOND)
    world.run()
    assert world.get(row).state is State.REJECTED
    assert list(world.sent().values()) == [SECOND]


def test_a_share_that_is_away_is_not_a_file_that_was_removed(world: World) -> None:
    claimed(world, students=FIRST)
    away = world.inbox.with_name("away")
    world.inbox.rename(away)
    with pytest.raises(Transient):
        world.shop.stages.intake.refine(world.only(State.CLAIMED))
    away.rename(world.inbox)
    world.run()
    assert list(world.sent().values()) == [FIRST]
