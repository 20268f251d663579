"""Whether a file was sent before is a matter of its XML; what is kept of it, of its bytes."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from sisdrop.archive import ORIGINAL, ORIGINAL_ZIP
from sisdrop.errors import Reason
from sisdrop.model import FileRow, State
from support.clock import START
from support.laws import check_laws
from support.reader import digest_of, kept, people
from support.world import World, folder_in_memory
from support.zips import NEXT_NIGHT, How, zipped

FIRST, SECOND, FEW = people(10, "first"), people(10, "second"), people(5, "few")
MIXED = people(30, "mixed", bad=1)
ANEW = How(at=NEXT_NIGHT)


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder) as made:
        yield made


def dropped(world: World, *contents: bytes) -> None:
    """Drop one after the other, each under the name that fits it."""
    for content in contents:
        world.drop(content, "students.zip" if content.startswith(b"PK") else "students.xml")
        world.run()


def filed(world: World, row: FileRow) -> set[str]:
    return {path.name for path in (world.data / (row.folder or "")).iterdir()}


def kept_as_dropped(world: World, row: FileRow) -> bytes:
    return (world.data / (row.folder or "") / ORIGINAL_ZIP).read_bytes()


@pytest.mark.parametrize("xml", [FIRST, MIXED], ids=["whole", "left out"])
def test_what_came_in_a_zip_is_sent_in_ours_and_its_own_is_kept(world: World, xml: bytes) -> None:
    archive = zipped(xml)
    dropped(world, archive)
    row = world.only(State.ARCHIVED)
    assert list(world.sent().values()) == [kept(xml)]
    assert kept_as_dropped(world, row) == archive
    assert f"{row.id}.zip" in filed(world, row)
    assert (row.sha256, row.content_sha256) == (digest_of(archive), digest_of(xml))
    assert world.shop.kit.archive.holds_original(row)
    check_laws(world, [archive])


def test_the_report_names_both_digests_of_a_zip_and_one_of_plain_xml(world: World) -> None:
    dropped(world, zipped(FIRST), SECOND)
    packed, plain = (world.report(row) for row in world.rows())
    assert packed["sha256"] == digest_of(zipped(FIRST))
    assert packed["content_sha256"] == digest_of(FIRST)
    assert plain["sha256"] == digest_of(SECOND)
    assert plain["content_sha256"] is None


@pytest.mark.parametrize(
    ("before", "again"),
    [
        (zipped(FIRST), zipped(FIRST)),
        (zipped(FIRST), zipped(FIRST, how=ANEW)),
        (zipped(FIRST), FIRST),
        (FIRST, zipped(FIRST)),
        (zipped(MIXED), zipped(MIXED, how=ANEW)),
        (zipped(MIXED), MIXED),
        (MIXED, zipped(MIXED)),
    ],
)
def test_the_same_xml_is_not_sent_again_however_it_is_packed(
    world: World, before: bytes, again: bytes
) -> None:
    dropped(world, before, again)
    sent, repeat = world.rows()
    assert (sent.state, repeat.state) == (State.ARCHIVED, State.DUPLICATE)
    assert repeat.duplicate_of == sent.id
    assert len(world.server.names) == 1
    check_laws(world, {before, again})


def test_a_repeat_with_other_bytes_is_kept_and_no_zip_beside_it(world: World) -> None:
    again = zipped(FIRST, how=ANEW)
    dropped(world, zipped(FIRST), again)
    repeat = world.only(State.DUPLICATE)
    assert kept_as_dropped(world, repeat) == again
    assert f"{repeat.id}.zip" not in filed(world, repeat)


def test_the_very_same_zip_needs_no_second_copy(world: World) -> None:
    dropped(world, zipped(FIRST), zipped(FIRST))
    repeat = world.only(State.DUPLICATE)
    assert filed(world, repeat) & {ORIGINAL, ORIGINAL_ZIP, f"{repeat.id}.zip"} == set()


def test_the_same_zip_takes_the_place_of_the_one_that_was_purged(world: World) -> None:
    dropped(world, zipped(FIRST))
    row = world.only(State.ARCHIVED)
    world.shop.kit.archive.remove(row)
    world.ledger.update(row, purged_at=START)
    dropped(world, zipped(FIRST))
    assert kept_as_dropped(world, world.only(State.DUPLICATE)) == zipped(FIRST)


def test_other_xml_in_a_zip_is_another_file(world: World) -> None:
    dropped(world, zipped(FIRST), zipped(SECOND))
    assert world.states() == [State.ARCHIVED, State.ARCHIVED]
    assert list(world.sent().values()) == [FIRST, SECOND]
    check_laws(world, [zipped(FIRST), zipped(SECOND)])


def test_an_old_file_is_recognised_in_a_new_zip(world: World) -> None:
    dropped(world, FIRST, SECOND)
    old = world.drop(zipped(FIRST), "students.zip")
    os.utime(old, ns=(0, 1_000_000_000))
    world.run()
    row = world.only(State.HELD)
    assert row.reason is Reason.STALE
    assert world.rows()[0].id in row.held_for[0].sentence


def test_what_an_earlier_version_wrote_down_is_recognised(world: World) -> None:
    """It knew no zips, so its rows have one digest: that of the XML."""
    dropped(world, FIRST)
    row = world.only(State.ARCHIVED)
    text = world.ledger._db.execute("SELECT json_remove(row, '$.content_sha256') FROM files")
    world.ledger._db.execute("UPDATE files SET row = ?", text.fetchone())
    world.restart()
    assert world.get(row) == replace(row, content_sha256=None)
    dropped(world, zipped(FIRST))
    assert world.only(State.DUPLICATE).duplicate_of == row.id


def test_a_held_zip_is_approved_for_its_bytes(world: World) -> None:
    dropped(world, FIRST, zipped(FEW))
    held = world.only(State.HELD)
    assert world.held(held).read_bytes() == zipped(FEW)
    assert world.held(held).suffix == ".zip"
    assert world.approve(held).done
    world.run()
    assert list(world.sent().values()) == [FIRST, FEW]
    check_laws(world, [FIRST, zipped(FEW)])


def test_a_held_zip_that_was_made_anew_is_judged_anew(world: World) -> None:
    """The same people are in it, but nobody has looked at these bytes."""
    dropped(world, FIRST, zipped(FEW))
    held = world.only(State.HELD)
    anew = zipped(FEW, how=ANEW)
    world.held(held).write_bytes(anew)
    assert not world.approve(held).done
    world.run()
    held = world.only(State.HELD)
    assert (held.sha256, held.content_sha256) == (digest_of(anew), digest_of(FEW))
    check_laws(world, [FIRST, anew])


def test_a_zip_that_is_moved_to_approved_is_approved(world: World) -> None:
    dropped(world, FIRST, zipped(FEW))
    held = world.only(State.HELD)
    world.held(held).rename(world.inbox / "approved" / held.name)
    world.run()
    assert world.get(held).state is State.ARCHIVED
    check_laws(world, [FIRST, zipped(FEW)])


def test_a_held_zip_that_a_newer_file_replaces_is_kept(world: World) -> None:
    dropped(world, FIRST, zipped(FEW), SECOND)
    row = world.only(State.SUPERSEDED)
    assert kept_as_dropped(world, row) == zipped(FEW)
    check_laws(world, [FIRST, zipped(FEW), SECOND])


def test_a_rejected_zip_lies_untouched_beside_its_report(world: World) -> None:
    dropped(world, zipped(b"<library/>"))
    row = world.only(State.REJECTED)
    path = world.share.rejected(row.id, row.name)
    assert path.suffix == ".zip"
    assert path.read_bytes() == zipped(b"<library/>")
    check_laws(world, [zipped(b"<library/>")])


def test_what_was_kept_of_a_zip_is_purged_with_the_rest(world: World) -> None:
    dropped(world, zipped(FIRST))
    row = world.only(State.ARCHIVED)
    world.clock.advance(timedelta(days=61).total_seconds())
    assert world.shop.stages.purge.run() > 0
    assert not (world.data / (row.folder or "")).exists()
    assert not world.shop.kit.archive.holds_original(row)
