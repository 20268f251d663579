"""Answers what the pages and probes ask of a service that may not have begun yet."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sisdrop.clock import Clock
from sisdrop.errors import NeedsOperator, Reason
from sisdrop.expectation import Expect
from sisdrop.health import Check, CheckName, Health, liveness, readiness
from sisdrop.ledger import Ledger
from sisdrop.lock import Lock
from sisdrop.model import FileStory, FileView, State, StatusView
from sisdrop.situation import Situation
from sisdrop.view import file_story, file_view, status_view, with_days

# Kubernetes should wait out a slow disk, not kill the one pod because of it.
BEAT_LIMIT = 180.0

_OF_THE_SHARE = frozenset({Reason.SHARE_GONE, Reason.SHARE_CHANGED, Reason.SHARE_PERMISSION})


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say that answers depend on. `stale_after` is seconds without a scan."""

    data: Path
    streams: Mapping[str, Expect]
    mode: str
    stale_after: float


class Source:
    """The service as pages see it. `begin` gives it the ledger once the lock is ours."""

    def __init__(self, terms: Terms, lock: Lock, situation: Situation, clock: Clock) -> None:
        self._terms = terms
        self._lock = lock
        self._situation = situation
        self._clock = clock
        self._ledger: Ledger | None = None
        self._last_beat: Callable[[], float] = clock.monotonic

    def begin(self, ledger: Ledger, last_beat: Callable[[], float]) -> None:
        """The service has begun."""
        self._ledger = ledger
        self._last_beat = last_beat

    def status(self) -> StatusView:
        """Everything at a glance."""
        terms = self._terms
        now = self._clock.utc()
        ledger = self._open()
        view = status_view(ledger, self._situation.now(), terms.streams, terms.mode, now)
        return with_days(view, ledger)

    def files(self, state: State | None, limit: int) -> list[FileView]:
        """The newest files, in one state or in any."""
        states = tuple(State) if state is None else (state,)
        return [file_view(row) for row in self._open().latest(limit, states)]

    def file(self, file_id: str) -> FileStory | None:
        """One file with its audit trail."""
        return file_story(self._open(), file_id)

    def liveness(self) -> Health:
        """Whether the loop passes; looks at nothing but a number."""
        return liveness(self._clock.monotonic(), self._last_beat(), BEAT_LIMIT)

    def readiness(self) -> Health:
        """Whether settings, lock, ledger, data and share are good."""
        return readiness(
            {
                CheckName.SETTINGS: Check(ok=True, detail="all settings are good"),
                CheckName.LOCK: self._lock_check(),
                CheckName.LEDGER: self._ledger_check(),
                CheckName.DATA: self._data_check(),
                CheckName.SHARE: self._share_check(self._clock.utc()),
            }
        )

    def _open(self) -> Ledger:
        if self._ledger is None:
            raise NeedsOperator(
                Reason.LEDGER_UNUSABLE, "another instance holds the lock; this one stands by"
            )
        return self._ledger

    def _lock_check(self) -> Check:
        ours = self._lock.is_ours()
        return Check(ours, "the lock is ours" if ours else "another instance holds the lock")

    def _ledger_check(self) -> Check:
        good = self._ledger is not None and self._ledger.is_writable()
        return Check(good, "the ledger can be written" if good else "the ledger is not writable")

    def _data_check(self) -> Check:
        good = os.access(self._terms.data, os.W_OK | os.X_OK)
        detail = "can be written" if good else f"cannot be written by user {os.getuid()}"
        return Check(good, f"the data folder {detail}")

    def _share_check(self, now: datetime) -> Check:
        moment = self._situation.now()
        if not moment.share_up or moment.last_scan is None:
            why = (one.hint for one in moment.blocked.values() if one.reason in _OF_THE_SHARE)
            return Check(ok=False, detail=next(why, "the share was not looked at yet"))
        age = (now - moment.last_scan).total_seconds()
        fresh = age <= self._terms.stale_after
        return Check(fresh, f"the inbox was looked at {age:.0f} s ago")
