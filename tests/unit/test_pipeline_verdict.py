import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sisdrop.archive import ORIGINAL
from sisdrop.delivery.phases import Phase
from sisdrop.errors import NeedsOperator, Reason
from sisdrop.inbox.share import Share
from sisdrop.model import FileRow, State
from support.clock import START
from support.fake_server import lost
from support.laws import check_laws
from support.reader import kept, people, touch
from support.world import World, folder_in_memory

FIRST, SECOND, THIRD = people(10, "first"), people(10, "second"), people(10, "third")
FEW = people(5, "few")


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder) as made:
        yield made


def dropped(world: World, *contents: bytes) -> None:
    for content in contents:
        world.drop(content)
        world.run()


def filed(world: World, row: FileRow) -> list[str]:
    return sorted(path.name for path in (world.data / (row.folder or "")).iterdir())


def refined(world: World, content: bytes = SECOND) -> FileRow:
    """A file that is read and not judged yet."""
    world.drop(content)
    world.scan()
    world.scan()
    row = world.shop.stages.intake.refine(world.only(State.CLAIMED))
    assert row is not None
    return row


# Each decision.


def test_what_is_sent_whole_is_kept_as_its_zip(world: World) -> None:
    dropped(world, FIRST)
    row = world.only(State.ARCHIVED)
    assert filed(world, row) == [
        f"{row.id}.zip",
        *("manifest.json", "refined.json", "report.html", "report.json", "roster.bin", "row.json"),
    ]
    assert list(world.sent().values()) == [FIRST]
    check_laws(world, [FIRST])


def test_where_records_are_left_out_the_original_is_kept_beside_the_zip(world: World) -> None:
    mixed = people(20, bad=1)
    dropped(world, mixed)
    row = world.only(State.ARCHIVED)
    original = world.data / (row.folder or "") / ORIGINAL
    assert gzip.decompress(original.read_bytes()) == mixed
    assert list(world.sent().values()) == [kept(mixed)]
    check_laws(world, [mixed])


def test_what_is_rejected_lies_untouched_beside_its_report_and_has_no_zip(world: World) -> None:
    none_good = people(0, bad=3)
    dropped(world, b"<library/>", none_good)
    wrong, empty = world.ledger.in_states(State.REJECTED)
    assert (wrong.reason, empty.reason) == (Reason.XML_WRONG_ROOT, Reason.NO_DELIVERABLE_RECORDS)
    assert world.share.rejected(empty.id, empty.name).read_bytes() == none_good
    assert len(world.listing("rejected")) == 4
    assert world.server.names == []
    assert world.metric('rejections_total{reason="xml_wrong_root",stream="patrons"}') == 1
    check_laws(world, [b"<library/>", none_good])


def test_a_repeat_is_not_sent_and_needs_no_second_copy(world: World) -> None:
    dropped(world, FIRST, FIRST)
    first, again = world.rows()
    assert again.state is State.DUPLICATE
    assert again.duplicate_of == first.id
    assert f"{again.id}.zip" not in filed(world, again)
    assert len(world.server.names) == 1
    check_laws(world, [FIRST])


@pytest.mark.parametrize("content", [FIRST, people(20, bad=1)], ids=["whole", "left out"])
def test_a_repeat_of_what_was_purged_is_kept_in_its_place(world: World, content: bytes) -> None:
    dropped(world, content)
    row = world.only(State.ARCHIVED)
    world.shop.kit.archive.remove(row)
    world.ledger.update(row, purged_at=START)
    dropped(world, content)
    again = world.only(State.DUPLICATE)
    assert world.shop.kit.archive.holds_original(again)
    assert len(world.server.names) == 1


def test_a_held_file_lies_beside_its_report_with_the_sentences_that_say_why(world: World) -> None:
    dropped(world, FIRST, FEW)
    row = world.only(State.HELD)
    assert row.reason is Reason.SHRUNK
    assert "10 people last time, 5 now" in row.held_for[0].sentence
    assert world.listing("held") == sorted(
        [world.held(row).name, world.share.report_beside(world.held(row), row.id, row.name).name]
    )
    check_laws(world, [FIRST, FEW])


# Nothing is decided on other bytes than those that were read.


@pytest.mark.parametrize("content", [SECOND, people(20, bad=1), FIRST], ids=str)
def test_a_file_that_changed_after_it_was_read_is_read_again(world: World, content: bytes) -> None:
    dropped(world, FIRST)
    row = refined(world, content)
    world.share.work(row.id).write_bytes(THIRD)
    world.run()
    assert world.states() == [State.ARCHIVED, State.ARCHIVED]
    assert sorted(world.sent().values()) == [FIRST, THIRD]


def test_what_was_read_by_another_version_is_read_again(world: World) -> None:
    row = refined(world)
    (world.shop.kit.archive.outgoing(row.id) / "refined.json").write_text("{}")
    world.run()
    assert world.states() == [State.ARCHIVED]


# The newer file replaces the older ones that wait.


def outage(world: World) -> None:
    world.server.failing[Phase.CONNECT] = lost(Phase.CONNECT)


def test_after_an_outage_one_file_of_a_stream_goes_out(world: World) -> None:
    outage(world)
    dropped(world, FIRST, SECOND, THIRD)
    assert world.states() == [State.SUPERSEDED, State.SUPERSEDED, State.QUEUED]
    first = world.rows()[0]
    assert first.hint == f"the newer file {world.rows()[1].id} was accepted"
    world.server.failing.clear()
    world.run()
    assert list(world.sent().values()) == [THIRD]
    check_laws(world, [FIRST, SECOND, THIRD])


def test_a_held_file_is_replaced_and_nobody_is_asked_about_it_any_more(world: World) -> None:
    dropped(world, FIRST, people(4, "held", bad=1), SECOND)
    assert world.states() == [State.ARCHIVED, State.SUPERSEDED, State.ARCHIVED]
    assert world.listing("held") == []
    check_laws(world, [FIRST, people(4, "held", bad=1), SECOND])


def test_a_repeat_does_not_replace_the_very_file_that_it_repeats(world: World) -> None:
    outage(world)
    dropped(world, FIRST, SECOND, SECOND)
    assert world.states() == [State.SUPERSEDED, State.QUEUED, State.DUPLICATE]
    world.server.failing.clear()
    world.run()
    assert list(world.sent().values()) == [SECOND]
    check_laws(world, [FIRST, SECOND])


def test_a_repeat_of_what_was_sent_last_replaces_what_waits_as_well(world: World) -> None:
    """Tonight's file says again what Alma holds: Monday's odd one is not asked about any more."""
    dropped(world, FIRST, FEW, FIRST)
    assert world.states() == [State.ARCHIVED, State.SUPERSEDED, State.DUPLICATE]
    assert list(world.sent().values()) == [FIRST]
    check_laws(world, [FIRST, FEW, FIRST])


def test_files_that_wait_in_the_queue_do_not_stretch_the_limits(world: World) -> None:
    """20 loaded, 17 queued, 14 now: 30 % fewer, though no step is more than 18 %."""
    dropped(world, people(20, "loaded"))
    outage(world)
    dropped(world, people(17, "queued"), people(14, "now"))
    assert world.states() == [State.ARCHIVED, State.QUEUED, State.HELD]
    assert world.only(State.HELD).reason is Reason.SHRUNK


def test_a_held_file_that_was_saved_without_a_change_is_replaced_as_well(world: World) -> None:
    dropped(world, FIRST, FEW)
    touch(world.held(world.only(State.HELD)))
    dropped(world, SECOND)
    assert world.states() == [State.ARCHIVED, State.SUPERSEDED, State.ARCHIVED]
    check_laws(world, [FIRST, FEW, SECOND])


def test_a_held_file_that_was_edited_stays_for_a_person(world: World) -> None:
    dropped(world, FIRST, FEW)
    row = world.only(State.HELD)
    world.held(row).write_bytes(people(6, "edited"))
    dropped(world, SECOND)
    assert world.states() == [State.ARCHIVED, State.HELD, State.ARCHIVED]
    assert world.held(row).read_bytes() == people(6, "edited")


def test_a_held_file_that_may_not_be_read_does_not_keep_the_newer_one_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped(world, FIRST, FEW)
    touch(world.held(world.only(State.HELD)))

    def denied(*_: object) -> None:
        raise NeedsOperator(Reason.SHARE_PERMISSION, "give it that right")

    monkeypatch.setattr(Share, "recognise", denied)
    dropped(world, SECOND)
    assert world.states() == [State.ARCHIVED, State.HELD, State.ARCHIVED]


def test_a_file_that_may_stand_on_the_server_already_goes_out_first(world: World) -> None:
    world.server.failing_after[Phase.RENAME] = lost(Phase.RENAME)
    world.server.breaking_down = True
    dropped(world, FIRST, SECOND, THIRD)
    assert world.states() == [State.QUEUED, State.SUPERSEDED, State.QUEUED]
    world.server.failing.clear()
    world.server.failing_after.clear()
    world.run()
    assert world.states() == [State.ARCHIVED, State.SUPERSEDED, State.ARCHIVED]
    assert list(world.sent().values()) == [FIRST, THIRD]
    check_laws(world, [FIRST, SECOND, THIRD])


def test_in_a_stream_of_changes_nothing_replaces_anything(tmp_path: Path) -> None:
    changes = [{"name": "changes", "match": ["*.xml"], "kind": "changes"}]
    with World(tmp_path, streams=changes) as world:
        outage(world)
        dropped(world, FIRST, FEW, SECOND)
        world.server.failing.clear()
        world.run()
        assert list(world.sent().values()) == [FIRST, FEW, SECOND]


def test_another_streams_files_are_not_replaced(tmp_path: Path) -> None:
    streams = [{"name": "staff", "match": ["staff*"]}, {"name": "students", "match": ["*.xml"]}]
    with World(tmp_path, streams=streams) as world:
        outage(world)
        world.drop(FIRST, "staff.xml")
        world.run()
        dropped(world, SECOND)
        assert world.states() == [State.QUEUED, State.QUEUED]


# A file does not undo a newer one.


def test_a_file_that_could_not_be_read_does_not_undo_the_newer_one_that_went_out(
    world: World,
) -> None:
    world.reader.failing[b"first"] = RuntimeError("ours")
    world.drop(FIRST)
    for _ in range(6):
        world.round()
    dropped(world, SECOND)
    world.reader.failing.clear()
    old = world.only(State.HELD)
    world.approve(old)
    world.run()
    held = world.only(State.HELD)
    assert held.reason is Reason.STALE
    newer = world.only(State.ARCHIVED)
    answer = world.approve(held)
    assert not answer.done
    assert answer.sentence == (
        f"{newer.id}, which came later, went out already; sending this older file would undo it;"
        " to send it all the same, approve it with --stale"
    )
    assert world.approve(held, stale=True).done
    world.run()
    assert list(world.sent().values()) == [SECOND, FIRST]


# Names.


def test_remote_names_sort_in_the_order_of_loading_even_when_the_clock_is_set_back(
    world: World,
) -> None:
    dropped(world, FIRST)
    world.clock.set_wall_clock(START - timedelta(days=1))
    dropped(world, SECOND, THIRD)
    assert list(world.sent().values()) == [FIRST, SECOND, THIRD]
    times = [row.remote_time for row in world.rows()]
    assert times == sorted(times, key=str)
    assert len(set(times)) == 3
