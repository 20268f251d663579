"""Making safe on the data volume what is about to leave the share."""

from dataclasses import replace
from pathlib import Path

from sisdrop.archive import Changed
from sisdrop.errors import NeedsOperator, Reason
from sisdrop.inbox.faults import on_share
from sisdrop.model import FileRow, Signature, State
from sisdrop.pipeline.kit import Kit


class Securing:
    """Copies originals, and proves that they are the bytes that were read and judged."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def secure(self, row: FileRow) -> bool:
        """Whether the bytes in `work/` are those that were read, and safe on the data volume now.

        If killed here: the file on the share is untouched, and securing it again finishes.

        Raises:
            Transient: `share_gone`, `data_full`.
        """
        return self._secure(row, self._kit.share.work(row.id))

    def is_unchanged(self, row: FileRow) -> bool:
        """Whether the file in `work/` looks as it did when it was read."""
        return self._kit.share.signature(self._kit.share.work(row.id)) == row.signature

    def secure_older(self, accepted: FileRow) -> dict[str, Signature]:
        """Make safe the held files that this one replaces; says what each of them looks like.

        One that was edited since, or that could not be read, is not among them: a person looks
        at it.
        """
        rows = self._kit.ledger.waiting_before(accepted)
        seen = {row.id: self._try_held(row) for row in rows if row.state is State.HELD}
        return {file_id: signature for file_id, signature in seen.items() if signature}

    def _try_held(self, row: FileRow) -> Signature | None:
        """What cannot be read stays held, and does not keep the newer file back."""
        try:
            return self._secure_held(row) if was_read(row) else None
        except NeedsOperator as error:
            if error.reason is Reason.SHARE_PERMISSION:
                return None
            raise

    def _secure_held(self, row: FileRow) -> Signature | None:
        path = self._kit.share.held(row.id, row.name)
        seen = self._kit.share.signature(path)
        if seen is not None and seen != row.signature:
            seen = self._kit.share.recognise(path, row.sha256 or "")
        if seen is None or not self._secure(replace(row, signature=seen), path):
            return None
        return seen

    def _secure(self, row: FileRow, path: Path) -> bool:
        if self._kit.share.signature(path) != row.signature:
            return False
        if row.identical:
            return True
        with on_share(path):
            source = path.open("rb")

        def read(size: int) -> bytes:
            with on_share(path):
                return source.read(size)

        with source:
            try:
                self._kit.archive.secure_original(
                    row.id, read, row.sha256 or "", zipped=row.content_sha256 is not None
                )
            except Changed:
                return False
        return True


def was_read(row: FileRow) -> bool:
    """Whether a held file is held for what it says, and not because it could not be read."""
    return row.sha256 is not None and row.reason is not Reason.INTERNAL_ERROR
