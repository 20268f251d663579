"""Refine one claimed file: one sequential read from which everything else is derived.

Digest, findings, counts, profile and the zip come from the same bytes, so they cannot disagree.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from sisdrop.bundle import BundleWriter, entry_name
from sisdrop.model import Bundle, Counts, Fatal, Profile, Refined, Signature, StillChanging
from sisdrop.records.check import Checker
from sisdrop.records.fatal import diagnose
from sisdrop.records.framing import Opening
from sisdrop.records.judge import Cuts
from sisdrop.records.reading import Beginning, Reading

_BLOCK = 256 << 10
_ATTRIBUTE = re.compile(rb"""(\s)([^\s=<>"']+)(\s*=\s*)("[^"]*"|'[^']*')""")
_COUNT = b"total_record_count"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file and one record may be, in bytes."""

    max_file_size: int
    max_record_size: int


class _ChangedError(Exception):
    """The file is no longer what it was when the read began."""


def refine(  # noqa: PLR0913, PLR0917  # one read yields all, so it needs what all of it needs
    claimed_path: Path,
    expected: Signature | None,
    file_id: str,
    name: str,
    out_dir: Path | None,
    checker: Checker,
    limits: Limits,
    progress: Callable[[int], None],
) -> Refined | StillChanging:
    """Read a file once; say what is wrong with it and write the zip of what is to be sent.

    `expected` is what the file was when it settled (None: any state will do). Without `out_dir`
    nothing is written. `progress` is told the bytes read so far. The zip is
    `<out_dir>/<file_id>.zip`; there is none when the file is fatal, changes, or holds no record
    that can be delivered.

    If killed here: the file untouched, and in `out_dir` nothing, a hidden `.part`, or the zip.
    Running again replaces them.

    Raises:
        OSError: from reading the file or writing the zip; no partial zip is left.
        Broken: if the program contradicts itself; no partial zip is left.
    """
    with _opened(claimed_path) as file:
        before = _signature(file)
        if expected is not None and before != expected:
            return StillChanging(before)
        path = out_dir / f"{file_id}.zip" if out_dir is not None else None
        entry = entry_name(name, file_id)
        job = _Job(file, before, path, entry, checker, limits, progress)
        try:
            refined = job.run()
        except _ChangedError:
            job.discard()
            return StillChanging(_signature(file))
        except BaseException:
            # A second failure while cleaning up must not hide the first.
            with suppress(OSError):
                job.discard()
            raise
        return refined


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file, if it is a regular one: no link is followed, and a pipe would block for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        yield file


def _signature(file: BinaryIO) -> Signature:
    status = os.fstat(file.fileno())
    return Signature(status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(slots=True)
class _Job:
    """The read of one file, and the zip that grows beside it."""

    file: BinaryIO
    before: Signature
    zip: Path | None
    entry: str
    checker: Checker
    limits: Limits
    progress: Callable[[int], None]
    writer: BundleWriter | None = None

    def run(self) -> Refined:
        """Read, judge, write.

        Raises:
            _ChangedError: if the file changed meanwhile.
        """
        self._start_bundle()
        reading = Reading(self.checker, self.limits.max_record_size, self._send)
        is_too_large = self.before.size > self.limits.max_file_size
        digest = hashlib.sha256()
        for block in self._blocks():
            digest.update(block)
            if not is_too_large:
                reading.feed(block)
        if not is_too_large:
            reading.close()
        self._check_unchanged()
        sha256 = digest.hexdigest()
        if is_too_large:
            return self._refused(sha256, _too_large())
        if reading.stop is not None:
            fatal = diagnose(self.file, reading.stop)
            self._check_unchanged()
            return self._refused(sha256, fatal)
        return self._accepted(sha256, reading)

    def discard(self) -> None:
        """Remove what was written so far."""
        if self.writer is not None:
            self.writer.discard()

    def _refused(self, sha256: str, fatal: Fatal) -> Refined:
        self.discard()
        return self._refined(sha256, fatal=fatal)

    def _accepted(self, sha256: str, reading: Reading) -> Refined:
        judge = reading.judge
        counts = judge.counts.frozen
        bundle = None
        if counts.delivered == 0:
            self.discard()
        elif reading.beginning is not None:
            bundle = self._bundle(sha256, reading.beginning, judge.cuts, counts.delivered)
        return replace(
            self._refined(sha256),
            counts=counts,
            profile=judge.tally.profile,
            findings=judge.findings.gathered(),
            bundle=bundle,
        )

    def _bundle(self, sha256: str, beginning: Beginning, cuts: Cuts, records: int) -> Bundle | None:
        """Finish the zip; written anew where the root names a count that is no longer true."""
        opening = beginning.opening
        tag = _with_count(opening, records) if cuts else opening.tag
        if self.writer is not None and tag != opening.tag:
            self.writer.discard()
            self._start_bundle()
            self._rewrite(sha256, beginning, tag, cuts)
        if self.writer is None:
            return None
        # What stands before the root differs when a BOM went or a declaration came.
        is_as_dropped = len(beginning.prolog) == opening.offset
        return self.writer.finish(identical=not cuts and is_as_dropped)

    def _rewrite(self, sha256: str, beginning: Beginning, tag: bytes, cuts: Cuts) -> None:
        """Read the file again and send it with another root tag and without the cut ranges."""
        self._send(beginning.prolog + tag)
        digest = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for block in self._blocks(quiet=True):
                digest.update(block)
                yield block

        for content in kept(hashed(), beginning.end, cuts):
            self._send(content)
        if digest.hexdigest() != sha256:
            raise _ChangedError
        self._check_unchanged()

    def _blocks(self, *, quiet: bool = False) -> Iterator[bytes]:
        self.file.seek(0)
        done = 0
        while block := self.file.read(_BLOCK):
            done += len(block)
            if done > self.before.size:
                raise _ChangedError
            yield block
            if not quiet:
                self.progress(done)
        if done != self.before.size:
            raise _ChangedError

    def _check_unchanged(self) -> None:
        if _signature(self.file) != self.before:
            raise _ChangedError

    def _start_bundle(self) -> None:
        if self.zip is not None:
            self.writer = BundleWriter(self.zip, self.entry, self.before.size)

    def _send(self, content: bytes) -> None:
        if self.writer is not None:
            self.writer.write(content)

    def _refined(self, sha256: str, fatal: Fatal | None = None) -> Refined:
        return Refined(
            sha256=sha256,
            size=self.before.size,
            counts=Counts(),
            profile=Profile(),
            findings=(),
            fatal=fatal,
            bundle=None,
            schema=self.checker.schema.label,
            rules=self.checker.rules.names,
        )


def kept(blocks: Iterable[bytes], start: int, cuts: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """What of a file's blocks lies after `start` and in none of the cuts, which are in order."""
    ranges = chain([(0, start)], cuts)
    cut = next(ranges, None)
    base = 0
    for block in blocks:
        at, end = base, base + len(block)
        while cut is not None and cut[0] < end:
            yield block[at - base : max(cut[0] - base, at - base)]
            at = min(max(cut[1], at), end)
            if cut[1] > end:
                break
            cut = next(ranges, None)
        yield block[at - base :]
        base = end


def _with_count(opening: Opening, records: int) -> bytes:
    """The root's start tag with the true count, if it names one; its quotes are kept."""

    def correct(attribute: re.Match[bytes]) -> bytes:
        if attribute[2] != _COUNT:
            return attribute[0]
        quote = attribute[4][:1]
        return b"".join((*attribute.group(1, 2, 3), quote, b"%d" % records, quote))

    return _ATTRIBUTE.sub(correct, opening.tag)


def _too_large() -> Fatal:
    return Fatal(
        "xml.too-large",
        line=1,
        column=1,
        offset=0,
        bytes_hex="",
        message="The file is larger than the service takes.",
        hint="Split the export, or raise inbox.max_file_size.",
    )
