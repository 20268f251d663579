import errno
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sisdrop.archive import Archive
from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.inbox.share import Share
from sisdrop.ledger import SHARE_ID, Ledger
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, State
from sisdrop.pipeline.holds import Holds
from sisdrop.pipeline.verdict import Verdicts
from sisdrop.requests import Command, Request
from sisdrop.rounds import HANGS_AFTER, STATUS_EVERY
from support.laws import check_laws
from support.reader import people
from support.world import World, folder_in_memory

FIRST, SECOND, FEW = people(10, "first"), people(10, "second"), people(5, "few")
STREAMS = [{"name": "staff", "match": ["staff*.xml"]}, {"name": "students", "match": ["*.xml"]}]
FULL = Transient(Reason.DATA_FULL, "the volume is full")


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder, streams=STREAMS) as made:
        yield made


def unmount(world: World) -> None:
    """The share goes away; its mount point is an empty folder."""
    world.inbox.rename(world.inbox.with_name("unmounted"))
    world.inbox.mkdir()


def mount(world: World) -> None:
    """The share is back."""
    world.inbox.rmdir()
    world.inbox.with_name("unmounted").rename(world.inbox)


# The share.


def test_the_first_look_furnishes_the_share_and_marks_it_as_ours(world: World) -> None:
    world.scan()
    assert {"approved", "held", "rejected", "reports", "README.txt", "STATUS.html"} < set(
        world.listing(".")
    )
    assert world.share.identity() == world.ledger.recall(SHARE_ID)
    assert world.situation.now().share_up
    assert world.metric("share_up") == 1
    assert world.metric("last_scan_timestamp_seconds") == world.clock.utc().timestamp()


@pytest.mark.parametrize("year", [1601, 2262, 4501])
def test_a_file_is_taken_whatever_its_clock_says(world: World, year: int) -> None:
    seconds = (datetime(year, 12, 31, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days * 86400
    os.utime(world.drop(FIRST), (seconds, seconds))
    world.run()
    assert world.states() == [State.ARCHIVED]


def test_a_look_that_hangs_shows_while_it_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from another thread: what asks the share is stuck."""
    world.scan()
    world.drop(FIRST)
    world.scan()
    real, ups = Share.identity, []

    def hang(self: Share) -> str | None:
        for seconds in (HANGS_AFTER, 1):
            world.clock.advance(seconds)
            world.shop.rounds.gauge_round(world.data)
            ups.append(world.metric("share_up"))
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Share, "identity", hang)
        world.shop.rounds.share_round()
    assert ups == [1, 0]
    assert world.metric("share_up") == 1
    assert not world.situation.reasons()
    assert world.log.count(LogEvent.SHARE_GONE) == world.log.count(LogEvent.SHARE_BACK) == 1
    world.clock.advance(2 * HANGS_AFTER)
    world.shop.rounds.gauge_round(world.data)
    assert world.metric("share_up") == 1


def test_a_file_that_cannot_be_moved_waits_and_stops_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that has no word for a file that is held open says `EIO`."""
    world.scan()
    locked, other = world.drop(FIRST, "staff.xml"), world.drop(SECOND)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", _fails_for(locked))
        world.run()
        assert not other.exists()
        assert [waiting.file for waiting in world.situation.now().waiting] == ["staff.xml"]
        assert world.situation.now().share_up
        assert world.log.count(LogEvent.SHARE_GONE) == 0
    world.run()
    assert world.states() == [State.ARCHIVED, State.ARCHIVED]
    check_laws(world, [FIRST, SECOND])


def _fails_for(locked: Path) -> Callable[[Path, Path], Path]:
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path == locked:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, target)

    return rename


def test_a_crash_between_ledger_and_share_does_not_lock_us_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise Transient(Reason.SHARE_GONE, "the share does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(Share, "adopt", gone)
        world.scan()
    assert world.ledger.recall(SHARE_ID) is None
    world.restart(streams=STREAMS)
    world.scan()
    assert world.share.identity() == world.ledger.recall(SHARE_ID)


def test_a_share_that_another_ledger_knows_is_left_alone(world: World) -> None:
    world.share.adopt("somebody else's")
    before = world.listing(".")
    world.drop(FIRST)
    for _ in range(3):
        world.round()
    assert world.listing(".") == sorted([*before, "students.xml"])
    assert world.situation.reasons() == {Reason.SHARE_CHANGED}
    assert world.log.count(LogEvent.SHARE_CHANGED) == 1
    assert world.rows() == []


def test_an_empty_folder_in_the_shares_place_is_not_the_share(world: World) -> None:
    world.drop(FIRST)
    world.run()
    world.drop(FEW)
    world.run()
    unmount(world)
    for _ in range(3):
        world.round()
    assert list(world.inbox.iterdir()) == []
    assert world.names(State.HELD) == ["students.xml"], "nobody deleted it"
    assert not world.situation.now().share_up
    assert world.metric("share_up") == 0
    assert world.metric('blocked{reason="share_changed"}') == 1
    mount(world)
    world.run()
    assert world.log.count(LogEvent.SHARE_CHANGED) == 1
    assert world.log.count(LogEvent.SHARE_BACK) == 1
    assert world.metric("share_up") == 1
    check_laws(world, [FIRST, FEW])


def test_a_share_that_is_gone_is_a_state_of_its_own_and_deliveries_go_on(world: World) -> None:
    world.drop(FIRST)
    world.scan()
    world.scan()
    world.work()
    world.inbox.rename(world.inbox.with_name("unmounted"))
    for _ in range(3):
        world.round()
    assert world.states() == [State.ARCHIVED]
    assert world.situation.reasons() == {Reason.SHARE_GONE}
    assert world.metric("inbox_oldest_timestamp_seconds") == 0
    assert world.log.count(LogEvent.SHARE_GONE) == 1
    world.inbox.with_name("unmounted").rename(world.inbox)
    world.run()
    check_laws(world, [FIRST])


def test_files_that_wait_and_files_that_nobody_wants_are_shown(world: World) -> None:
    world.drop(FIRST)
    world.drop(b"minutes of a meeting", "minutes.doc")
    world.scan()
    moment = world.situation.now()
    assert [waiting.file for waiting in moment.waiting] == ["students.xml"]
    assert [waiting.file for waiting in moment.unmatched] == ["minutes.doc"]
    assert world.metric("unmatched_files") == 1
    assert world.metric("inbox_oldest_timestamp_seconds") == world.clock.utc().timestamp()
    world.run()
    assert world.metric("inbox_oldest_timestamp_seconds") == 0
    assert (world.inbox / "minutes.doc").exists()


def test_the_caller_hears_when_a_file_could_be_complete(world: World) -> None:
    world.scan()
    assert world.shop.rounds.share_round() is None
    world.drop(FIRST)
    assert world.shop.rounds.share_round() == 30.0
    world.clock.advance(20)
    assert world.shop.rounds.share_round() == pytest.approx(10.0)


# STATUS.html.


def test_the_status_is_written_when_something_changed_and_to_show_life(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.scan()
    written: list[str] = []
    monkeypatch.setattr(Share, "write_status", lambda _, html: written.append(html))
    world.shop.rounds.share_round()
    assert written == []
    world.clock.advance(STATUS_EVERY)
    world.shop.rounds.share_round()
    assert len(written) == 1
    world.drop(FIRST)
    world.shop.rounds.share_round()
    assert len(written) == 2
    assert "students.xml" in written[1]


def test_a_status_that_cannot_be_written_stops_nothing_and_is_said_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise NeedsOperator(Reason.SHARE_PERMISSION, "give it that right")

    world.drop(FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(Share, "write_status", denied)
        for _ in range(5):
            world.round()
        assert world.situation.reasons() == {Reason.SHARE_PERMISSION}
        assert world.situation.now().share_up
    assert world.states() == [State.ARCHIVED]
    assert world.log.count(LogEvent.SCAN_FAILED) == 1
    assert world.log.count(LogEvent.SHARE_BACK) == 0
    world.scan()
    assert world.situation.reasons() == set()


def test_a_ledger_that_cannot_be_read_for_the_status_ends_no_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unusable(*_: object) -> None:
        raise NeedsOperator(Reason.LEDGER_UNUSABLE, "look at it")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "latest", unusable)
        world.scan()
        assert world.situation.reasons() == {Reason.LEDGER_UNUSABLE}
    world.scan()
    assert world.situation.reasons() == set()


# What people ask for.


def request(world: World, command: Command, **wish: object) -> Request:
    return Request(**{"token": "t", "command": command, "actor": "operator", **wish})  # type: ignore[arg-type]  # spelled out by each test


def test_while_the_share_is_away_a_request_is_answered_with_the_reason(world: World) -> None:
    world.drop(FIRST)
    world.run()
    world.drop(FEW)
    world.run()
    row = world.only(State.HELD)
    unmount(world)
    for decide in (world.approve, world.refuse):
        answer = decide(row)
        assert not answer.done
        assert "is not the share that this ledger knows" in answer.sentence
    assert list(world.inbox.iterdir()) == []
    mount(world)
    assert world.approve(row).done


def test_a_request_that_trips_the_program_is_answered_and_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drop(FIRST)
    world.run()
    with monkeypatch.context() as patch:
        patch.setattr(Holds, "approve", lambda *_, **__: 1 / 0)
        answer = world.approve(world.only(State.ARCHIVED))
    assert not answer.done
    assert answer.sentence == "sisdrop itself failed; its log says where"
    assert world.log.count(LogEvent.EXCEPTION_UNCAUGHT) == 1
    assert list(world.shop.box.pending()) == []


def test_a_purge_can_be_looked_at_first(world: World) -> None:
    world.drop(FIRST)
    world.run()
    row = world.only(State.ARCHIVED)
    world.clock.advance(61 * 86400)
    look = world.shop.rounds.obey(request(world, Command.PURGE, dry_run=True))
    assert look.done
    assert look.sentence.splitlines()[0] == "2 to remove"
    assert f"folder of {row.id}, since 2026-11-23" in look.sentence
    assert world.get(row).purged_at is None
    done = world.shop.rounds.obey(request(world, Command.PURGE))
    assert done.sentence == "2 of 2 removed"
    assert world.get(row).purged_at is not None


# With claimed files.


def claim(world: World, **files: bytes) -> None:
    for name, content in files.items():
        world.drop(content, f"{name}.xml")
        world.scan()
        world.scan()


def test_a_full_data_volume_stops_all_says_so_once_and_goes_on_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise FULL

    claim(world, students=FIRST, staff=SECOND)
    with monkeypatch.context() as patch:
        patch.setattr(Archive, "begin", full)
        for _ in range(3):
            assert world.work() == 0
    assert world.log.count(LogEvent.DATA_FULL) == 1
    assert world.situation.reasons() == {Reason.DATA_FULL}
    assert world.rows()[0].reason is Reason.DATA_FULL
    assert world.work() == 2
    assert world.situation.reasons() == set()
    assert all(row.reason is None for row in world.rows())


def test_a_note_that_the_ledger_cannot_take_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise FULL

    claim(world, students=FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "update", full)
        assert world.work() == 0
    assert world.situation.reasons() == {Reason.DATA_FULL}
    assert world.work() == 1


def test_a_file_on_whose_verdict_we_fail_keeps_back_its_own_stream_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Verdicts.apply

    def trips(self: Verdicts, row: FileRow) -> FileRow:
        if row.name == "students.xml":
            raise ZeroDivisionError
        return real(self, row)

    claim(world, students=FIRST, students2=SECOND, staff=FEW)
    with monkeypatch.context() as patch:
        patch.setattr(Verdicts, "apply", trips)
        assert world.work() == 1
    assert world.names(State.QUEUED) == ["staff.xml"]
    assert world.log.count(LogEvent.FILE_BROKEN) == 1
    assert world.work() == 2


def test_nothing_is_worked_on_while_the_share_is_not_known(world: World) -> None:
    claim(world, students=FIRST)
    unmount(world)
    world.scan()
    assert world.work() == 0
    assert world.only(State.CLAIMED).failures == 0
    mount(world)
    world.run()
    check_laws(world, [FIRST])


# The gauges.


def test_the_gauges_tell_what_stands_where(world: World) -> None:
    world.drop(FIRST)
    world.run()
    world.drop(FEW)
    world.run()
    world.shop.rounds.gauge_round(world.data)
    held, filed = world.only(State.HELD), world.only(State.ARCHIVED)
    assert world.metric('files_in_state{state="held"}') == 1
    since = world.metric('oldest_waiting_timestamp_seconds{state="held"}')
    assert since == held.since.timestamp()
    assert world.metric("archive_files") == 1
    assert world.metric("archive_bytes") == world.shop.kit.archive.size() > 0
    assert filed.filed_at is not None
    assert world.metric("archive_oldest_timestamp_seconds") == filed.filed_at.timestamp()
    assert world.metric("ledger_writable") == 1
    assert world.metric("data_free_bytes") > 0


def test_the_archive_is_measured_when_something_came_or_went(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = 0
    measure = Archive.size

    def size(archive: Archive) -> int:
        nonlocal walks
        walks += 1
        return measure(archive)

    monkeypatch.setattr(Archive, "size", size)
    for document, expected in ((FIRST, 1), (None, 1), (SECOND, 2)):
        if document is not None:
            world.drop(document)
            world.run()
        world.shop.rounds.gauge_round(world.data)
        assert walks == expected
    assert world.metric("archive_files") == 2


def test_a_ledger_that_cannot_be_written_shows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ledger, "is_writable", lambda _: False)
    world.shop.rounds.gauge_round(world.data)
    assert world.metric("ledger_writable") == 0
