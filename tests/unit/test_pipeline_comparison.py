"""What a file would change of the one before, from its roster to its report."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sisdrop.errors import Reason
from sisdrop.model import FileRow, State
from sisdrop.roster import ROSTER
from support.reader import people
from support.rosters import Person, write
from support.world import World, folder_in_memory

FIRST, OTHERS = people(60, "first"), people(60, "others")
# Five of the sixty are gone, ten have changed, and five are new.
LIKE_FIRST = b"".join(
    (
        b"<users>\n",
        *(b"<user>first%d=moved</user>\n" % number for number in range(10)),
        *(b"<user>first%d</user>\n" % number for number in range(10, 55)),
        *(b"<user>new%d</user>\n" % number for number in range(5)),
        b"</users>\n",
    )
)


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder) as made:
        yield made


def dropped(world: World, content: bytes) -> FileRow:
    world.drop(content)
    world.run()
    return world.rows()[-1]


def compared(world: World, row: FileRow) -> Mapping[str, Any]:
    found: Mapping[str, Any] = world.report(row)["compared_with"]
    return found


def roster_of(world: World, row: FileRow) -> Path:
    return world.shop.kit.archive.folder(row) / ROSTER


def counts(first: FileRow, *numbers: int | None) -> dict[str, Any]:
    names = ("new", "changed", "unchanged", "absent")
    return {"id": first.id} | dict(zip(names, numbers, strict=True)) | {"lost": {}}


UNKNOWN = (None, None, None, None)


def test_the_first_file_compares_with_nothing(world: World) -> None:
    first = dropped(world, FIRST)
    assert compared(world, first) is None


def test_an_accepted_file_says_what_it_changes_of_the_one_before(world: World) -> None:
    first, second = dropped(world, FIRST), dropped(world, LIKE_FIRST)
    assert second.state is State.ARCHIVED
    assert compared(world, second) == counts(first, 5, 10, 45, 5)


def test_other_people_in_the_same_numbers_are_held(world: World) -> None:
    first, second = dropped(world, FIRST), dropped(world, OTHERS)
    assert second.state is State.HELD
    reasons = [held.reason for held in second.held_for]
    assert reasons == [Reason.TOO_MANY_NEW, Reason.TOO_MANY_ABSENT]
    assert "60 of 60 people were not in the last file" in second.held_for[0].sentence
    assert compared(world, second) == counts(first, 60, 0, 0, 60)


def test_an_approval_sends_them(world: World) -> None:
    dropped(world, FIRST)
    held = dropped(world, OTHERS)
    assert world.approve(held).done
    world.run()
    assert list(world.sent().values()) == [FIRST, OTHERS]
    assert compared(world, held)["new"] == 60


def test_each_limit_may_be_off(tmp_path: Path) -> None:
    limits = {"first_load": "deliver", "max_new": "off", "max_absent": "off"}
    with World(tmp_path, guard=limits) as world:
        dropped(world, FIRST)
        assert dropped(world, OTHERS).state is State.ARCHIVED


def test_a_repeat_says_that_nothing_changes(world: World) -> None:
    first, again = dropped(world, FIRST), dropped(world, FIRST)
    assert again.state is State.DUPLICATE
    assert compared(world, again) == counts(first, 0, 0, 60, 0)


def test_files_are_compared_with_what_alma_holds_and_not_with_what_they_replace(
    world: World,
) -> None:
    loaded = dropped(world, FIRST)
    held = dropped(world, OTHERS)
    last = dropped(world, LIKE_FIRST)
    assert world.get(held).state is State.SUPERSEDED
    assert compared(world, last)["id"] == loaded.id


@pytest.mark.parametrize("damage", ["gone", "damaged", "made with another key"])
def test_without_a_roster_of_the_file_before_all_else_goes_on(world: World, damage: str) -> None:
    first = dropped(world, FIRST)
    roster = roster_of(world, first)
    if damage == "gone":
        roster.unlink()
    elif damage == "damaged":
        roster.write_bytes(roster.read_bytes()[:-1])
    else:
        write(roster, {1: Person()})
    second = dropped(world, OTHERS)
    assert second.state is State.ARCHIVED
    assert compared(world, second) == counts(first, *UNKNOWN)


def test_a_file_is_compared_with_one_whose_folder_was_purged(tmp_path: Path) -> None:
    with World(tmp_path, archive={"retention": "60d"}) as world:
        first = dropped(world, FIRST)
        world.clock.advance(timedelta(days=61).total_seconds())
        assert world.shop.stages.purge.run() == 2
        second = dropped(world, OTHERS)
        assert second.state is State.HELD
        assert compared(world, second) == counts(first, 60, 0, 0, 60)


def test_of_who_is_not_in_a_file_of_changes_nothing_is_said(tmp_path: Path) -> None:
    changes = [{"name": "changes", "match": ["*.xml"], "kind": "changes"}]
    with World(tmp_path, streams=changes) as world:
        first, second = dropped(world, FIRST), dropped(world, OTHERS)
        assert second.state is State.ARCHIVED
        assert compared(world, second) == counts(first, *UNKNOWN)


def test_a_file_that_is_read_again_is_compared_again(world: World) -> None:
    dropped(world, FIRST)
    held = dropped(world, OTHERS)
    assert compared(world, held)["new"] == 60
    world.held(held).write_bytes(LIKE_FIRST)
    assert not world.approve(held).done
    world.run()
    assert world.get(held).state is State.ARCHIVED
    assert compared(world, held)["new"] == 5


def test_nothing_stays_open(world: World) -> None:
    dropped(world, FIRST)
    before = len(list(Path("/proc/self/fd").iterdir()))
    dropped(world, LIKE_FIRST)
    dropped(world, OTHERS)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    maps = Path("/proc/self/maps").read_text()
    assert ROSTER not in maps
