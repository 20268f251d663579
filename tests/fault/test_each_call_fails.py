"""Each call on a file fails in turn, on the share and on the data volume, and the service says so.

The table is complete by construction: a first, untroubled telling of a story finds every place of a
call, as `rename data/outgoing/*`; each of them then fails once with each error.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest

from sisdrop.errors import Reason
from sisdrop.log import LogEvent
from sisdrop.metrics import Metrics
from support.stories import STORIES, Story, before_the_last_act, check, last_act
from support.trouble import Trouble, troubled
from support.world import World, folder_in_memory, plain_pages

ERRORS = (errno.ENOSPC, errno.EACCES, errno.EIO, errno.ESTALE)
# What a call that fails is said to be. A share that is full is one that does not work for us.
SHARE = {
    errno.ENOSPC: Reason.SHARE_GONE,
    errno.EACCES: Reason.SHARE_PERMISSION,
    errno.EIO: Reason.SHARE_GONE,
    errno.ESTALE: Reason.SHARE_GONE,
}
DATA = {
    errno.ENOSPC: Reason.DATA_FULL,
    errno.EACCES: Reason.LEDGER_UNUSABLE,
    errno.EIO: Reason.LEDGER_UNUSABLE,
    errno.ESTALE: Reason.LEDGER_UNUSABLE,
}
# A zip of ours that cannot be read while it is sent: the attempt failed, and is made again.
ATTEMPT = {(LogEvent.FILE_BROKEN, None), (LogEvent.FILE_DELIVERY_FAILED, Reason.INTERNAL_ERROR)}
# These events are also shown for as long as it lasts.
SHOWN = {LogEvent.SHARE_GONE, LogEvent.DATA_FULL, LogEvent.LEDGER_UNUSABLE}
# What fails here is not missed: the folder is there already, the file is looked at again at the
# next round, or whoever asks takes no answer for a no.
SILENT = (
    "mkdir ",
    "list ",
    "stat ",
    "fsync ",
    "open students",
    "read students",
    "open approved",
    "read approved",
)
# On some mounts a file that somebody holds open says this; pages then say that it waits.
IN_USE = (errno.EIO, ("rename students", "rename approved"))
# Listed by the stand-in for people, which looks at all folders, and not by the service.
NOT_OURS = ("list .sisdrop", "list held", "list rejected", "list reports")


@dataclass
class Shown:
    """Which reasons the gauges showed, and whether the share was shown as down."""

    reasons: set[Reason] = field(default_factory=set)

    @contextmanager
    def watching(self, metrics: Metrics) -> Iterator[None]:
        """Look at the gauges while the block runs."""
        set_blocked, set_share_up = metrics.set_blocked, metrics.set_share_up

        def blocked(reasons: set[Reason]) -> None:
            self.reasons |= set(reasons)
            set_blocked(reasons)

        def up(*, up: bool) -> None:
            self.reasons |= set() if up else {Reason.SHARE_GONE}
            set_share_up(up=up)

        with (
            patch.object(metrics, "set_blocked", blocked),
            patch.object(metrics, "set_share_up", up),
        ):
            yield


def sites(beginning: World, story: Story, place: str, base: Path) -> dict[str, int]:
    """Each place of a call, and which of all calls is the first there."""
    world = beginning.fork(base)
    trouble = Trouble(getattr(world, place), errno.EIO, at=1 << 40)
    last_act(story, world, troubled(trouble), again=False)
    world.end()
    found: dict[str, int] = {}
    for number, site in enumerate(trouble.sites):
        found.setdefault(site, number)
    return {site: at for site, at in found.items() if site not in NOT_OURS}


def judge(world: World, site: str, number: int, expected: Reason, shown: Shown) -> None:
    """What was said of it."""
    silent = (*SILENT, *IN_USE[1]) if number == IN_USE[0] else SILENT
    lines = [line for line in world.log.lines if line["level"] != "info"]
    told = {(line["event"], line.get("reason")) for line in lines}
    held = {(LogEvent.FILE_HELD, reason) for event, reason in told if event is LogEvent.FILE_HELD}
    told -= held | {(e, r) for e, r in told if e is LogEvent.FILE_REJECTED}
    if not told:
        assert site.startswith(silent), "silence"
    elif told != ATTEMPT:
        assert {reason for _, reason in told} == {expected}
        if SHOWN & {event for event, _ in told}:
            assert expected in shown.reasons


@pytest.mark.parametrize("name", ["records left out", "approved on the share"])
@pytest.mark.parametrize(("place", "reasons"), [("inbox", SHARE), ("data", DATA)])
def test_each_call_that_fails_is_told_for_what_it_is_and_nothing_is_lost(
    name: str, place: str, reasons: dict[int, Reason]
) -> None:
    story = STORIES[name]
    with folder_in_memory() as folder, plain_pages():
        beginning = before_the_last_act(story, folder / "beginning")
        found = sites(beginning, story, place, folder / "counting")
        assert {site.partition(" ")[0] for site in found} >= {"open", "read", "rename", "stat"}
        for site, at in found.items():
            for number in ERRORS:
                world, shown = beginning.fork(folder / f"{at} {number}"), Shown()
                trouble = Trouble(getattr(world, place), number, at=at)
                try:
                    with shown.watching(world.metrics):
                        last_act(story, world, troubled(trouble), again=story.again)
                    check(story, world)
                    judge(world, site, number, reasons[number], shown)
                except BaseException as failure:
                    failure.add_note(f"{site} said {errno.errorcode[number]}")
                    raise
                finally:
                    world.end()
