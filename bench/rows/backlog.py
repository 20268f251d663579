"""Many small files at once: whether a file takes longer for all those before and behind it."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.story import moments, wait_for_event
from bench.table import Row, against
from bench.workshop import Workshop
from support.invented.extract import write_extract

FILES = 1_000
USERS = 50
# So many files at the start are compared with as many at the end.
SPAN = 100
# A tenth is the weather between two runs, not growth.
AT_MOST = 1.10
UNIT = "ms per file"


@dataclass(frozen=True, slots=True)
class Backlog:
    """When each file of a backlog was claimed, and when archived; seconds, in order."""

    claimed: list[float]
    archived: list[float]

    @property
    def pace(self) -> float:
        """Milliseconds for each file, from the first claim to the last proof."""
        return _pace([self.claimed[0], *self.archived])

    @property
    def start_and_end(self) -> tuple[float, float]:
        """The paces of the first and the last files after all were claimed.

        What is worked off earlier shares the machine with the claiming.
        """
        undisturbed = [at for at in self.archived if at > self.claimed[-1]]
        steady = undisturbed if len(undisturbed) > 2 * SPAN else self.archived
        return _pace(steady[: SPAN + 1]), _pace(steady[-SPAN - 1 :])


def rows(workshop: Workshop) -> Iterator[Row]:
    """A thousand files that are all there when the service starts, and a hundred beside them."""
    large = work_off(workshop, FILES)
    first, last = large.start_and_end
    what = f"backlog of {FILES:,} files of {USERS} users: the last {SPAN}"
    yield against(what, last, first, f"the first {SPAN}", AT_MOST, UNIT)
    small = work_off(workshop, SPAN)
    yield against(
        "all of that backlog", large.pace, small.pace, f"a backlog of {SPAN}", AT_MOST, UNIT
    )


def work_off(workshop: Workshop, files: int) -> Backlog:
    """Let a new installation deliver so many files of a stream that carries changes."""
    stream = {"name": "changes", "match": ["*.xml"], "kind": "changes"}
    with workshop.installation(streams=[stream]) as service:
        for number in range(files):
            write_extract(service.inbox / f"{number:04d}.xml", USERS, seed=number)
        workshop.say(f"working off {files:,} files")
        service.start()
        wait_for_event(service, "file.archived", files)
        return Backlog(
            sorted(moments(service, "file.claimed")), sorted(moments(service, "file.archived"))
        )


def _pace(times: list[float]) -> float:
    """Milliseconds from one moment to the next."""
    return 1000 * (times[-1] - times[0]) / (len(times) - 1)
