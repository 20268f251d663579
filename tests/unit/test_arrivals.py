from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sisdrop.arrivals import expects_of, standing, watch_from
from sisdrop.expectation import Expect, Standing
from sisdrop.ledger import Ledger
from sisdrop.model import State
from sisdrop.settings import Settings
from sisdrop.units import parse_date_range
from support.clock import START
from support.expecting import expect
from support.rows import a_claim, file_id, put

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY = expect(every=DAY, unchanged_for=7 * DAY)
NOW = START + 30 * DAY


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite3") as opened:
        yield opened


def stands(ledger: Ledger, **changes: object) -> Standing:
    return standing(ledger, "students", expect(every=DAY, **changes), NOW)


def test_the_settings_say_what_is_expected_of_each_stream() -> None:
    found = expects_of(
        Settings.model_validate(
            {
                "inbox": {"path": "/inbox"},
                "data": "/data",
                "sftp": {"host": "h", "username": "u", "key": "/k", "known_hosts": "/kh"},
                "timezone": "America/Chicago",
                "streams": [
                    {"name": "plain", "match": ["p*"]},
                    {
                        "name": "own",
                        "match": ["o*"],
                        "expect": {
                            "every": "24h",
                            "grace": "6h",
                            "days": ["fri", "mon"],
                            "pause": ["2026-12-24/2027-01-02"],
                            "unchanged_for": "7d",
                        },
                    },
                ],
            }
        )
    )
    chicago = ZoneInfo("America/Chicago")
    pause = parse_date_range("2026-12-24/2027-01-02")
    assert found == {
        "plain": expect(zone=chicago),
        "own": Expect(DAY, 6 * HOUR, frozenset({0, 4}), (pause,), chicago, 7 * DAY),
    }


@pytest.mark.parametrize("state", list(State))
def test_a_file_has_come_whatever_becomes_of_it(ledger: Ledger, state: State) -> None:
    put(ledger, state, 24)
    assert stands(ledger).last_came == START + DAY
    assert stands(ledger).deadline == START + 2 * DAY


def test_the_newest_file_of_the_stream_itself_counts(ledger: Ledger) -> None:
    put(ledger, State.ARCHIVED, 3)
    put(ledger, State.REJECTED, 5)
    put(ledger, State.ARCHIVED, 7, a_claim(7, stream="staff"))
    assert stands(ledger).last_came == START + 5 * HOUR


def test_a_file_of_the_future_is_not_the_last_one(ledger: Ledger) -> None:
    """The clock was wrong when it came; else nothing would be missed for years."""
    put(ledger, State.ARCHIVED, 24)
    put(ledger, State.ARCHIVED, 24 * 4000)
    assert stands(ledger).last_came == START + DAY


def test_a_file_of_this_very_moment_has_come(ledger: Ledger) -> None:
    put(ledger, State.CLAIMED, 24 * 30)
    assert stands(ledger).last_came == NOW


def test_a_stream_is_watched_since_it_was_first_seen(ledger: Ledger) -> None:
    assert stands(ledger).deadline is None
    watch_from(ledger, "students", START)
    watch_from(ledger, "students", START + DAY)
    assert stands(ledger).watched_since == START
    assert stands(ledger).deadline == START + DAY
    assert standing(ledger, "staff", DAILY, NOW).deadline is None


def test_a_stream_watched_since_the_future_is_watched_from_now(ledger: Ledger) -> None:
    watch_from(ledger, "students", START + 4000 * DAY)
    watch_from(ledger, "students", START)
    assert stands(ledger).watched_since == START


def test_a_repeat_leads_back_to_the_file_that_it_repeats(ledger: Ledger) -> None:
    put(ledger, State.ARCHIVED, 0)
    for days in range(1, 9):
        put(ledger, State.DUPLICATE, 24 * days, duplicate_of=file_id(0))
    week = 7 * DAY
    assert stands(ledger, unchanged_for=week).unchanged_since == START
    assert stands(ledger, unchanged_for=9 * DAY).unchanged_since is None
    assert stands(ledger).unchanged_since is None


def test_a_file_that_nobody_has_judged_yet_does_not_end_the_sameness(ledger: Ledger) -> None:
    put(ledger, State.ARCHIVED, 0)
    put(ledger, State.DUPLICATE, 24 * 8, duplicate_of=file_id(0))
    put(ledger, State.CLAIMED, 24 * 9)
    assert stands(ledger, unchanged_for=7 * DAY).unchanged_since == START
    put(ledger, State.ARCHIVED, 24 * 10)
    assert stands(ledger, unchanged_for=7 * DAY).unchanged_since is None


def test_a_repeat_of_what_the_ledger_does_not_know_says_nothing(ledger: Ledger) -> None:
    put(ledger, State.DUPLICATE, 24 * 9, duplicate_of="gone")
    assert stands(ledger, unchanged_for=7 * DAY).unchanged_since is None
