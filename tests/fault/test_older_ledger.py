"""The ledger is restored from an older copy, or gone: the disk knows better, nothing is lost."""

import shutil
from pathlib import Path

import pytest

from sisdrop.build import LEDGER
from sisdrop.errors import Reason
from sisdrop.ledger import SHARE_ID
from sisdrop.log import LogEvent
from sisdrop.model import State
from support.killing import Death, Killed, dying
from support.laws import check_laws
from support.stories import STORIES, Story, comes_back
from support.world import World, folder_in_memory, plain_pages

# A mail is told again by an older ledger; what waits for its marker has not come anywhere.
TALES = {name: story for name, story in STORIES.items() if "notify" not in story.settings}


def live(story: Story, base: Path) -> tuple[World, list[Path]]:
    """Tell a story to its end, and keep a copy of the ledger from before each act."""
    base.mkdir()
    world, copies = World(base, **story.settings), []
    world.run()
    for number, act in enumerate(story.acts):
        copies.append(base / f"ledger.{number}")
        shutil.copy(world.data / LEDGER, copies[-1])
        act(world)
        world.run()
    if world.server.failing:
        comes_back(world)
        world.run()
    return world, copies


def restore(world: World, copy: Path | None) -> None:
    """The service starts with another ledger, or with none."""
    world.end()
    (world.data / LEDGER).unlink()
    if copy is not None:
        shutil.copy(copy, world.data / LEDGER)
    world.begin()


@pytest.mark.parametrize("name", TALES)
def test_an_older_ledger_learns_from_the_folders_what_became_of_each_file(name: str) -> None:
    story = TALES[name]
    with folder_in_memory() as folder, plain_pages():
        _, copies = live(story, folder / "counted")
        for number in range(len(copies)):
            world, copies = live(story, folder / f"{number}")
            before, sent = world.rows(), list(world.server.log)
            restore(world, copies[number])
            world.run()
            assert world.server.log == sent, "nothing went out again"
            assert {row.id: row.state for row in world.rows()} == {
                row.id: row.state for row in before
            }
            check_laws(world, story.kept)
            world.end()


@pytest.mark.parametrize("name", TALES)
def test_without_a_ledger_nothing_is_touched_until_a_person_says_whose_the_share_is(
    name: str,
) -> None:
    story = TALES[name]
    with folder_in_memory() as folder, plain_pages():
        world, _ = live(story, folder / "world")
        before, sent = world.rows(), list(world.server.log)
        restore(world, None)
        world.run()
        assert Reason.SHARE_CHANGED in world.situation.reasons()
        world.ledger.remember(SHARE_ID, world.share.identity() or "")
        world.run()
        assert world.server.log == sent, "nothing went out again"
        assert {row.id: row.state for row in world.rows()} == {row.id: row.state for row in before}
        check_laws(world, story.kept)
        world.end()


def test_what_was_delivered_and_forgotten_is_a_repeat_when_it_is_dropped_again() -> None:
    story = STORIES["records left out"]
    with folder_in_memory() as folder, plain_pages():
        world, _ = live(story, folder / "world")
        restore(world, None)
        world.ledger.remember(SHARE_ID, world.share.identity() or "")
        world.drop(story.kept[0])
        world.run()
        assert world.states() == [State.ARCHIVED, State.DUPLICATE]
        assert world.log.count(LogEvent.FILE_RECOVERED) == 1
        (event, *_) = world.ledger.events(world.rows()[0].id)
        assert event.note == "recovered: the ledger was older than the folder of this file"


def test_what_is_recovered_goes_when_its_time_is_over() -> None:
    with folder_in_memory() as folder, plain_pages():
        world, _ = live(STORIES["rejected"], folder / "world")
        restore(world, None)
        world.clock.advance(61 * 86_400)
        world.ledger.remember(SHARE_ID, world.share.identity() or "")
        world.run()
        world.shop.stages.purge.run()
        assert not list(world.data.glob("archive/*/*/*/*"))
        assert world.listing("rejected") == []


def test_dying_while_it_learns_changes_nothing() -> None:
    story, deaths = STORIES["supersedes"], [Death()]
    with folder_in_memory() as folder, plain_pages():
        for death in deaths:
            world, copies = live(story, folder / f"{death.at}")
            sent = list(world.server.log)
            world.end()
            shutil.copy(copies[0], world.data / LEDGER)
            try:
                with dying(death):
                    world.begin()
                    world.run()
            except Killed:
                world.ledger.close()
                world.begin()
            world.run()
            assert world.server.log == sent
            assert world.states() == list(story.ends)
            check_laws(world, story.kept)
            world.end()
            if death.at is None:
                deaths += [Death(at) for at in range(len(death.where))]
    assert len(deaths) > 4


def test_folders_that_are_not_ours_and_damaged_copies_are_passed_over() -> None:
    with folder_in_memory() as folder, plain_pages():
        world, _ = live(STORIES["records left out"], folder / "world")
        (row,) = world.rows()
        place = (world.data / (row.folder or "")).parent
        (place / "of somebody else").mkdir()
        (place / "20261123T000000Z-ffff").mkdir()
        (place / "20261123T000000Z-ffff" / "row.json").write_text("{")
        shutil.copytree(world.data / (row.folder or ""), place / "20261123T000000Z-eeee")
        restore(world, None)
        assert [known.id for known in world.rows()] == [row.id]
        world.end()
