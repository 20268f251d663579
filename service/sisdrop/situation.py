"""What the running service knows beside the ledger: the share, the waiting files, what blocks.

One small value, replaced as a whole under a lock, so that every page sees one moment.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sisdrop.errors import Reason, ServiceError
from sisdrop.model import Blocked, Waiting


@dataclass(frozen=True, slots=True)
class Moment:
    """The service at one moment. `blocked` is keyed by what is blocked (`share`, a stream)."""

    share_up: bool = False
    last_scan: datetime | None = None
    waiting: tuple[Waiting, ...] = ()
    unmatched: tuple[Waiting, ...] = ()
    blocked: Mapping[str, Blocked] = field(default_factory=dict)


class Situation:
    """Holds the current moment; safe to read and change from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moment = Moment()

    def now(self) -> Moment:
        """The current moment."""
        with self._lock:
            return self._moment

    def scanned(
        self, at: datetime, waiting: tuple[Waiting, ...], unmatched: tuple[Waiting, ...]
    ) -> None:
        """A scan succeeded."""
        with self._lock:
            self._moment = replace(
                self._moment, share_up=True, last_scan=at, waiting=waiting, unmatched=unmatched
            )

    def waits(self, waiting: Waiting) -> None:
        """One more file of the last scan waits."""
        with self._lock:
            self._moment = replace(self._moment, waiting=(*self._moment.waiting, waiting))

    def share_lost(self) -> None:
        """The share cannot be used; what was seen on it is not known any more."""
        with self._lock:
            self._moment = replace(self._moment, share_up=False, waiting=(), unmatched=())

    def block(self, what: str, error: ServiceError, at: datetime) -> bool:
        """Note what stands in the way; returns whether that is news."""
        with self._lock:
            before = self._moment.blocked.get(what)
            news = before is None or before.reason is not error.reason
            since = at if before is None or news else before.since
            blocked = Blocked(error.reason, error.hint, since)
            self._moment = replace(self._moment, blocked={**self._moment.blocked, what: blocked})
        return news

    def unblock(self, what: str) -> bool:
        """It works again; returns whether that is news."""
        with self._lock:
            blocked = dict(self._moment.blocked)
            news = blocked.pop(what, None) is not None
            self._moment = replace(self._moment, blocked=blocked)
        return news

    def reasons(self) -> frozenset[Reason]:
        """Every reason that blocks something now."""
        return frozenset(blocked.reason for blocked in self.now().blocked.values())
