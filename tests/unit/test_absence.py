from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sisdrop.absence import Absence
from sisdrop.expectation import Expect
from sisdrop.ledger import Ledger
from sisdrop.log import Log, LogEvent
from sisdrop.metrics import Metrics
from sisdrop.model import State
from support.clock import START
from support.expecting import expect, expecting
from support.reader import people
from support.rows import file_id, put
from support.world import Recorder, World, folder_in_memory

DAY = timedelta(days=1)
DAILY = expect(every=DAY)


class House:
    """A ledger that is looked at, now and then by a service that was started anew."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path)
        self.metrics = Metrics(["students"], "0", "3")
        self.expect: Expect = DAILY
        self.restart()

    def restart(self) -> None:
        """Forget all but the ledger."""
        self.log = Recorder()
        expects = {"students": self.expect}
        self.absence = Absence(self.ledger, self.metrics, Log(self.log), expects)

    def look(self, days: float) -> list[str]:
        """What is news so many days after the start."""
        told = len(self.log.lines)
        self.absence.look(at(days))
        return [f"{line['level']} {line['event']}" for line in self.log.lines[told:]]

    def gauge(self, name: str) -> float:
        """A gauge of the stream."""
        page = self.metrics.render()[0].decode()
        (line,) = [
            line
            for line in page.splitlines()
            if line.startswith(f'sisdrop_{name}{{stream="students"}}')
        ]
        return float(line.split()[-1])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path / "ledger.sqlite3")
    yield found
    found.ledger.close()


def at(days: float) -> datetime:
    return START + days * DAY


def test_the_gauge_says_when_the_next_file_should_have_come(house: House) -> None:
    put(house.ledger, State.DUPLICATE, 24)
    assert house.look(1.5) == []
    assert house.gauge("next_expected_timestamp_seconds") == at(2).timestamp()
    house.look(4)
    assert house.gauge("next_expected_timestamp_seconds") == at(2).timestamp()


def test_an_absence_is_told_once_and_its_end_once(house: House) -> None:
    put(house.ledger, State.ARCHIVED, 24)
    assert house.look(2) == []
    assert house.look(2.01) == ["warning stream.overdue"]
    assert house.log.lines[-1]["stream"] == "students"
    assert house.log.lines[-1]["age_seconds"] == pytest.approx(1.01 * 86400)
    assert house.look(3) == []
    put(house.ledger, State.HELD, 24 * 3.5)
    assert house.look(3.6) == ["info stream.resumed"]
    assert house.look(3.7) == []
    assert house.look(4.6) == ["warning stream.overdue"]


def test_a_restart_tells_nothing_again(house: House) -> None:
    put(house.ledger, State.ARCHIVED, 24)
    house.look(3)
    house.restart()
    assert house.look(4) == []
    put(house.ledger, State.ARCHIVED, 24 * 5)
    house.restart()
    assert house.look(5) == ["info stream.resumed"]
    house.restart()
    assert house.look(5.1) == []


def test_a_file_that_never_came_is_missed_too(house: House) -> None:
    assert house.look(0) == []
    assert house.gauge("next_expected_timestamp_seconds") == at(1).timestamp()
    house.restart()
    assert house.look(1.1) == ["warning stream.overdue"]


def test_another_absence_after_an_outage_of_ours_is_told_as_its_own(house: House) -> None:
    put(house.ledger, State.ARCHIVED, 24)
    house.look(3)
    put(house.ledger, State.ARCHIVED, 24 * 3.1)
    assert house.look(9) == ["warning stream.overdue"]


def test_an_absence_that_the_settings_end_is_not_told_as_a_file(house: House) -> None:
    put(house.ledger, State.ARCHIVED, 24)
    house.look(3)
    house.expect = expect(every=30 * DAY)
    house.restart()
    assert house.look(4) == []
    house.expect = DAILY
    house.restart()
    assert house.look(5) == ["warning stream.overdue"]


def test_files_that_are_all_the_same_are_told_once(house: House) -> None:
    house.expect = expect(every=30 * DAY, unchanged_for=7 * DAY)
    house.restart()
    put(house.ledger, State.ARCHIVED, 0)
    put(house.ledger, State.DUPLICATE, 24 * 8, duplicate_of=file_id(0))
    assert house.look(8) == ["warning stream.unchanged"]
    assert house.gauge("content_unchanged") == 1
    house.restart()
    assert house.look(9) == []
    put(house.ledger, State.ARCHIVED, 24 * 10)
    assert house.look(10) == []
    assert house.gauge("content_unchanged") == 0


def test_a_ledger_that_cannot_be_written_makes_no_noise(house: House, tmp_path: Path) -> None:
    put(house.ledger, State.ARCHIVED, 24)
    with Ledger(tmp_path / "ledger.sqlite3", read_only=True) as read_only:
        house.ledger.close()
        house.ledger = read_only
        house.restart()
        assert house.look(3) == ["warning stream.overdue"]
        assert house.look(4) == []


def test_each_stream_is_looked_at(tmp_path: Path) -> None:
    log = Recorder()
    with Ledger(tmp_path / "ledger.sqlite3") as ledger:
        metrics = Metrics(["students", "staff"], "0", "3")
        expects: dict[str, Any] = expecting("students", "staff", every=DAY)
        absence = Absence(ledger, metrics, Log(log), expects)
        absence.look(START)
        put(ledger, State.ARCHIVED, 24)
        absence.look(at(1.5))
    assert [line["stream"] for line in log.lines] == ["staff"]


def test_the_running_service_tells_of_an_absence_and_at_once_of_its_end() -> None:
    daily = {"every": "24h", "unchanged_for": "36h"}
    with folder_in_memory() as folder, World(folder, expect=daily) as world:
        world.drop(people(5))
        world.run()
        came = world.only(State.ARCHIVED).claimed_at
        world.clock.advance(2 * 86400)
        world.shop.rounds.gauge_round(world.data)
        assert world.log.count(LogEvent.STREAM_OVERDUE) == 1
        expected = world.metric('next_expected_timestamp_seconds{stream="patrons"}')
        assert expected == (came + DAY).timestamp()
        world.drop(people(5))
        while world.log.count(LogEvent.FILE_CLAIMED) != 2:
            world.scan()
        assert world.log.count(LogEvent.STREAM_RESUMED) == 1
        world.run()
        assert world.states() == [State.ARCHIVED, State.DUPLICATE]
        world.shop.rounds.gauge_round(world.data)
        assert world.log.count(LogEvent.STREAM_UNCHANGED) == 1
        assert world.metric('content_unchanged{stream="patrons"}') == 1
