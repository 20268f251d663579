"""The points of the share: there, ours, and with the rights that every file's way needs."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sisdrop.inbox.faults import in_folder, translate
from sisdrop.inbox.names import is_ignored
from sisdrop.inbox.share import FOLDERS, Share
from sisdrop.plain import quantity
from sisdrop.preflight.folder import rehearse
from sisdrop.preflight.identity import Known, Standing, adopt, decide_standing, explain
from sisdrop.preflight.mounts import read_mount
from sisdrop.preflight.point import Looker, Point, Unfit, errno_name, skipped
from sisdrop.share_pages import readme_text

_INBOX, _IDENTITY, _CLAIM, _CLOCK = "inbox", "share id", "claim", "share clock"
_WORK = ".sisdrop/work"
# A folder's clock may differ by as much before anybody needs to know.
_SKEW = 120.0


@dataclass(frozen=True, slots=True)
class Inbox:
    """What a listing of the inbox shows; the size of the largest file is in bytes."""

    files: int
    largest: int


class SharePlace:
    """The share and what is looked at on it."""

    def __init__(
        self, inbox: Path, data: Path, looker: Looker, token: str, now: Callable[[], float]
    ) -> None:
        self._inbox = inbox
        self._data = data
        self._share = Share(inbox)
        self._looker = looker
        self._token = token
        self._now = now

    def inbox(self) -> tuple[Point, Inbox | None]:
        """Whether the inbox is there and can be listed."""
        return self._looker.find(_INBOX, lambda: list_inbox(self._inbox), self._inbox_text)

    def points(self, known: Known | None, *, there: bool, adopt_share: bool) -> list[Point]:
        """The share's id, then the rights in each folder; nothing is written on a wrong share."""
        rights = [*(f"rights in {name}" for name in self._folders()), _CLAIM, _CLOCK]
        if not there:
            because = f"{self._inbox} cannot be used"
            return [skipped(name, because) for name in (_IDENTITY, *rights)]
        if known is None:
            identity = skipped(_IDENTITY, "the ledger cannot be read")
        elif adopt_share:
            identity = self._looker.look(_IDENTITY, lambda: self._adopted(known))
        else:
            identity = self._looker.look(
                _IDENTITY, lambda: explain(self._standing(known), self._inbox)
            )
        if not identity.ok:
            because = "nothing is written on a share that may be the wrong one"
            return [identity, *(skipped(name, because) for name in rights)]
        return [identity, *self._rights()]

    def _folders(self) -> dict[str, Path]:
        return {
            _INBOX: self._inbox,
            **{name: self._inbox / name for name in (_WORK, *FOLDERS)},
        }

    def _standing(self, known: Known) -> Standing:
        return decide_standing(known, self._share.identity())

    def _adopted(self, known: Known) -> str:
        standing = self._standing(known)
        if standing is Standing.KNOWN:
            return f"nothing to adopt: {explain(standing, self._inbox)}"
        return adopt(self._data, self._inbox)

    def _rights(self) -> list[Point]:
        """Each folder by a real file, after the missing ones were made."""
        points = [self._looker.look("folders", self._furnish)]
        ahead: float | None = None
        for name, folder in self._folders().items():
            look = partial(self._rehearse, folder)
            looked = self._looker.find(f"rights in {name}", look, _rights_text(folder))
            points.append(looked[0])
            ahead = looked[1] if ahead is None else ahead
        claim = self._looker.look(_CLAIM, self._claim)
        return [*points, claim, _clock_point(ahead)]

    def _furnish(self) -> str:
        self._share.furnish(readme_text())
        return f"{', '.join(FOLDERS)} and .sisdrop are in {self._inbox}"

    def _rehearse(self, folder: Path) -> float:
        if not folder.is_dir():
            raise Unfit(f"not looked at, because {folder} could not be made")
        with in_folder(folder):
            return rehearse(folder, self._token, self._now)

    def _claim(self) -> str:
        """The move that every file makes first."""
        work = self._folders()[_WORK]
        try:
            rehearse(self._inbox, self._token, self._now, onward=work)
        except OSError as error:
            raise Unfit(
                f"no file can be moved from {self._inbox} to {work} ({errno_name(error)}): both"
                " must lie on one filesystem, with the right to write in each"
            ) from error
        return f"files can be moved from {self._inbox} to {work}"

    def _inbox_text(self, found: Inbox) -> str:
        mount = read_mount(self._inbox)
        lies = f" on {mount.kind} at {mount.point}" if mount else ""
        return f"{self._inbox} is there{lies}, with {quantity(found.files, 'file')}"


def list_inbox(inbox: Path) -> Inbox:
    """Count the files of an inbox and weigh the largest.

    Raises:
        Unfit: if the folder is not there, is none, or lets us take only our own files.
        NeedsOperator, Transient: as `in_folder` says.
    """
    try:
        files = [path for path in inbox.iterdir() if not is_ignored(path.name)]
        sizes = [size for path in files if (size := _size(path)) is not None]
        seen = inbox.stat()
    except FileNotFoundError as error:
        raise Unfit(f"{inbox} is not there: mount the share, or mend inbox.path") from error
    except NotADirectoryError as error:
        raise Unfit(f"{inbox} is not a folder: mend inbox.path") from error
    except OSError as error:
        raise translate(error, inbox / "any") from error
    if seen.st_mode & stat.S_ISVTX and os.geteuid() not in (0, seen.st_uid):
        raise Unfit(
            f"{inbox} has the sticky bit: user {os.geteuid()} cannot move the files that others"
            " drop there; take it off (chmod -t)"
        )
    return Inbox(len(sizes), max(sizes, default=0))


def _size(path: Path) -> int | None:
    """The bytes of a file; None for what is no file, or was taken since the listing."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    return seen.st_size if stat.S_ISREG(seen.st_mode) else None


def _rights_text(folder: Path) -> Callable[[float], str]:
    return lambda _: f"files can be written, renamed and removed in {folder}"


def _clock_point(ahead: float | None) -> Point:
    if ahead is None:
        return skipped(_CLOCK, "no file could be written on the share")
    return Point(_CLOCK, ok=True, detail=skew_text(ahead))


def skew_text(ahead: float) -> str:
    """How far the share's clock is ahead of ours; a difference is told and does no harm."""
    if abs(ahead) <= _SKEW:
        return "agrees with ours"
    which = "ahead of" if ahead > 0 else "behind"
    return (
        f"is {abs(ahead):.0f} s {which} ours; sisdrop does not compare the two, but times that"
        " people see on the share will not fit: check NTP on both machines"
    )
