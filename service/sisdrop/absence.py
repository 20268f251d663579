"""Tells, once, that a stream's file has not come, that it came after all, or that it never changes.

What was told is remembered in the ledger, so that a restart does not tell it again.
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from sisdrop.arrivals import standing, watch_from
from sisdrop.errors import NeedsOperator, Transient
from sisdrop.expectation import Expect, Standing
from sisdrop.ledger import Ledger
from sisdrop.log import Log, LogEvent
from sisdrop.metrics import Metrics

_OVERDUE = "told_overdue"
_UNCHANGED = "told_unchanged"


class Absence:
    """Looks at each stream, sets its gauges, and logs what is news."""

    def __init__(
        self, ledger: Ledger, metrics: Metrics, log: Log, expects: Mapping[str, Expect]
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._log = log
        self._expects = expects
        # Beside the ledger, which may be unwritable for a while.
        self._told: dict[str, str] = {}
        self._lock = threading.Lock()

    def look(self, now: datetime) -> None:
        """Bring the gauges of every stream up to date and tell what is news; from any thread.

        If killed here: what was logged and not remembered is logged again after the restart.
        """
        with self._lock:
            for stream, expect in self._expects.items():
                self._look(stream, expect, now)

    def _look(self, stream: str, expect: Expect, now: datetime) -> None:
        with suppress(Transient, NeedsOperator):
            watch_from(self._ledger, stream, now)
        stands = standing(self._ledger, stream, expect, now)
        self._metrics.set_next_expected(stream, stands.deadline)
        unchanged = stands.unchanged_since is not None
        self._metrics.set_content_unchanged(stream, unchanged=unchanged)
        log = self._log.bind(stream=stream)
        self._tell_overdue(log, stream, stands, now)
        self._tell_unchanged(log, stream, stands, now)

    def _tell_overdue(self, log: Log, stream: str, stands: Standing, now: datetime) -> None:
        begin = stands.last_came or stands.watched_since
        about = begin.isoformat() if begin else ""
        told = self._recall(_OVERDUE, stream)
        if stands.is_overdue(now):
            if told != about:
                log.warning(LogEvent.STREAM_OVERDUE, age_seconds=_age(begin, now))
                self._remember(_OVERDUE, stream, about)
        elif told:
            # Other settings can end an absence too, and then nothing has come.
            if told != about:
                log.info(LogEvent.STREAM_RESUMED)
            self._remember(_OVERDUE, stream, "")

    def _tell_unchanged(self, log: Log, stream: str, stands: Standing, now: datetime) -> None:
        about = stands.unchanged_since.isoformat() if stands.unchanged_since else ""
        if self._recall(_UNCHANGED, stream) == about:
            return
        if about:
            log.warning(LogEvent.STREAM_UNCHANGED, age_seconds=_age(stands.unchanged_since, now))
        self._remember(_UNCHANGED, stream, about)

    def _recall(self, what: str, stream: str) -> str:
        key = f"{what}:{stream}"
        if key not in self._told:
            self._told[key] = self._ledger.recall(key) or ""
        return self._told[key]

    def _remember(self, what: str, stream: str, about: str) -> None:
        key = f"{what}:{stream}"
        self._told[key] = about
        with suppress(Transient, NeedsOperator):
            self._ledger.remember(key, about)


def _age(since: datetime | None, now: datetime) -> float:
    return (now - since).total_seconds() if since else 0.0
