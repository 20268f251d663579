"""Which files the disk may not be in line with yet, and putting that right until it is."""

import threading
from itertools import count

from sisdrop.errors import Reason, ServiceError, Transient
from sisdrop.ledger import SHARE_ID
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, State
from sisdrop.pipeline.desk import Desk
from sisdrop.pipeline.kit import Kit

# Their bytes are in work and belong there.
_IN_WORK = frozenset({State.CLAIMED, State.REFINED})


class Tidying:
    """Brings the disk in line with the ledger; what fails is kept and tried again.

    While `share_known` is false, nothing is written on what stands in the share's place.
    """

    def __init__(self, kit: Kit, desk: Desk) -> None:
        self._kit = kit
        self._desk = desk
        self.share_known = True
        self._untidy: dict[str, int] = {}
        self._told: dict[str, Reason | None] = {}
        self._marks = count()
        self._marking = threading.Lock()
        self._tidying = threading.Lock()

    def add(self, file_id: str) -> None:
        """A file has entered a state that the disk must follow."""
        with self._marking:
            self._untidy[file_id] = next(self._marks)

    def is_tidy(self, file_id: str) -> bool:
        """Whether the disk is known to be in line with the state of a file."""
        return file_id not in self._untidy

    def require_share(self) -> None:
        """Let pass what is about to change the share, after a fresh look whether it is ours.

        Raises:
            Transient: `share_gone` while the share is away or another one stands in its place.
        """
        is_ours = self._kit.share.identity() == self._kit.ledger.recall(SHARE_ID)
        if not (self.share_known and is_ours):
            raise Transient(Reason.SHARE_GONE, "the share is away, or not the one that we know")

    def run(self) -> None:
        """Bring the disk in line with every state that was entered; one trouble stops no other.

        If killed here: `find` meets at the next start what is left to do.
        """
        if not self.share_known:
            return
        with self._tidying:
            for file_id, mark in sorted(self._untidy.items()):
                if self._try(file_id):
                    self._done(file_id, mark)

    def file_away(self, row: FileRow) -> None:
        """File a folder whose file has nothing left on the share; what fails is tried again."""
        try:
            self._desk.tidy_data(row)
        except (ServiceError, OSError) as error:
            self._tell(row.id, error)
            self.add(row.id)

    def find(self) -> None:
        """At start: whatever has a folder under way or bytes in `work/` may need tidying."""
        under_way, in_work = self._kit.archive.under_way(), self._kit.share.claimed()
        for file_id in {*under_way, *in_work}:
            if self._kit.ledger.get(file_id) is not None:
                self.add(file_id)
            elif file_id in in_work:
                self._kit.log.warning(
                    LogEvent.SHARE_UNTIDY,
                    file_id=file_id,
                    hint="the ledger does not know this file in .sisdrop/work; was an older ledger"
                    " restored? Move the file back to the inbox, or aside",
                )
        self.run()

    def _try(self, file_id: str) -> bool:
        """Whether the disk is in line with the file's state of this moment."""
        try:
            row = self._kit.ledger.get(file_id)
            if row is not None and row.state not in _IN_WORK:
                self._desk.tidy_share(row)
                # Last, because a folder under way is what a restart knows an untidy file by.
                self._desk.tidy_data(row)
        except Exception as error:  # noqa: BLE001 - one file's trouble must not stop the others
            self._tell(file_id, error)
            return False
        return True

    def _done(self, file_id: str, mark: int) -> None:
        """Forget a file, unless it has entered another state meanwhile."""
        with self._marking:
            if self._untidy.get(file_id) == mark:
                del self._untidy[file_id]
                self._told.pop(file_id, None)

    def _tell(self, file_id: str, error: Exception) -> None:
        """Say it when it is news, not at every look."""
        known = error if isinstance(error, ServiceError) else None
        reason = known.reason if known else None
        if file_id in self._told and self._told[file_id] is reason:
            return
        self._told[file_id] = reason
        hint = known.hint if known else None
        self._kit.log.warning(
            LogEvent.SHARE_UNTIDY, error, file_id=file_id, reason=reason, hint=hint
        )
