from collections.abc import Iterator
from pathlib import Path

import pytest

from sisdrop.archive import Archive
from sisdrop.delivery.phases import Phase
from sisdrop.errors import Broken, NeedsOperator, Reason, ServiceError, Transient
from sisdrop.inbox.share import Share
from sisdrop.ledger import Ledger, Overtaken
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, State
from support.fake_server import FakeConnection, FakeServer, lost
from support.laws import check_laws
from support.reader import people
from support.world import World, at_once, folder_in_memory

FIRST, SECOND = people(10, "first"), people(10, "second")


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder) as made:
        yield made


def queued(world: World, content: bytes = FIRST) -> FileRow:
    world.drop(content)
    world.scan()
    world.scan()
    world.work()
    return world.ledger.in_states(State.QUEUED)[-1]


def send(world: World, row: FileRow) -> FileRow:
    return at_once(
        world.shop.dispatch.deliver(row, FakeConnection(world.server), world.progressed.append)
    )


def fail_with(world: World, row: FileRow, error: ServiceError) -> FileRow:
    world.server.failing = {Phase(str(error.facts["phase"])): error}
    with pytest.raises(type(error)):
        send(world, row)
    world.server.failing = {}
    return world.get(row)


def test_what_is_sent_is_delivered_and_filed(world: World) -> None:
    row = send(world, queued(world))
    assert row.state is State.ARCHIVED
    assert (row.attempts, row.in_doubt, row.rehearsed) == (1, False, False)
    assert row.delivered_at == world.clock.utc()
    assert world.server.names == [row.remote_name]
    assert world.progressed == [row.bundle_size]
    assert world.metric('files_total{outcome="delivered",stream="patrons"}') == 1
    assert world.metric('records_total{outcome="delivered",stream="patrons"}') == 10
    assert world.metric('last_file_records{stream="patrons"}') == 10
    check_laws(world, [FIRST])


def test_what_the_receiver_took_at_once_counts_as_delivered(world: World) -> None:
    world.server.taking = True
    row = send(world, queued(world))
    assert row.taken_as == f"{row.remote_name}.old"


def test_after_a_failure_the_file_is_back_in_the_queue_with_the_reason(world: World) -> None:
    row = fail_with(world, queued(world), lost(Phase.WRITE))
    assert (row.state, row.reason, row.attempts) == (State.QUEUED, Reason.CONNECTION_LOST, 1)
    done = send(world, row)
    assert (done.reason, done.attempts) == (None, 2)
    check_laws(world, [FIRST])


@pytest.mark.parametrize(
    ("phase", "before", "after"),
    [
        (Phase.FOLDER, False, False),
        (Phase.FOLDER, True, True),
        (Phase.OPEN, True, False),
        (Phase.WRITE, True, False),
        (Phase.RENAME, False, True),
        (Phase.STAT, False, True),
    ],
)
def test_a_failure_leaves_a_doubt_where_the_file_may_stand_on_the_server(
    world: World, phase: Phase, before: bool, after: bool
) -> None:
    row = world.ledger.update(queued(world), in_doubt=before)
    assert fail_with(world, row, lost(phase)).in_doubt is after


def test_a_failure_that_nobody_foresaw_puts_the_file_back_and_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = queued(world)
    monkeypatch.setattr(FakeServer, "rename", lambda *_: 1 / 0)
    with pytest.raises(Broken):
        send(world, row)
    back = world.get(row)
    assert (back.state, back.reason) == (State.QUEUED, Reason.INTERNAL_ERROR)
    assert back.in_doubt
    assert world.log.count(LogEvent.FILE_BROKEN) == 1


def test_what_an_earlier_attempt_put_there_is_found_and_not_sent_again(world: World) -> None:
    row = queued(world)
    world.server.failing_after[Phase.RENAME] = lost(Phase.RENAME)
    with pytest.raises(Transient):
        send(world, row)
    world.server.failing_after.clear()
    row = send(world, world.get(row))
    assert row.state is State.ARCHIVED
    notes = [event.note for event in world.ledger.events(row.id)]
    assert "an earlier attempt had put it there" in notes
    check_laws(world, [FIRST])


def test_another_file_under_our_name_is_the_operators(world: World) -> None:
    row = queued(world)
    world.server.files[row.remote_name or ""] = b"somebody else's"
    with pytest.raises(NeedsOperator):
        send(world, row)
    assert world.get(row).reason is Reason.REMOTE_CONFLICT
    assert list(world.server.files.values()) == [b"somebody else's"]


def test_a_file_that_was_superseded_meanwhile_is_not_sent(world: World) -> None:
    row = queued(world)
    queued(world, SECOND)
    with pytest.raises(Overtaken):
        send(world, row)
    assert world.server.names == []


def test_what_a_superseded_upload_left_behind_is_swept_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeServer, "remove", lambda *_: None)
    fail_with(world, queued(world), lost(Phase.RENAME))
    row = world.only(State.QUEUED)
    world.ledger.update(row, in_doubt=False)
    assert len(world.server.names) == 1
    monkeypatch.undo()
    newer = queued(world, SECOND)
    send(world, newer)
    assert world.server.names == [newer.remote_name]


def test_the_delivery_never_touches_the_share(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = queued(world)

    def touched(*_: object) -> None:
        raise AssertionError("a share may hang, and the health pages with it")

    for name in ("signature", "move", "remove", "write_reports", "write_report_beside"):
        monkeypatch.setattr(Share, name, touched)
    fail_with(world, row, lost(Phase.WRITE))
    send(world, world.get(row))
    assert world.states() == [State.ARCHIVED]


def test_a_full_volume_does_not_undo_a_delivery_and_the_folder_is_filed_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = queued(world)

    def full(*_: object) -> None:
        raise Transient(Reason.DATA_FULL, "the volume is full")

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "file_away", full)
        assert send(world, row).state is State.ARCHIVED
        world.scan()
    assert world.metric('files_total{outcome="delivered",stream="patrons"}') == 1
    assert world.log.count(LogEvent.SHARE_UNTIDY) == 1
    world.scan()
    check_laws(world, [FIRST])


def test_a_ledger_that_cannot_say_delivered_is_told_so_by_the_next_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = queued(world)
    real = Ledger.move

    def full(self: Ledger, row: FileRow, to: State, *rest: object, **fields: object) -> FileRow:
        if to in (State.DELIVERED, State.QUEUED):
            raise Transient(Reason.DATA_FULL, "the volume is full")
        return real(self, row, to, *rest, **fields)  # type: ignore[arg-type]  # passed through

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "move", full)
        with pytest.raises(Transient):
            send(world, row)
    assert world.states() == [State.DELIVERING]
    world.run()
    check_laws(world, [FIRST])


@pytest.mark.parametrize("stopped_in", [State.DELIVERING, State.DELIVERED])
def test_an_attempt_that_was_cut_off_is_taken_up_again(world: World, stopped_in: State) -> None:
    row = world.ledger.move(queued(world), State.DELIVERING, world.clock.utc(), "sisdrop")
    if stopped_in is State.DELIVERED:
        world.server.put(row.remote_name or "", world.shop.kit.archive.bundle(row.id).read_bytes())
        world.server.log.append(row.remote_name or "")
        world.ledger.move(row, State.DELIVERED, world.clock.utc(), "sisdrop")
    world.restart()
    expected = State.QUEUED if stopped_in is State.DELIVERING else State.ARCHIVED
    assert world.states() == [expected]
    world.run()
    check_laws(world, [FIRST])


def test_the_reason_that_keeps_a_file_from_going_out_is_noted_on_it_once(world: World) -> None:
    row = queued(world)
    for _ in range(2):
        world.shop.dispatch.note(row.id, lost(Phase.CONNECT))
    assert world.get(row).reason is Reason.CONNECTION_LOST
    world.shop.dispatch.note("20000101T000000Z-0000", lost(Phase.CONNECT))
    send(world, world.get(row))
    world.shop.dispatch.note(row.id, lost(Phase.CONNECT))
    assert world.get(row).reason is None


def test_what_was_only_rehearsed_is_sent_when_that_is_over(tmp_path: Path) -> None:
    with World(tmp_path, mode="rehearse") as world:
        world.drop(FIRST)
        world.run()
        assert world.only(State.ARCHIVED).rehearsed
        assert world.server.connects == 0
        assert world.metric('files_total{outcome="delivered",stream="patrons"}') == 0
        world.drop(FIRST)
        world.run()
        assert world.states() == [State.ARCHIVED, State.DUPLICATE]
        world.restart(mode="deliver")
        world.drop(FIRST)
        world.run()
        assert world.states() == [State.ARCHIVED, State.DUPLICATE, State.ARCHIVED]
        assert list(world.sent().values()) == [FIRST]
