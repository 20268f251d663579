"""What becomes of delivered zips: seen on the server, remembered, told once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sisdrop.delivery.phases import Phase
from sisdrop.delivery.remote import Fate, fate
from sisdrop.errors import Reason
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, Pickup, State
from sisdrop.requests import Command
from support.fake_server import lost, refused
from support.killing import Death, Killed, dying
from support.reader import people
from support.world import PROBE, World, folder_in_memory

STREAMS = [
    {"name": "students", "match": ["student*.xml"]},
    {"name": "staff", "match": ["staff*.xml"]},
]
HOUR = 3600.0
INTERVAL = 600.0
SETTINGS: dict[str, Any] = {"streams": STREAMS}


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder, **SETTINGS) as made:
        yield made


def dropped(world: World, name: str = "students.xml", made: str = "person") -> FileRow:
    world.drop(people(10, made), name)
    world.run()
    return world.rows()[-1]


def look(world: World, after: float = INTERVAL) -> None:
    world.clock.advance(after)
    world.deliver()


def fetch(world: World, row: FileRow, ending: str = ".old") -> None:
    """Alma fetches it: the name that it had gets an ending, or is gone."""
    content = world.server.files.pop(row.remote_name or "")
    if ending:
        world.server.files[f"{row.remote_name}{ending}"] = content


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"a.zip"}, Fate(Pickup.WAITING)),
        ({"a.zip", "a.zip.old"}, Fate(Pickup.WAITING)),
        ({"a.zip.old"}, Fate(Pickup.PICKED_UP, "a.zip.old")),
        ({"a.zip.handled"}, Fate(Pickup.PICKED_UP, "a.zip.handled")),
        ({"a.zip.20261127.old"}, Fate(Pickup.PICKED_UP, "a.zip.20261127.old")),
        ({"b.zip", ".a.zip.part", "a.zi"}, Fate(Pickup.VANISHED)),
        (set(), Fate(Pickup.VANISHED)),
    ],
)
def test_names_tell_what_became_of_a_zip(names: set[str], found: Fate) -> None:
    assert fate("a.zip", names) == found


def test_what_was_delivered_waits_until_it_is_seen_to_be_fetched(world: World) -> None:
    row = dropped(world)
    assert (row.state, row.pickup) == (State.ARCHIVED, Pickup.WAITING)
    look(world)
    assert world.get(row).pickup is Pickup.WAITING
    fetch(world, row)
    look(world)
    found = world.get(row)
    assert (found.pickup, found.pickup_at) == (Pickup.PICKED_UP, world.clock.utc())
    assert found.taken_as == f"{row.remote_name}.old"
    assert world.log.count(LogEvent.PICKUP_SEEN) == 1
    series = 'last_pickup_timestamp_seconds{stream="students"}'
    assert world.metric(series) == world.clock.utc().timestamp()
    assert world.ledger.last_pickup("students") == world.clock.utc()
    assert world.ledger.last_pickup("staff") is None


def test_what_is_gone_without_trace_is_told_as_probably_fetched(world: World) -> None:
    row = dropped(world)
    fetch(world, row, ending="")
    look(world)
    assert world.get(row).pickup is Pickup.VANISHED
    assert world.log.count(LogEvent.PICKUP_VANISHED) == 1
    assert world.metric('last_pickup_timestamp_seconds{stream="students"}') == 0


def test_nothing_is_touched_and_nobody_asks_once_nothing_waits(world: World) -> None:
    row = dropped(world)
    world.server.files["else.zip"] = b"of others"
    fetch(world, row)
    before = dict(world.server.files)
    look(world)
    asked = world.server.connects
    look(world)
    assert world.server.connects == asked
    assert world.server.files == before


def test_the_server_is_asked_no_more_often_than_the_settings_say(world: World) -> None:
    dropped(world)
    look(world)
    asked = world.server.connects
    look(world, after=INTERVAL - 1)
    assert world.server.connects == asked
    look(world, after=1)
    assert world.server.connects == asked + 1


def test_nothing_is_overdue_before_a_first_pickup_was_seen(world: World) -> None:
    """Whether this server's receiver renames anything is not known until then."""
    row = dropped(world)
    look(world, after=30 * HOUR)
    assert world.get(row).pickup is Pickup.WAITING


def test_what_is_left_lying_is_overdue_and_then_fetched_after_all(world: World) -> None:
    first = dropped(world)
    fetch(world, first)
    look(world)
    second = dropped(world, made="other")
    look(world, after=26 * HOUR)
    look(world)
    assert world.get(second).pickup is Pickup.OVERDUE
    assert world.log.count(LogEvent.PICKUP_OVERDUE) == 1
    world.shop.rounds.gauge_round(world.data)
    assert world.metric('pickup_overdue_files{stream="students"}') == 1
    assert world.metric('pickup_overdue_files{stream="staff"}') == 0
    world.restart(**SETTINGS)
    look(world)
    assert world.log.count(LogEvent.PICKUP_OVERDUE) == 1
    fetch(world, second)
    look(world)
    world.shop.rounds.gauge_round(world.data)
    assert world.get(second).pickup is Pickup.PICKED_UP
    assert world.metric('pickup_overdue_files{stream="students"}') == 0


def test_whenever_the_process_dies_while_it_looks_the_next_look_knows_and_has_told(
    tmp_path: Path,
) -> None:
    """The proof that pickups show here, and what became of each zip, are remembered apart."""
    deaths, is_over = 0, False
    while not is_over:
        with World(_folder(tmp_path, deaths), **SETTINGS) as world:
            rows = [dropped(world), dropped(world, "staff.xml", made="other")]
            for row in rows:
                fetch(world, row)
            world.clock.advance(INTERVAL)
            try:
                with dying(Death(deaths)):
                    world.deliver()
                is_over = True
            except Killed:
                deaths += 1
            world.restart(**SETTINGS)
            look(world)
            assert [world.get(row).pickup for row in rows] == [Pickup.PICKED_UP] * 2
            assert world.log.count(LogEvent.PICKUP_SEEN) >= len(rows)
    assert deaths > 2  # the proof, and each of the two


def _folder(base: Path, number: int) -> Path:
    folder = base / str(number)
    folder.mkdir()
    return folder


def test_what_is_sent_again_waits_again(world: World) -> None:
    row = dropped(world)
    fetch(world, row)
    look(world)
    assert world.ask(Command.RESEND, file_id=row.id, reason="Alma lost it").done
    world.deliver()
    again = world.get(row)
    assert (again.pickup, again.pickup_at, again.taken_as) == (Pickup.WAITING, None, None)
    assert again.earlier[0].pickup is Pickup.PICKED_UP


def test_a_look_that_fails_is_told_once_and_stops_no_delivery(world: World) -> None:
    dropped(world)
    world.server.failing[Phase.FOLDER] = lost(Phase.FOLDER)
    look(world)
    look(world)
    assert world.log.count(LogEvent.PICKUP_FAILED) == 1
    assert world.situation.reasons() == {Reason.CONNECTION_LOST}
    world.server.failing.clear()
    look(world)
    assert world.situation.reasons() == set()


def test_a_look_never_tries_a_refused_login_more_often_than_a_delivery_may(world: World) -> None:
    """Each attempt counts, or the account is locked."""
    dropped(world)
    world.server.failing[Phase.LOGIN] = refused(Phase.LOGIN)
    look(world)
    asked = world.server.connects
    world.drop(people(10, "other"), "staff.xml")
    for _ in range(8):
        world.scan()
        world.work()
        world.deliver()
    assert world.server.connects == asked
    assert world.situation.reasons() == {Reason.AUTH}
    look(world, after=PROBE)
    assert world.server.connects == asked + 1


def test_nobody_looks_where_the_settings_say_so(tmp_path: Path) -> None:
    with World(tmp_path, pickup={"watch": False}) as world:
        row = dropped(world)
        fetch(world, row)
        asked = world.server.connects
        look(world)
        assert (world.server.connects, world.get(row).pickup) == (asked, Pickup.WAITING)


def test_in_turn_a_stream_waits_until_the_earlier_one_was_fetched(tmp_path: Path) -> None:
    with World(tmp_path, **SETTINGS, sftp={"wait_for_pickup": True}) as world:
        first = dropped(world, "students.xml")
        second = dropped(world, "staff.xml", made="other")
        assert second.state is State.QUEUED
        assert second.hint == f"it waits until Alma has fetched the file {first.id}"
        fetch(world, first)
        look(world)
        found = world.get(second)
        assert (found.state, found.hint) == (State.ARCHIVED, None)


def test_in_turn_the_earlier_stream_waits_for_nobody(tmp_path: Path) -> None:
    with World(tmp_path, **SETTINGS, sftp={"wait_for_pickup": True}) as world:
        dropped(world, "staff.xml")
        assert dropped(world, "students.xml", made="other").state is State.ARCHIVED


def test_two_that_are_queued_together_go_one_after_the_other(tmp_path: Path) -> None:
    with World(tmp_path, **SETTINGS, sftp={"wait_for_pickup": True}) as world:
        world.drop(people(10, "a"), "staff.xml")
        world.drop(people(10, "b"), "students.xml")
        world.run()
        states = {row.stream: row.state for row in world.rows()}
        assert states == {"students": State.ARCHIVED, "staff": State.QUEUED}
