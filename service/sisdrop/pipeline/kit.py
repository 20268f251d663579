"""What the stages work with, and what the settings mean for each stream: built once by `app`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sisdrop.archive import Archive
from sisdrop.clock import Clock
from sisdrop.expectation import Expect
from sisdrop.guard import Limits
from sisdrop.inbox.scan import Scanner
from sisdrop.inbox.share import Share
from sisdrop.ledger import Ledger
from sisdrop.log import Log
from sisdrop.metrics import Metrics
from sisdrop.model import Refined, Signature, StillChanging
from sisdrop.precedence import Precedence
from sisdrop.roster import Roster


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """What the settings say about one stream. `order` is its place in the list, from 1."""

    name: str
    order: int
    limits: Limits
    directory: str
    expect: Expect


class Refiner(Protocol):
    """Reads a claimed file once and yields everything that follows from it."""

    def __call__(  # noqa: PLR0913 - a read is told where, what and how
        self,
        path: Path,
        expected: Signature,
        *,
        file_id: str,
        name: str,
        out_dir: Path,
        progress: Callable[[int], None],
        earlier: Roster | None = None,
        precedence: Precedence | None = None,
    ) -> Refined | StillChanging:
        """See `records.refine.refine`."""
        ...


@dataclass(frozen=True, slots=True)
class Kit:
    """The real objects. `rehearsal` says that nothing is uploaded; `name` is the remote pattern.

    `keeps_alma` says that an incomplete record must not erase what was sent before. `token` yields
    four hexadecimal digits that keep two files of one second apart. `roster_key` is the id of the
    key of rosters.
    """

    ledger: Ledger
    share: Share
    archive: Archive
    scanner: Scanner
    refine: Refiner
    metrics: Metrics
    log: Log
    clock: Clock
    token: Callable[[], str]
    streams: Mapping[str, StreamPolicy]
    name: str
    rehearsal: bool = False
    keeps_alma: bool = False
    roster_key: str = ""
