"""Looking at the inbox: the periodic scan is the truth, events only wake it early."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sisdrop.clock import Clock
from sisdrop.errors import NeedsOperator, Transient
from sisdrop.inbox import settle
from sisdrop.inbox.faults import BUSY, in_folder, may_be_in_use, on_share
from sisdrop.inbox.names import display, is_ignored, matches
from sisdrop.inbox.settle import Look, Shape, Standing
from sisdrop.model import Candidate, Origin, Signature, Waiting

_WHY = {
    Standing.CHANGING: "is being written, or has only just arrived",
    Standing.INCOMPLETE: "lacks its end, such as the closing tag; waiting for the rest of it",
}
_IN_USE = "cannot be read or moved; somebody may hold it open, then it is taken once it is closed"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which names belong to a stream."""

    stream: str
    match: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """When a file is complete: seconds, and the suffix of a marker file if one is used."""

    settle: float
    incomplete_after: float
    ready_suffix: str | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """One pass over the inbox.

    `candidates` may be claimed, oldest first; `waiting` and `unmatched` are for people;
    `due_in` is the seconds after which a file could be complete, if any is waited for; `sizes`
    are those of all files that were seen; `oldest` is since when the file that has lain there
    longest, of those that a stream's pattern matches, has looked as it does.
    """

    candidates: tuple[Candidate, ...]
    waiting: tuple[Waiting, ...]
    unmatched: tuple[Waiting, ...]
    due_in: float | None
    sizes: frozenset[int]
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    origin: Origin
    mode: int
    signature: Signature


class Scanner:
    """Remembers what each file looked like, so that one pass after the other can judge it."""

    def __init__(
        self, inbox: Path, patterns: Sequence[Pattern], timing: Timing, clock: Clock
    ) -> None:
        self._inbox = inbox
        self._patterns = tuple(patterns)
        self._timing = timing
        self._clock = clock
        self._looks: dict[Path, Look] = {}
        self._claimed: dict[Path, Look] = {}
        self._since: dict[Path, tuple[Signature, datetime]] = {}

    def scan(self) -> Scan:
        """Look at every entry of the inbox and of `approved/` once.

        Raises:
            Transient: `share_gone` when a folder cannot be listed.
            NeedsOperator: `share_permission` when it may not be listed.
        """
        entries = _enter(self._inbox, Origin.INBOX)
        approved = self._inbox / "approved"
        if _is_folder(approved):
            entries += _enter(approved, Origin.APPROVED)
        present = {entry.path for entry in entries}
        self._looks = {path: look for path, look in self._looks.items() if path in present}
        self._remember_since(entries)
        candidates: list[Candidate] = []
        waiting: list[Waiting] = []
        unmatched: list[Waiting] = []
        since: list[datetime] = []
        for entry in entries:
            if self._is_marker(entry.path, present):
                continue
            stream = self._stream_of(entry.path.name)
            if stream is None or not stat.S_ISREG(entry.mode):
                unmatched.append(self._left_alone(entry))
                continue
            since.append(self._since[entry.path][1])
            found = self._judge(entry, stream, present)
            if isinstance(found, Candidate):
                candidates.append(found)
            else:
                waiting.append(found)
        candidates.sort(key=lambda c: (c.signature.mtime_ns, c.name))
        sizes = frozenset(entry.signature.size for entry in entries)
        return Scan(
            tuple(candidates),
            tuple(waiting),
            tuple(unmatched),
            self._due_in(),
            sizes,
            min(since, default=None),
        )

    def standing(self, path: Path) -> tuple[Standing, Signature]:
        """Look once at a claimed file that changed, and say what may be done with it.

        Raises:
            Transient: `share_gone` when the file cannot be looked at.
            NeedsOperator: `share_permission` when it cannot be read.
        """
        with on_share(path):
            signature = _signature(path.lstat())
        now = self._clock.monotonic()
        look = self._look(path, signature, self._claimed.get(path), now)
        self._claimed[path] = look
        return self._standing(look, now), signature

    def in_use(self, candidate: Candidate) -> Waiting:
        """What is to be said of a candidate of the last scan that could not be moved."""
        return Waiting(candidate.name, _IN_USE, self._since[candidate.path][1])

    def forget(self, path: Path) -> None:
        """Drop what is remembered of a file that was moved or taken."""
        self._looks.pop(path, None)
        self._claimed.pop(path, None)

    def _look(self, path: Path, signature: Signature, before: Look | None, now: float) -> Look:
        look = settle.observe(before, signature, now)
        if look.shape is None and settle.is_quiet(look, now, self._timing.settle):
            with on_share(path):
                return replace(look, shape=_shape(path, signature.size))
        return look

    def _standing(self, look: Look, now: float) -> Standing:
        return settle.standing(look, now, self._timing.settle, self._timing.incomplete_after)

    def _judge(self, entry: _Entry, stream: str, present: set[Path]) -> Candidate | Waiting:
        path = entry.path
        now = self._clock.monotonic()
        try:
            look = self._look(path, entry.signature, self._looks.get(path), now)
        except NeedsOperator as error:
            return self._waiting(entry, f"cannot be taken: {error.hint}")
        except Transient as error:
            if not may_be_in_use(error):
                raise
            with in_folder(path.parent):
                # While the share answers for the others, it is this file alone.
                next(path.parent.iterdir(), None)
            return self._waiting(entry, _IN_USE)
        self._looks[path] = look
        marker = self._marker_of(entry, present)
        if marker is not None:
            ready = marker in present
            why = f"waits for its marker {display(marker.name)}"
        else:
            found = self._standing(look, now)
            ready = found is Standing.READY
            why = _WHY.get(found, "")
        if not ready:
            return self._waiting(entry, why)
        return Candidate(path, display(path.name), entry.origin, stream, entry.signature, marker)

    def _stream_of(self, name: str) -> str | None:
        return next((p.stream for p in self._patterns if matches(name, p.match)), None)

    def _marker_of(self, entry: _Entry, present: set[Path]) -> Path | None:
        """The marker that decides; a held file moved to `approved/` comes without one."""
        suffix = self._timing.ready_suffix
        if not suffix:
            return None
        marker = entry.path.with_name(entry.path.name + suffix)
        return marker if entry.origin is Origin.INBOX or marker in present else None

    def _is_marker(self, path: Path, present: set[Path]) -> bool:
        """A marker without its file is shown, so that a misspelt name is noticed."""
        suffix = self._timing.ready_suffix
        if not suffix or not path.name.endswith(suffix):
            return False
        return path.with_name(path.name.removesuffix(suffix)) in present

    def _left_alone(self, entry: _Entry) -> Waiting:
        if not stat.S_ISREG(entry.mode):
            return self._waiting(entry, "is a link or a device, not a file; it is left alone")
        return self._waiting(entry, "has a name that no stream's pattern matches; it is left alone")

    def _waiting(self, entry: _Entry, why: str) -> Waiting:
        return Waiting(display(entry.path.name), why, self._since[entry.path][1])

    def _remember_since(self, entries: Sequence[_Entry]) -> None:
        """Since when each file looks as it does; kept, so that the same is said at every look."""
        before, now = self._since, self._clock.utc()
        self._since = {}
        for entry in entries:
            seen = before.get(entry.path)
            same = seen is not None and seen[0] == entry.signature
            self._since[entry.path] = seen if seen and same else (entry.signature, now)

    def _due_in(self) -> float | None:
        """When the next file could have settled; later moments are left to the periodic scan."""
        now = self._clock.monotonic()
        looks = [*self._looks.values(), *self._claimed.values()]
        dues = [settle.due_in(look, now, self._timing.settle) for look in looks]
        return min((due for due in dues if due > 0), default=None)


def _enter(folder: Path, origin: Origin) -> list[_Entry]:
    """The entries of a folder that could be somebody's files, by name."""
    entries = []
    with in_folder(folder):
        with os.scandir(folder) as listing:
            names = sorted(entry.name for entry in listing if not is_ignored(entry.name))
        for name in names:
            try:
                seen = (folder / name).lstat()
            except FileNotFoundError:
                continue  # gone since the listing
            if not stat.S_ISDIR(seen.st_mode):
                entries.append(_Entry(folder / name, origin, seen.st_mode, _signature(seen)))
    return entries


def _is_folder(path: Path) -> bool:
    """Whether a real folder is there: a link could lead anywhere."""
    with on_share(path):
        try:
            return stat.S_ISDIR(path.lstat().st_mode)
        except FileNotFoundError:
            return False


def _shape(path: Path, size: int) -> Shape | None:
    """Read the two ends of a quiet file; None when it is in use or gone: look again later."""
    try:
        return settle.judge_shape(*_ends(path, size))
    except OSError as error:
        if error.errno in BUSY or isinstance(error, FileNotFoundError):
            return None
        raise


def _ends(path: Path, size: int) -> tuple[bytes, bytes]:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        head = os.pread(handle, settle.HEAD_BYTES, 0)
        tail = os.pread(handle, settle.TAIL_BYTES, max(0, size - settle.TAIL_BYTES))
    finally:
        os.close(handle)
    return head, tail


def _signature(seen: os.stat_result) -> Signature:
    return Signature(seen.st_size, seen.st_mtime_ns, seen.st_ino)
