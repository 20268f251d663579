"""What may be removed, and why: a pure plan over the ledger's rows.

Age counts from the ledger's own times in UTC, never from a file's mtime.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sisdrop.model import FileRow, State


class Part(StrEnum):
    """What of a file is removed."""

    FOLDER = "folder"
    SHARE = "share"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long things are kept; None is for ever. `keep_last` deliveries per stream stay."""

    archive: timedelta
    rejected: timedelta | None
    held: timedelta | None
    keep_last: int

    @property
    def shortest(self) -> timedelta:
        """No file that was filed later than this long ago is due."""
        return min(self.archive, self.rejected or self.archive)


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing to remove, and since when its clock runs."""

    row: FileRow
    part: Part
    since: datetime


def plan(
    filed: Iterable[FileRow], held: Iterable[FileRow], clocks: Clocks, now: datetime
) -> tuple[Removal, ...]:
    """Say what is due at `now`, oldest first."""
    rows = sorted(
        (row for row in filed if row.filed_at is not None),
        key=lambda row: (row.filed_at or now, row.id),
    )
    kept = _newest(rows, clocks.keep_last)
    removals: list[Removal] = []
    for row in rows:
        if row.filed_at is None or row.id in kept:
            continue
        keep = clocks.rejected if row.state is State.REJECTED else clocks.archive
        if keep is None or now - row.filed_at < keep:
            continue
        if row.purged_at is None:
            removals.append(Removal(row, Part.FOLDER, row.filed_at))
        if row.share_purged_at is None:
            removals.append(Removal(row, Part.SHARE, row.filed_at))
    if clocks.held is not None:
        removals += [
            Removal(row, Part.HELD, row.since) for row in held if now - row.since >= clocks.held
        ]
    return tuple(sorted(removals, key=lambda removal: removal.since))


def _newest(rows: list[FileRow], keep_last: int) -> frozenset[str]:
    """The ids of the last delivered files of each stream that are kept whatever their age."""
    kept: dict[str, list[str]] = {}
    for row in rows:
        if row.state is State.ARCHIVED and not row.rehearsed and row.purged_at is None:
            kept.setdefault(row.stream, []).append(row.id)
    return frozenset(
        id_ for ids in kept.values() for id_ in ids[len(ids) - min(keep_last, len(ids)) :]
    )
