"""What our reports foretell is what Alma's job reports say, over whole terms."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sisdrop.model import State
from support.alma import Alma, Rejection, Summary
from support.invented.faults import FAULTS
from support.nights import Campus, Pace
from support.stories import comes_back, goes_down
from support.true_world import TrueWorld
from support.world import World, folder_in_memory, plain_pages

NIGHTS = 12
# What Alma itself would reject: it must not make a difference whether we or Alma leave it out.
ALMAS_OWN = [
    fault
    for fault in FAULTS
    if fault.rule
    in {
        "alma.duplicate-primary-id",
        "alma.duplicate-identifier",
        "alma.blank-identifier",
        "alma.blank-statistic",
    }
]


@pytest.fixture
def world() -> Iterator[World]:
    settings: dict[str, Any] = {
        "guard": {"first_load": "deliver"},
        "validation": {"max_left_out": "off"},
    }
    with folder_in_memory() as folder, plain_pages(), TrueWorld(folder, **settings) as world:
        yield world


def sent(world: World, extract: bytes) -> Mapping[str, Any]:
    """A file is dropped; nothing keeps it from going out but the server."""
    world.drop(extract)
    world.run()
    row = world.rows()[-1]
    assert row.state in (State.ARCHIVED, State.QUEUED), row
    return world.report(row)


def foretold(report: Mapping[str, Any]) -> tuple[int, int, int]:
    """Who is new, changed and unchanged."""
    compared = report["compared_with"] or {"new": report["records"]["delivered"]}
    return compared["new"], compared.get("changed", 0), compared.get("unchanged", 0)


def told(summary: Summary) -> tuple[int, int, int]:
    """The same in Alma's report, with those whom Alma knew and the last file did not hold."""
    unchanged_returned = summary.returned - summary.returned_changed
    return (
        summary.created + summary.returned,
        summary.updated - summary.returned_changed,
        summary.unchanged - unchanged_returned,
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_a_report_foretells_is_what_alma_reports(world: World, seed: int) -> None:
    """Whoever stays away does not come back: then created, updated and unchanged are exact."""
    alma, pace = Alma(), Pace(repeats=2)
    for extract in Campus(seed, pace).nights(NIGHTS):
        report = sent(world, extract)
        (summary,) = alma.visit_server(world.server)
        assert (summary.created, summary.updated, summary.unchanged) == foretold(report)
        assert report["records"]["delivered"] == summary.loaded
        assert report["records"]["duplicates"] == pace.repeats
        assert report["records"]["left_out"] == summary.rejected.total() == 0
        assert (report["compared_with"] or {}).get("absent", pace.leave) == pace.leave
        assert summary.entries == (report["zip"]["entry"],)


@pytest.mark.parametrize("seed", range(3))
def test_who_comes_back_is_new_to_the_file_and_known_to_alma(world: World, seed: int) -> None:
    """Whoever was away or left out for a night: that, and nothing else, is what differs."""
    alma, returned = Alma(), 0
    for extract in Campus(seed, Pace(come_back=1, faults=4, repeats=1)).nights(NIGHTS):
        report = sent(world, extract)
        (summary,) = alma.visit_server(world.server)
        assert told(summary) == foretold(report)
        assert summary.rejected.total() == 0
        returned += summary.returned
    assert returned


def test_after_an_outage_the_report_compares_with_what_alma_has(world: World) -> None:
    """Of the files of several nights one goes out, and foretells what it changes for Alma."""
    alma, loads = Alma(), 0
    for night, extract in enumerate(Campus(5, Pace(repeats=1)).nights(NIGHTS)):
        (goes_down if night % 4 in (1, 2) else comes_back)(world)
        sent(world, extract)
        for summary in alma.visit_server(world.server):
            (row,) = [row for row in world.rows() if row.remote_name == summary.zip_name]
            report = world.report(row)
            assert (summary.created, summary.updated, summary.unchanged) == foretold(report)
            loads += 1
    assert len(world.names(State.SUPERSEDED)) == NIGHTS // 4 == NIGHTS - loads


@pytest.mark.parametrize("seed", range(3))
def test_what_we_leave_out_alma_would_have_rejected(world: World, seed: int) -> None:
    """Alma's table is the same as if it had been given the files as they were dropped."""
    alma, bare = Alma(), Alma()
    for extract in Campus(seed, Pace(faults=12, repeats=4, kinds=ALMAS_OWN)).nights(6):
        report = sent(world, extract)
        (summary,) = alma.visit_server(world.server)
        raw = bare.load_xml(extract)
        assert summary.rejected.total() == 0
        assert told(summary) == told(raw) == foretold(report)
        records = report["records"]
        assert raw.rejected.total() == records["left_out"] + records["duplicates"]
        assert raw.rejected[Rejection.TAKEN_IN_FEED] >= records["duplicates"] > 0
        assert alma.users == bare.users
