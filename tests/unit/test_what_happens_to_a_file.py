"""The stories that people tell of their patron files, and what becomes of each file in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sisdrop.demo import patrons
from sisdrop.demo.patrons import Person
from sisdrop.errors import Reason
from sisdrop.model import State
from support.stories import comes_back, goes_down
from support.true_world import TrueWorld
from support.world import World, folder_in_memory, plain_pages

TODAY = date(2026, 11, 23)
CROWD = patrons.people(100, TODAY)
FEWER, AS_FEW = CROWD[:40], CROWD[1:41]
CHANGED, AGAIN_CHANGED = (
    [replace(person, phone=phone) for person in CROWD] for phone in ("555-0198", "555-0199")
)
SWITCHED = [replace(person, primary_id=f"N{person.primary_id}") for person in CROWD]
LAST_TERM = [replace(person, expiry=TODAY - timedelta(days=30)) for person in CROWD]
WITH_FRESHMEN = patrons.people(160, TODAY)
# One of the students works.
STAFF, STAFF_CHANGED = CROWD[:30], [replace(CROWD[0], phone="555-0197"), *CROWD[1:30]]
STUDENTS = [replace(CROWD[0], group="UNDERGRAD"), *CROWD[30:]]
STREAMS = [
    {"name": "students", "match": ["students*.xml"]},
    {"name": "staff", "match": ["staff*.xml"]},
]

Act = Callable[[World], object]


def drop(crowd: Sequence[Person], name: str = "students.xml") -> Act:
    """The extract of a night."""
    content = patrons.export(crowd, datetime(2026, 11, 23, tzinfo=UTC))
    return lambda world: world.drop(content, name)


def approve(place: int, *, says: str = "") -> Act:
    """The operator approves one of the files, and hears no if `says` is given."""

    def act(world: World) -> None:
        answer = world.approve(world.rows()[place])
        assert answer.done is (not says), answer
        assert says in answer.sentence

    return act


def delete(world: World) -> None:
    """Somebody deletes the held file on the share."""
    world.held(world.only(State.HELD)).unlink()


def edit(crowd: Sequence[Person]) -> Act:
    """Somebody saves another file in the place of the held one."""

    def act(world: World) -> None:
        path = world.held(world.only(State.HELD))
        path.unlink()
        path.write_bytes(patrons.export(crowd, datetime(2026, 11, 23, tzinfo=UTC)))

    return act


@dataclass(frozen=True)
class Story:
    """What happens, a night each; then the end of each file, and how many zips went out."""

    acts: Sequence[Act]
    ends: Sequence[tuple[State, Reason | None]]
    sent: int
    streams: Any = None


SENT: tuple[State, Reason | None] = (State.ARCHIVED, None)
SHRUNK = (State.HELD, Reason.SHRUNK)
SUPERSEDED: tuple[State, Reason | None] = (State.SUPERSEDED, None)
STORIES = {
    "Monday is held, Tuesday goes out, on Wednesday somebody approves Monday": Story(
        [drop(CROWD), drop(FEWER), drop(CHANGED), approve(1, says="newer")],
        [SENT, SUPERSEDED, SENT],
        sent=2,
    ),
    "held twice": Story([drop(CROWD), drop(FEWER), drop(AS_FEW)], [SENT, SHRUNK, SHRUNK], sent=1),
    "held twice, and the newer one is approved": Story(
        [drop(CROWD), drop(FEWER), drop(AS_FEW), approve(2)],
        [SENT, SUPERSEDED, SENT],
        sent=2,
    ),
    "mended while it is held": Story(
        [drop(CROWD), drop(FEWER), edit(CHANGED), approve(1, says="checked anew")],
        [SENT, SENT],
        sent=2,
    ),
    "deleted while it is held": Story(
        [drop(CROWD), drop(FEWER), delete], [SENT, (State.REJECTED, Reason.REFUSED)], sent=1
    ),
    "the server is down for three nights": Story(
        [
            *(drop(CROWD), goes_down),
            *(drop(CHANGED), drop(AGAIN_CHANGED), drop(WITH_FRESHMEN[:110]), comes_back),
        ],
        [SENT, SUPERSEDED, SUPERSEDED, SENT],
        sent=2,
    ),
    "a student who works, and only the file of the staff changed": Story(
        [
            *(drop(STAFF, "staff.xml"), drop(STUDENTS)),
            *(drop(STAFF_CHANGED, "staff.xml"), drop(STUDENTS)),
        ],
        [SENT, SENT, SENT, (State.DUPLICATE, None)],
        sent=3,
        streams=STREAMS,
    ),
    "the identifier is switched to another number": Story(
        [drop(CROWD), drop(SWITCHED)], [SENT, (State.HELD, Reason.TOO_MANY_NEW)], sent=1
    ),
    "the dates of the new term were not entered": Story(
        [drop(CROWD), drop(LAST_TERM)], [SENT, (State.HELD, Reason.STATE_RISE)], sent=1
    ),
    "the freshmen's first day": Story(
        [drop(CROWD), drop(WITH_FRESHMEN)], [SENT, (State.HELD, Reason.TOO_MANY_NEW)], sent=1
    ),
    "the freshmen's first day, and somebody says that it is": Story(
        [drop(CROWD), drop(WITH_FRESHMEN), approve(1), drop(WITH_FRESHMEN)],
        [SENT, SENT, (State.DUPLICATE, None)],
        sent=2,
    ),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_each_file_of_the_story_ends_as_it_must(story: Story) -> None:
    streams = {"streams": story.streams} if story.streams else {}
    with folder_in_memory() as folder, plain_pages(), TrueWorld(folder, **streams) as world:
        for act in story.acts:
            act(world)
            world.run()
        assert [(row.state, row.reason) for row in world.rows()] == list(story.ends)
        assert len(world.sent()) == story.sent
