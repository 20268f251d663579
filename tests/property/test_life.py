"""The whole life of an installation: whatever people and the world do, in whatever order."""

from contextlib import ExitStack
from datetime import timedelta
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from sisdrop.model import FileRow
from sisdrop.requests import Command
from support.life import OUTAGES, Life
from support.world import folder_in_memory, plain_pages

NAMES = st.sampled_from(["students.xml", "staff.xml", "students late.xml", "Staff.ZIP"])
KINDS = st.sampled_from(["good", "good", "good", "mixed", "zip", "garbage"])
COUNTS = st.sampled_from([10, 10, 10, 5, 25])
WHICH = st.integers(0, 1000)
DAY = 86_400.0
_T = TypeVar("_T")


class LifeMachine(RuleBasedStateMachine):
    """An installation on which everything that can happen happens."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.life = Life(self.stack.enter_context(folder_in_memory()))
        self.stack.enter_context(plain_pages())
        self.stack.callback(self.life.end)

    @override
    def teardown(self) -> None:
        """When all works again, all laws hold."""
        try:
            self.life.check_at_rest()
        finally:
            self.stack.close()

    @initialize(name=NAMES, content_of=KINDS)
    def first_night(self, name: str, content_of: str) -> None:
        """A file is there when the service starts."""
        self.life.drop(name, self.life.make(content_of, 10))
        self.life.pass_time(3)

    # People drop files.

    @precondition(lambda self: not self.life.share_is_away)
    @rule(name=NAMES, kind=KINDS, count=COUNTS)
    def drop(self, name: str, kind: str, count: int) -> None:
        """Bytes that were never dropped before."""
        self.life.drop(name, self.life.make(kind, count))

    @precondition(lambda self: not self.life.share_is_away)
    @rule(name=NAMES, which=WHICH)
    def drop_again(self, name: str, which: int) -> None:
        """Bytes that were dropped before, under any name."""
        known = list(self.life.dropped)
        self.life.drop(name, known[which % len(known)])

    @precondition(lambda self: not self.life.share_is_away)
    @rule(name=NAMES, kind=KINDS)
    def begin_to_write(self, name: str, kind: str) -> None:
        """A slow writer opens a file."""
        self.life.begin_to_write(name, self.life.make(kind, 10))

    @precondition(lambda self: self.life.growing)
    @rule(which=WHICH)
    def go_on_writing(self, which: int) -> None:
        """A slow writer adds a part."""
        self.life.go_on_writing(_one(which, list(self.life.growing)))

    # People decide on held files.

    @precondition(lambda self: not self.life.share_is_away and self.life.held())
    @rule(which=WHICH, folder=st.sampled_from([".", "approved"]))
    def move(self, which: int, folder: str) -> None:
        """Somebody drags a held file back, or into `approved/`."""
        self.life.move(self._held(which), folder)

    @precondition(lambda self: not self.life.share_is_away and self.life.held())
    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        """Somebody deletes a held file."""
        self.life.delete(self._held(which))

    @precondition(lambda self: not self.life.share_is_away and self.life.held())
    @rule(
        which=WHICH, stale=st.booleans(), command=st.sampled_from([Command.APPROVE, Command.REFUSE])
    )
    def decide(self, which: int, command: Command, stale: bool) -> None:
        """The operator decides by a command."""
        self.life.ask(command, self._held(which), stale=stale)

    def _held(self, which: int) -> FileRow:
        return _one(which, self.life.held())

    # The world.

    @precondition(lambda self: not self.life.share_is_away and not self.life.growing)
    @rule(leaves_folder=st.booleans())
    def unmount(self, leaves_folder: bool) -> None:
        """The share goes away."""
        self.life.unmount(leaves_folder=leaves_folder)

    @precondition(lambda self: self.life.share_is_away)
    @rule()
    def mount(self) -> None:
        """The share comes back."""
        self.life.mount()

    @rule(outage=st.sampled_from(sorted(OUTAGES)), after=st.booleans())
    def break_the_server(self, outage: str, after: bool) -> None:
        """From now on one phase of each delivery fails."""
        phase, error = OUTAGES[outage]
        server = self.life.world.server
        (server.failing_after if after else server.failing)[phase] = error
        server.breaking_down = after

    @rule()
    def mend_the_server(self) -> None:
        """The server works again."""
        self.life.comes_back()

    @rule()
    def fetch(self) -> None:
        """Alma fetches what is there."""
        self.life.fetch()

    @rule(full=st.booleans())
    def fill_the_disk(self, full: bool) -> None:
        """The data volume is full, or has room again."""
        self.life.full = full

    @rule(days=st.sampled_from([0.01, 0.2, 1, 9]))
    def pass_days(self, days: float) -> None:
        """Time passes in which the service does nothing."""
        self.life.world.clock.advance(days * DAY)

    @rule(hours=st.sampled_from([-30, -1, 1, 30]))
    def set_the_clock(self, hours: int) -> None:
        """Somebody sets the wall clock."""
        clock = self.life.world.clock
        clock.set_wall_clock(clock.utc() + timedelta(hours=hours))

    # The service.

    @rule(rounds=st.integers(1, 4))
    def pass_time(self, rounds: int) -> None:
        """The service does some rounds."""
        self.life.pass_time(rounds)

    @rule(at=st.integers(0, 90))
    def die(self, at: int) -> None:
        """The process dies at one of its effects, and starts again."""
        self.life.die(at)

    @rule()
    def purge(self) -> None:
        """Retention runs."""
        self.life.purge()

    @rule()
    def copy_ledger(self) -> None:
        """A backup is made."""
        self.life.copy_ledger()

    @precondition(lambda self: self.life.has_copy)
    @rule()
    def restore_ledger(self) -> None:
        """The backup takes the place of the ledger."""
        self.life.restore_ledger()

    @rule()
    def rest(self) -> None:
        """All is mended, and comes to rest."""
        self.life.check_at_rest()

    @invariant()
    def nothing_is_lost_and_the_server_is_right(self) -> None:
        """The laws that hold at every moment."""
        self.life.check()


def _one(which: int, among: list[_T]) -> _T:
    return among[which % len(among)]


def test_whatever_happens_nothing_is_lost_and_all_comes_to_rest() -> None:
    """More of it with `--hypothesis-profile=soak`."""
    plain = settings()
    quick = settings(
        max_examples=plain.max_examples * 4 // 10,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(LifeMachine, settings=quick)
