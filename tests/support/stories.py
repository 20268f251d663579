"""Stories of what people do with files, and how each of them must end, whatever goes wrong."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sisdrop.delivery.phases import Phase
from sisdrop.model import State
from sisdrop.requests import Command, Request
from support.fake_server import lost
from support.killing import Killed
from support.laws import check_laws
from support.reader import people
from support.world import World
from support.zips import NEXT_NIGHT, How, zipped

ARCHIVED, REJECTED, HELD = State.ARCHIVED, State.REJECTED, State.HELD
DUPLICATE, SUPERSEDED = State.DUPLICATE, State.SUPERSEDED
FIRST, SECOND, FEW = people(10, "first"), people(10, "second"), people(5, "few")
FIRST_ZIP, FIRST_ZIP_ANEW = zipped(FIRST), zipped(FIRST, how=How(at=NEXT_NIGHT))
FAULTY, MIXED = b"<library>no patrons</library>", people(9, "mixed", bad=1)

NOTIFY = {"smtp": "smtp.example.edu:587", "from": "a@example.edu", "to": ["b@example.edu"]}

Act = Callable[[World], object]


@dataclass(frozen=True)
class Story:
    """What people do, how it ends, and which byte strings must then still be somewhere.

    Nothing goes wrong before the last act; from then on the service runs until nothing moves, and
    at last the server is up. With `again` people look after a death what became of their act, and
    do it again if nothing did; `asked` says that a death loses nothing of their wish, and that
    they hear of a failure. `sent` is how often anything must have gone out, where that is told.
    """

    acts: Sequence[Act]
    ends: Sequence[State]
    kept: Sequence[bytes]
    settings: dict[str, Any] = field(default_factory=dict)
    again: bool = False
    asked: bool = False
    at_least: int = 15
    sent: int | None = None


# What people do.


def drops(content: bytes, name: str = "students.xml") -> Act:
    """Somebody drops a file."""
    return lambda world: world.drop(content, name)


def asks(command: Command) -> Act:
    """The operator decides on the held file, if it is still held."""

    def act(world: World) -> None:
        for row in world.ledger.in_states(HELD):
            world.shop.box.ask(Request("token", command, "operator", row.id, "looked at it"))

    return act


def resends(world: World) -> None:
    """The operator has what was sent sent again."""
    for row in world.ledger.in_states(ARCHIVED):
        request = Request("resend", Command.RESEND, "operator", row.id, "it was lost")
        world.shop.box.ask(request)


def moves_to(folder: str) -> Act:
    """Somebody moves the held file to another folder of the share, if it is still held."""

    def act(world: World) -> None:
        for row in world.ledger.in_states(HELD):
            if world.held(row).exists():
                world.held(row).rename(world.inbox / folder / row.name)

    return act


def copies_to_approved(world: World) -> None:
    """Somebody copies the held file into `approved/`, if it is still held."""
    for row in world.ledger.in_states(HELD):
        (world.inbox / "approved" / row.name).write_bytes(world.held(row).read_bytes())


def deletes(world: World) -> None:
    """Somebody deletes the held file."""
    world.held(world.only(HELD)).unlink()


def edits(world: World) -> None:
    """Somebody saves something else in the place of the held file."""
    deletes(world)
    world.held(world.only(HELD)).write_bytes(SECOND)


def goes_down(world: World) -> None:
    """The server cannot be reached."""
    world.server.failing[Phase.CONNECT] = lost(Phase.CONNECT)


def comes_back(world: World) -> None:
    """The server can be reached again."""
    world.server.failing.clear()
    world.server.failing_after.clear()
    world.server.breaking_down = False


def loses_the_answer(world: World) -> None:
    """The server renames, breaks down before it can say so, and cannot be reached any more."""
    world.server.failing_after[Phase.RENAME] = lost(Phase.RENAME)
    world.server.breaking_down = True


def drops_marked(world: World) -> None:
    """Somebody drops a file and its marker."""
    world.drop(FIRST)
    world.drop(b"", "students.xml.done")


def nothing(_: World) -> None:
    """Nobody does anything."""


SEEDED = [drops(FIRST)]
HOLDING = [*SEEDED, drops(FEW)]
TWO, THREE = [ARCHIVED, ARCHIVED], [ARCHIVED, ARCHIVED, ARCHIVED]

STORIES = {
    "a good file on a new share": Story([drops(FIRST)], [ARCHIVED], [FIRST]),
    "records left out": Story([nothing, drops(MIXED)], [ARCHIVED], [MIXED]),
    "rejected": Story([nothing, drops(FAULTY)], [REJECTED], [FAULTY]),
    "held": Story(HOLDING, [ARCHIVED, HELD], [FIRST, FEW]),
    "approved by request": Story([*HOLDING, asks(Command.APPROVE)], TWO, [FIRST, FEW], asked=True),
    "approved on the share": Story([*HOLDING, moves_to("approved")], TWO, [FIRST, FEW], again=True),
    "approved by a copy": Story([*HOLDING, copies_to_approved], TWO, [FIRST, FEW], again=True),
    "dragged back": Story([*HOLDING, moves_to(".")], [ARCHIVED, HELD], [FIRST, FEW], at_least=5),
    "refused": Story(
        [*HOLDING, asks(Command.REFUSE)], [ARCHIVED, REJECTED], [FIRST, FEW], asked=True
    ),
    "deleted while held": Story([*HOLDING, deletes], [ARCHIVED, REJECTED], [FIRST]),
    "edited while held": Story(
        [*HOLDING, edits, asks(Command.APPROVE)], TWO, [FIRST, SECOND], asked=True
    ),
    "duplicate": Story([*SEEDED, drops(FIRST)], [ARCHIVED, DUPLICATE], [FIRST]),
    "the same in a zip": Story(
        [drops(FIRST_ZIP), drops(FIRST_ZIP_ANEW)],
        [ARCHIVED, DUPLICATE],
        [FIRST_ZIP, FIRST_ZIP_ANEW],
    ),
    "the same while it waits": Story(
        [*SEEDED, goes_down, drops(MIXED), drops(MIXED)],
        [ARCHIVED, ARCHIVED, DUPLICATE],
        [FIRST, MIXED],
        sent=2,
    ),
    "sent again": Story([drops(MIXED), resends], [ARCHIVED], [MIXED], asked=True, sent=2),
    "called off": Story(
        [drops(MIXED), goes_down, resends, drops(SECOND)], TWO, [MIXED, SECOND], sent=2
    ),
    "supersedes": Story(
        [*SEEDED, goes_down, drops(MIXED), drops(FEW), drops(SECOND)],
        [ARCHIVED, SUPERSEDED, SUPERSEDED, ARCHIVED],
        [FIRST, MIXED, FEW, SECOND],
    ),
    "sent, and the answer lost": Story(
        [*SEEDED, loses_the_answer, drops(MIXED), drops(SECOND)],
        THREE,
        [FIRST, MIXED, SECOND],
    ),
    "rehearsal": Story([drops(MIXED)], [ARCHIVED], [MIXED], {"mode": "rehearse"}),
    "told by mail": Story(
        [*SEEDED, drops(FEW)], [ARCHIVED, HELD], [FIRST, FEW], {"notify": NOTIFY}, at_least=10
    ),
    "a rejection told by mail": Story(
        [nothing, drops(FAULTY)], [REJECTED], [FAULTY], {"notify": NOTIFY}, at_least=10
    ),
    "a marker": Story(
        [nothing, drops_marked], [ARCHIVED], [FIRST], {"inbox": {"ready_suffix": ".done"}}
    ),
}


# How they are told.


def before_the_last_act(story: Story, base: Path) -> World:
    """Tell the beginning of a story; nobody dies."""
    base.mkdir()
    world = World(base, **story.settings)
    for act in story.acts[:-1]:
        act(world)
        world.run()
    world.end()
    return world


def last_act(
    story: Story, world: World, trial: AbstractContextManager[object], *, again: bool
) -> None:
    """Tell the rest, in which something goes wrong, and what becomes of it afterwards."""
    story.acts[-1](world)
    try:
        with trial:
            world.run()
    except Killed:
        world.restart()
        world.run()
    if again:
        story.acts[-1](world)
        world.run()
    if world.server.failing:
        comes_back(world)
        world.run()


def check(story: Story, world: World) -> None:
    """See whether it ended as it must."""
    assert world.states() == list(story.ends)
    assert story.sent in (None, len(world.server.log))
    check_laws(world, story.kept)
