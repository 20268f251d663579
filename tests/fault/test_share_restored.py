"""The share is restored from a backup: what was there once is there again, and nobody sends it."""

import shutil
from pathlib import Path

import pytest

from sisdrop.model import State
from support.stories import STORIES
from support.world import World, folder_in_memory, plain_pages

TALES = (
    *("a good file on a new share", "records left out", "rejected", "held", "refused"),
    *("approved by request", "approved on the share", "deleted while held", "duplicate"),
    *("the same in a zip", "dragged back"),
)
# What came back is looked at by nobody, is what was sent last, or waits for a person.
HARMLESS = {State.DUPLICATE, State.HELD, State.REJECTED}


def live(name: str, base: Path) -> tuple[World, list[Path]]:
    """Tell a story to its end, and keep a copy of the share from after each act."""
    base.mkdir()
    story = STORIES[name]
    world, copies = World(base, **story.settings), []
    world.run()
    for number, act in enumerate(story.acts):
        act(world)
        copies.append(base / f"share.{number}")
        shutil.copytree(world.inbox, copies[-1])
        world.run()
    return world, copies


@pytest.mark.parametrize("name", TALES)
def test_what_comes_back_with_a_backup_of_the_share_goes_out_by_nobodys_doing(name: str) -> None:
    with folder_in_memory() as folder, plain_pages():
        _, copies = live(name, folder / "counted")
        for number in range(len(copies)):
            world, copies = live(name, folder / f"{number}")
            before, sent = world.rows(), list(world.server.log)
            shutil.rmtree(world.inbox)
            shutil.copytree(copies[number], world.inbox)
            world.restart()
            world.run()
            assert world.server.log == sent, "nothing went out again"
            known = {row.id for row in before}
            assert {row.state for row in world.rows() if row.id not in known} <= HARMLESS
            assert world.situation.reasons() == set()
            world.end()
