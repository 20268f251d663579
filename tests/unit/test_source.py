from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.health import CheckName
from sisdrop.ledger import Ledger
from sisdrop.lock import Lock
from sisdrop.model import State
from sisdrop.situation import Situation
from sisdrop.source import BEAT_LIMIT, Source, Terms
from support.clock import START, FakeClock
from support.expecting import expecting
from support.rows import file_id, put

STALE_AFTER = 60.0


class House:
    """A data folder with its ledger, a lock, a situation, a clock, and the source over them."""

    def __init__(self, data: Path) -> None:
        self.clock = FakeClock()
        self.situation = Situation()
        self.lock = Lock(data)
        self.ledger = Ledger(data / "ledger.sqlite3")
        self.beat = self.clock.monotonic()
        terms = Terms(data, expecting("students"), "deliver", STALE_AFTER)
        self.source = Source(terms, self.lock, self.situation, self.clock)

    def begin(self) -> None:
        """The service begins, and everything is well."""
        self.lock.acquire()
        self.source.begin(self.ledger, lambda: self.beat)
        self.situation.scanned(self.clock.utc(), (), ())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.lock.release()
    made.ledger.close()


def bad(source: Source) -> set[str]:
    return {name for name, check in source.readiness().checks.items() if not check.ok}


def test_a_service_where_all_is_well_is_ready(house: House) -> None:
    house.begin()
    assert house.source.readiness().ok
    assert set(house.source.readiness().checks) == set(CheckName)


def test_a_service_that_stands_by_is_alive_and_not_ready(house: House) -> None:
    assert house.source.liveness().ok
    assert bad(house.source) == {CheckName.LOCK, CheckName.LEDGER, CheckName.SHARE}


def test_a_service_that_stands_by_has_nothing_to_show_and_says_why(house: House) -> None:
    for ask in (
        house.source.status,
        lambda: house.source.files(None, 10),
        lambda: house.source.file("x"),
    ):
        with pytest.raises(NeedsOperator, match="another instance") as caught:
            ask()
        assert caught.value.reason is Reason.LEDGER_UNUSABLE


@pytest.mark.parametrize(("pause", "ok"), [(BEAT_LIMIT, True), (BEAT_LIMIT + 1, False)])
def test_a_loop_that_does_not_pass_is_not_alive(house: House, pause: float, ok: bool) -> None:
    house.begin()
    house.clock.advance(pause)
    assert house.source.liveness().ok is ok


def test_liveness_does_not_ask_the_wall_clock(house: House) -> None:
    house.begin()
    house.clock.set_wall_clock(START + timedelta(days=9))
    assert house.source.liveness().ok


@pytest.mark.parametrize(("age", "ok"), [(STALE_AFTER, True), (STALE_AFTER + 1, False)])
def test_an_inbox_that_nobody_looks_at_is_not_ready(house: House, age: float, ok: bool) -> None:
    house.begin()
    house.clock.advance(age)
    assert (bad(house.source) == set()) is ok


def test_readiness_says_what_is_wrong_with_the_share(house: House) -> None:
    gone = Transient(Reason.SHARE_GONE, "the share of /inbox does not answer; check its mount")
    house.situation.block("share", gone, house.clock.utc())
    house.situation.share_lost()
    assert house.source.readiness().checks[CheckName.SHARE].detail == gone.hint


def test_a_lost_share_is_not_ready(house: House) -> None:
    house.begin()
    house.situation.share_lost()
    assert bad(house.source) == {CheckName.SHARE}


def test_a_ledger_that_cannot_be_written_is_not_ready(house: House) -> None:
    house.begin()
    house.ledger._db.execute("PRAGMA query_only=1")
    assert bad(house.source) == {CheckName.LEDGER}


def test_a_data_folder_that_is_gone_is_not_ready(tmp_path: Path) -> None:
    clock, lock = FakeClock(), Lock(tmp_path)
    terms = Terms(tmp_path / "gone", {}, "deliver", STALE_AFTER)
    checks = Source(terms, lock, Situation(), clock).readiness().checks
    assert not checks[CheckName.DATA].ok
    assert "user" in checks[CheckName.DATA].detail


def test_a_trouble_of_the_server_alone_does_not_make_it_unready(house: House) -> None:
    house.begin()
    house.situation.block("students", NeedsOperator(Reason.AUTH, "no key"), house.clock.utc())
    assert house.source.readiness().ok
    assert [b.reason for b in house.source.status().blocked] == [Reason.AUTH]


def test_files_are_listed_in_one_state_or_in_any(house: House) -> None:
    house.begin()
    for hours, state in enumerate((State.HELD, State.ARCHIVED, State.HELD)):
        put(house.ledger, state, hours)
    listed = house.source.files
    assert [f.id for f in listed(None, 10)] == [file_id(2), file_id(1), file_id(0)]
    assert [f.id for f in listed(State.HELD, 10)] == [file_id(2), file_id(0)]
    assert [f.id for f in listed(State.HELD, 1)] == [file_id(2)]


def test_one_file_tells_its_story(house: House) -> None:
    house.begin()
    put(house.ledger, State.HELD)
    story = house.source.file(file_id())
    assert story is not None
    assert len(story.events) == 3
    assert house.source.file("nobody") is None


def test_the_status_is_that_of_now(house: House) -> None:
    house.begin()
    status = house.source.status()
    assert (status.now, status.mode, status.last_scan) == (START, "deliver", START)
    assert [stream.name for stream in status.streams] == ["students"]
