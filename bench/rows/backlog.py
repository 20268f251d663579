"""Many small files at once: whether a file takes longer for all those that went before."""

import time
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass

from bench.measure import processor_seconds
from bench.story import moments, pid, wait_for_event
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
    """When each file of a backlog was claimed, refined and archived, in order, in seconds.

    `used` is the processor time of the process at some moments: pairs of moment and seconds.
    """

    claimed: list[float]
    refined: list[float]
    archived: list[float]
    used: list[tuple[float, float]]

    def spans(self) -> tuple[list[float], list[float]]:
        """When the first and the last files were archived while others were being read.

        Before that the machine is busy with claiming, and after it only the uploads are left.
        """
        both = [at for at in self.archived if self.claimed[-1] < at < self.refined[-1]]
        steady = both if len(both) > 2 * SPAN else self.archived
        return steady[: SPAN + 1], steady[-SPAN - 1 :]

    def processor(self, moments_: list[float]) -> float:
        """Milliseconds of processor time for each file between the first moment and the last."""
        begun, ended = (self._used_at(moments_[place]) for place in (0, -1))
        return 1000 * (ended - begun) / (len(moments_) - 1)

    def _used_at(self, moment: float) -> float:
        after = max(1, bisect(self.used, (moment,)))
        (left, low), (right, high) = self.used[after - 1 : after + 1]
        return low + (high - low) * (moment - left) / (right - left)


def rows(workshop: Workshop) -> Iterator[Row]:
    """A thousand files that are all there when the service starts, and are fetched by nobody."""
    backlog = work_off(workshop)
    first, last = backlog.spans()
    what, start = f"backlog of {FILES:,} files of {USERS} users", f"the first {SPAN}"
    yield against(f"{what}: the last {SPAN}", _pace(last), _pace(first), start, AT_MOST, UNIT)
    used = backlog.processor(last), backlog.processor(first)
    yield against("the same, processor time", *used, start, unit=UNIT)


def work_off(workshop: Workshop) -> Backlog:
    """Let a new installation that looks as often as by default deliver them."""
    stream = {"name": "changes", "match": ["*.xml"], "kind": "changes"}
    inbox = {"settle": "1s", "scan_interval": "5s"}
    used: list[tuple[float, float]] = []
    with workshop.installation(streams=[stream], inbox=inbox) as service:
        for number in range(FILES):
            write_extract(service.inbox / f"{number:04d}.xml", USERS, seed=number)
        workshop.say(f"working off {FILES:,} files")
        service.start()

        def note() -> None:
            used.append((time.time(), processor_seconds(pid(service))))

        note()
        wait_for_event(service, "file.archived", FILES, meanwhile=note)
        note()
        claimed, refined, archived = (
            sorted(moments(service, f"file.{event}"))
            for event in ("claimed", "refined", "archived")
        )
    return Backlog(claimed, refined, archived, used)


def _pace(times: list[float]) -> float:
    """Milliseconds from one moment to the next."""
    return 1000 * (times[-1] - times[0]) / (len(times) - 1)
