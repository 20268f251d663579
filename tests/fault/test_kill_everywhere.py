"""The process dies after every effect in turn, is started again, and nothing is wrong."""

import pytest

from support.killing import Death, dying
from support.stories import STORIES, before_the_last_act, check, last_act
from support.world import folder_in_memory, plain_pages


@pytest.mark.parametrize("name", STORIES)
def test_whenever_the_process_dies_the_next_start_puts_everything_right(name: str) -> None:
    story, deaths = STORIES[name], [Death()]
    with folder_in_memory() as folder, plain_pages():
        beginning = before_the_last_act(story, folder / "beginning")
        for death in deaths:
            world = beginning.fork(folder / f"death {death.at}")
            try:
                last_act(story, world, dying(death), again=story.again)
                check(story, world)
            except AssertionError as error:
                error.add_note(f"died {death.where[-1:]}, moment {death.at} of {len(deaths)}")
                raise
            finally:
                world.end()
            if death.at is None:
                deaths += [Death(at) for at in range(len(death.where))]
    assert len(deaths) > story.at_least
