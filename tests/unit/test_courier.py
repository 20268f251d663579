from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sisdrop.delivery.phases import Phase
from sisdrop.errors import Reason, Transient
from sisdrop.ledger import Ledger
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, State
from support.fake_server import FakeServer, lost, refused
from support.laws import check_laws
from support.reader import people
from support.world import PROBE, World, folder_in_memory

STREAMS = [
    {"name": "staff", "match": ["staff*.xml"]},
    {"name": "students", "match": ["student*.xml"]},
]
CHANGES = [{"name": "changes", "match": ["*.xml"], "kind": "changes"}]


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder, streams=STREAMS) as made:
        yield made


def queue(world: World, *names: str) -> list[FileRow]:
    """Drop a file of each name, one after the other, and let all of them be queued."""
    for name in names:
        world.drop(people(10, name), f"{name}.xml")
        world.scan()
        world.scan()
        world.work()
    return world.ledger.in_states(State.QUEUED)


def sent(world: World) -> list[str]:
    """The names of the files in the order in which they came to be on the server."""
    rows = {row.remote_name: row.name for row in world.rows()}
    return [rows[name] for name in world.server.log]


# Order.


def test_files_of_a_stream_go_out_in_the_order_of_their_claims(tmp_path: Path) -> None:
    with World(tmp_path, streams=CHANGES) as world:
        queue(world, "b", "a", "c")
        world.deliver()
        assert sent(world) == ["b.xml", "a.xml", "c.xml"]
        assert world.server.connects == 1
        check_laws(world, [people(10, name) for name in "bac"])


def test_streams_go_out_in_the_order_of_the_settings(world: World) -> None:
    queue(world, "students", "staff")
    world.deliver()
    assert sent(world) == ["staff.xml", "students.xml"]
    orders = [name.split("-")[1] for name in world.server.log]
    assert orders == ["01", "02"]


def test_a_later_file_does_not_overtake_one_that_cannot_be_sent(tmp_path: Path) -> None:
    with World(tmp_path, streams=CHANGES) as world:
        rows = queue(world, "a", "b")
        world.server.refusing[(rows[0].remote_name or "").encode()] = lost(Phase.OPEN)
        world.deliver()
        assert sent(world) == []
        world.server.refusing.clear()
        world.clock.advance(60)
        world.deliver()
        assert sent(world) == ["a.xml", "b.xml"]


def test_a_stream_that_is_no_longer_in_the_settings_goes_out_last(world: World) -> None:
    queue(world, "staff", "students")
    world.restart(streams=[STREAMS[1]])
    world.deliver()
    assert sent(world) == ["students.xml", "staff.xml"]


def test_nobody_connects_when_nothing_waits(world: World) -> None:
    assert world.deliver() is None
    assert world.server.connects == 0


def test_progress_is_passed_on(world: World) -> None:
    (row,) = queue(world, "staff")
    world.deliver()
    assert world.progressed == [row.bundle_size]


# One stream's trouble is not another's.


def test_a_blocked_stream_does_not_stop_another(world: World) -> None:
    queue(world, "staff", "students")
    world.server.refusing[b"staff"] = refused(Phase.OPEN)
    due = world.deliver()
    assert sent(world) == ["students.xml"]
    assert due == PROBE
    row = world.only(State.QUEUED)
    assert (row.name, row.reason) == ("staff.xml", Reason.REMOTE_PERMISSION)
    assert world.situation.reasons() == {Reason.REMOTE_PERMISSION}
    # While it is blocked, the other stream goes on.
    queue(world, "students2")
    world.deliver()
    assert sent(world) == ["students.xml", "students2.xml"]
    assert world.get(row).attempts == 1
    world.server.refusing.clear()
    world.clock.advance(PROBE)
    assert world.deliver() is None
    assert world.situation.reasons() == set()
    assert world.log.count(LogEvent.LANE_BLOCKED) == 1
    assert world.log.count(LogEvent.LANE_RECOVERED) == 1


def test_a_failure_that_nobody_foresaw_does_not_stop_the_other_stream(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FakeServer.put

    def trips(self: FakeServer, name: str, content: bytes) -> None:
        if "staff" in name:
            raise ZeroDivisionError
        real(self, name, content)

    queue(world, "staff", "students")
    with monkeypatch.context() as patch:
        patch.setattr(FakeServer, "put", trips)
        world.deliver()
    assert sent(world) == ["students.xml"]
    assert world.only(State.QUEUED).reason is Reason.INTERNAL_ERROR
    world.clock.advance(60)
    world.deliver()
    assert sent(world) == ["students.xml", "staff.xml"]


# The account.


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.LOGIN])
def test_a_failure_of_the_account_stops_all_streams_with_one_attempt(
    world: World, phase: Phase
) -> None:
    error = refused(Phase.LOGIN) if phase is Phase.LOGIN else lost(phase)
    queue(world, "staff", "students")
    world.server.failing[phase] = error
    world.deliver()
    assert world.server.connects == 1
    assert {row.reason for row in world.ledger.in_states(State.QUEUED)} == {error.reason}
    assert all(row.attempts == 0 for row in world.rows()), "no file was at fault"
    result = "needs_operator" if phase is Phase.LOGIN else "transient"
    assert world.metric(f'delivery_attempts_total{{result="{result}"}}') == 1


def test_a_refused_login_is_probed_once_per_interval_whatever_is_queued_meanwhile(
    world: World,
) -> None:
    queue(world, "staff")
    world.server.failing[Phase.LOGIN] = refused(Phase.LOGIN)
    assert world.deliver() == PROBE
    blocked_at = world.clock.monotonic()
    for name in ("students", "students2", "staff2"):
        queue(world, name)
        due = world.deliver()
        assert due == pytest.approx(PROBE - (world.clock.monotonic() - blocked_at))
    assert world.server.connects == 1
    world.clock.advance(PROBE)
    world.deliver()
    assert world.server.connects == 2
    assert world.log.count(LogEvent.LANE_BLOCKED) == 1
    assert world.metric('blocked{reason="auth"}') == 1


def test_when_the_account_works_again_all_go_out_and_it_is_said_once_per_stream(
    world: World,
) -> None:
    queue(world, "staff", "students")
    world.server.failing[Phase.LOGIN] = refused(Phase.LOGIN)
    world.deliver()
    world.server.failing.clear()
    world.clock.advance(PROBE)
    world.deliver()
    assert sent(world) == ["staff.xml", "students.xml"]
    recovered = [line for line in world.log.lines if line["event"] is LogEvent.LANE_RECOVERED]
    assert sorted((line["stream"], line["attempts"]) for line in recovered) == [
        ("staff", 1),
        ("students", 1),
    ]
    assert world.situation.reasons() == set()
    assert all(row.reason is None for row in world.rows())


def test_a_restart_tries_at_once(world: World) -> None:
    queue(world, "staff")
    world.server.failing[Phase.LOGIN] = refused(Phase.LOGIN)
    world.deliver()
    world.server.failing.clear()
    world.restart(streams=STREAMS)
    world.deliver()
    assert sent(world) == ["staff.xml"]


# Backoff.


def test_the_pause_grows_and_is_told_to_the_caller(world: World) -> None:
    queue(world, "staff")
    world.server.failing[Phase.CONNECT] = lost(Phase.CONNECT)
    pauses = []
    for _ in range(7):
        due = world.deliver()
        assert due is not None
        pauses.append(due)
        world.clock.advance(due / 2)
        connects = world.server.connects
        world.deliver()
        assert world.server.connects == connects, "nobody connects before it is due"
        world.clock.advance(due / 2)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
    assert world.log.count(LogEvent.FILE_DELIVERY_FAILED) == 1
    world.server.failing.clear()
    assert world.deliver() is None
    world.server.failing[Phase.CONNECT] = lost(Phase.CONNECT)
    queue(world, "staff2")
    assert world.deliver() == 1.0, "what is over is forgotten"


# The rest.


def test_a_file_that_is_superseded_before_its_turn_is_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(world, "staff", "students")
    real = FakeServer.rename

    def meanwhile(self: FakeServer, old: str, new: str) -> None:
        real(self, old, new)
        if "staff" in new:
            queue(world, "students2")

    with monkeypatch.context() as patch:
        patch.setattr(FakeServer, "rename", meanwhile)
        due = world.deliver()
    assert sent(world) == ["staff.xml"]
    assert due is not None
    assert due <= 0
    world.deliver()
    assert sent(world) == ["staff.xml", "students2.xml"]


def test_in_rehearsal_nobody_connects_and_all_is_filed(tmp_path: Path) -> None:
    with World(tmp_path, mode="rehearse", streams=STREAMS) as world:
        queue(world, "staff", "students")
        assert world.deliver() is None
        assert world.states() == [State.ARCHIVED, State.ARCHIVED]
        assert all(row.rehearsed and row.delivered_at is None for row in world.rows())
        assert world.server.connects == 0


def test_a_rehearsal_goes_on_after_a_full_disk_and_what_was_superseded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Ledger.move

    def full(self: Ledger, row: FileRow, to: State, *rest: Any, **fields: Any) -> FileRow:
        if row.name == "staff.xml" and to is State.ARCHIVED:
            raise Transient(Reason.DATA_FULL, "the volume is full")
        if row.name == "students.xml" and to is State.ARCHIVED:
            real(self, row, State.SUPERSEDED, *rest, **fields)
        return real(self, row, to, *rest, **fields)

    with World(tmp_path, mode="rehearse", streams=STREAMS) as world:
        queue(world, "staff", "students")
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "move", full)
            world.deliver()
        assert world.states() == [State.QUEUED, State.SUPERSEDED]
        assert world.situation.reasons() == {Reason.DATA_FULL}
        world.deliver()
        assert world.states() == [State.ARCHIVED, State.SUPERSEDED]
        assert world.situation.reasons() == set()
