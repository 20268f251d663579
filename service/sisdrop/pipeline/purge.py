"""Retention carried out: plan, log, remove, record.

Of the newest file of a stream the roster stays, because the next file is compared with it. It goes
when a newer one takes its place.
"""

from datetime import datetime

from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, Stage, State
from sisdrop.pipeline.steps import Steps
from sisdrop.pipeline.verdict import Verdicts
from sisdrop.retention import Clocks, Part, Removal, plan


class Purge:
    """Removes what the plan names, one thing at a time, each recorded after it is gone."""

    def __init__(self, steps: Steps, verdicts: Verdicts, clocks: Clocks) -> None:
        self._steps = steps
        self._kit = steps.kit
        self._verdicts = verdicts
        self._clocks = clocks

    def planned(self) -> tuple[Removal, ...]:
        """What is due now."""
        ledger, now = self._kit.ledger, self._kit.clock.utc()
        # Which are the last ones must be known of all; else those that are young need not be read.
        by = None if self._clocks.keep_last else (now - self._clocks.shortest).date()
        return plan(ledger.filed(by), ledger.in_states(State.HELD), self._clocks, now)

    def run(self) -> int:
        """Remove what is due; returns how many things went.

        If killed here: what is gone and not recorded is met again at the next run, which finds
        nothing there and records it.
        """
        self._forget_rosters()
        removals = self.planned()
        if not removals:
            return 0
        self._kit.log.info(LogEvent.PURGE_PLANNED, files=len(removals))
        done = 0
        with self._steps.stage(Stage.PURGE):
            for removal in removals:
                done += self._try(removal)
        return done

    def _try(self, removal: Removal) -> bool:
        log = self._steps.log_of(removal.row)
        try:
            with self._steps.deciding:
                done = self._remove(removal, self._kit.clock.utc())
        except (Transient, NeedsOperator, OSError) as error:
            log.warning(LogEvent.PURGE_FAILED, error)
            return False
        if done:
            log.info(LogEvent.PURGE_REMOVED)
        return done

    def _remove(self, removal: Removal, now: datetime) -> bool:
        """Whether it went; what is sent again since the plan was made stays."""
        # A row that an earlier removal of this run has changed is read anew.
        row = self._kit.ledger.get(removal.row.id) or removal.row
        if removal.part is not Part.HELD and row.filed_at is None:
            return False
        match removal.part:
            case Part.FOLDER:
                self._require_tidy(row)
                if self._is_newest(row):
                    self._kit.archive.keep_roster(row)
                self._kit.archive.remove(row)
                self._kit.ledger.update(row, purged_at=now)
            case Part.SHARE:
                self._steps.tidying.require_share()
                self._require_tidy(row)
                self._remove_from_share(row)
                self._kit.ledger.update(row, share_purged_at=now)
            case Part.HELD:
                self._refuse(row)
        return True

    def _is_newest(self, row: FileRow) -> bool:
        """Whether the next file of the stream is compared with this one, rehearsed or not."""
        newest = (self._kit.ledger.last_loaded(row.stream, rehearsal=r) for r in (False, True))
        return row.id in {one.id for one in newest if one is not None}

    def _forget_rosters(self) -> None:
        """Remove the rosters that were kept for a comparison that a newer file serves now."""
        for file_id in self._kit.archive.kept_rosters():
            row = self._kit.ledger.get(file_id)
            if row is None or not self._is_newest(row):
                try:
                    self._kit.archive.forget_roster(file_id)
                except (Transient, NeedsOperator, OSError) as error:
                    self._kit.log.warning(LogEvent.PURGE_FAILED, error)

    def _require_tidy(self, row: FileRow) -> None:
        """What is not where it belongs yet would be missed, and stay for ever."""
        under_way = self._kit.archive.is_under_way(row)
        if under_way or not self._steps.tidying.is_tidy(row.id):
            raise Transient(Reason.SHARE_GONE, "the share is not in line with this file yet")

    def _refuse(self, row: FileRow) -> None:
        """Nobody decided on a held file, not even since the plan was made."""
        self._steps.tidying.require_share()
        held = self._kit.ledger.get(row.id)
        if held is not None and held.state is State.HELD:
            why = "nobody decided within the time allowed"
            self._verdicts.refuse(held, "retention", why)

    def _remove_from_share(self, row: FileRow) -> None:
        share = self._kit.share
        rejected = share.rejected(row.id, row.name)
        paths = (
            *share.reports(row.id, row.name),
            rejected,
            share.report_beside(rejected, row.id, row.name),
        )
        for path in paths:
            share.remove(path)
