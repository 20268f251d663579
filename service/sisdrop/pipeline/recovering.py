"""Bringing a ledger up to date that is older than the disk: restored from a copy, or new."""

from dataclasses import replace

from sisdrop import kept
from sisdrop.log import LogEvent
from sisdrop.model import FileRow
from sisdrop.pipeline.steps import Steps
from sisdrop.recovery import Kept, to_adopt
from sisdrop.states import FINAL

_NOTE = "recovered: the ledger was older than the folder of this file"


class Recovering:
    """Takes over what folders say of their files.

    Nothing is delivered before the archive was looked at: what went out and was forgotten would go
    out again.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._kit = steps.kit

    def filed(self) -> int:
        """Look through the archive; gives how many files were taken over.

        Only folders are listed where the ledger knows them, so a start takes no longer. If killed
        here: the next start goes on.

        Raises:
            Transient, NeedsOperator: if the ledger cannot be written.
        """
        data = self._kit.archive.data
        known = self._kit.ledger.folders()
        return sum(self._adopt(one) for one in kept.filed(data, known))

    def under_way(self) -> int:
        """Look through what is under way, once the share is there; gives how many were taken over.

        If killed here: the next start goes on.

        Raises:
            Transient: `share_gone`, `data_full`.
            NeedsOperator: `ledger_unusable`.
        """
        in_work = set(self._kit.share.claimed())
        adopted = 0
        for one in kept.under_way(self._kit.archive.data):
            adopted += self._adopt(
                one, in_work=one.row.id in in_work, in_held=self._is_in_held(one.row)
            )
        return adopted

    def _is_in_held(self, row: FileRow) -> bool:
        share = self._kit.share
        return share.signature(share.held(row.id, row.name)) is not None

    def _adopt(self, one: Kept, *, in_work: bool = False, in_held: bool = False) -> bool:
        known = self._kit.ledger.get(one.row.id)
        row = to_adopt(one, known, in_work=in_work, in_held=in_held)
        if row is None:
            return False
        now = self._kit.clock.utc()
        if row.state in FINAL and row.filed_at is None:
            row = replace(row, filed_at=now, folder=self._kit.archive.place(row.id, now))
        self._kit.ledger.adopt(row, now, _NOTE)
        self._steps.log_of(row).warning(LogEvent.FILE_RECOVERED, state=row.state)
        return True
