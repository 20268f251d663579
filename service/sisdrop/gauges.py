"""Bring the gauges up to date that nothing else sets."""

import shutil
from pathlib import Path

from sisdrop.absence import Absence
from sisdrop.ledger import ArchiveSpan
from sisdrop.pipeline.kit import Kit
from sisdrop.situation import Situation
from sisdrop.states import OPEN


class Gauges:
    """Knows what it measured last, because walking through a large archive takes a while."""

    def __init__(self, kit: Kit, situation: Situation) -> None:
        self._kit = kit
        self._situation = situation
        expects = {name: policy.expect for name, policy in kit.streams.items()}
        self._absence = Absence(kit.ledger, kit.metrics, kit.log, expects)
        self._measured: tuple[ArchiveSpan, int] | None = None

    def show(self, data: Path) -> None:
        """Set them all."""
        self.show_situation()
        self._kit.metrics.set_ledger_writable(writable=self._kit.ledger.is_writable())
        self._show_open_files()
        self._show_pickups()
        self._kit.metrics.set_data_free(shutil.disk_usage(data).free)
        self._show_archive()
        self.show_absence()

    def show_situation(self) -> None:
        """Set those of the share and of what blocks."""
        moment, metrics = self._situation.now(), self._kit.metrics
        metrics.set_share_up(up=moment.share_up)
        metrics.set_unmatched(len(moment.unmatched))
        metrics.set_blocked(self._situation.reasons())

    def show_absence(self) -> None:
        """Set those of the expected files, and tell what is news about them."""
        self._absence.look(self._kit.clock.utc())

    def _show_open_files(self) -> None:
        rows = self._kit.ledger.in_states(*OPEN)
        states = {row.state for row in rows}
        self._kit.metrics.set_open_files(
            {state: sum(row.state is state for row in rows) for state in states},
            {state: min(row.since for row in rows if row.state is state) for state in states},
        )

    def _show_pickups(self) -> None:
        overdue = self._kit.ledger.overdue_pickups()
        for stream in self._kit.streams:
            self._kit.metrics.set_pickup_overdue(stream, overdue.get(stream, 0))

    def _show_archive(self) -> None:
        span = self._kit.ledger.archive_span()
        if self._measured is None or self._measured[0] != span:
            self._measured = (span, self._kit.archive.size())
        self._kit.metrics.set_archive(span.files, self._measured[1], span.oldest)
