"""The file as dropped, read in one pass: the XML itself, or a zip with one XML file in it.

A zip is known by how it begins, not by its name. Nothing of it is written anywhere: what it holds
goes where the blocks of a plain file go.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sisdrop.model import Fatal, Signature
from sisdrop.records import zip_faults
from sisdrop.records.place import Source
from sisdrop.records.rewinding import Rewinding
from sisdrop.records.unzip import Unpacker
from sisdrop.records.zip_directory import ZIP_MARKS, Entry, find_entry
from sisdrop.records.zip_faults import ZipRefused

_BLOCK = 256 << 10


class SourceError(OSError):
    """The file cannot be opened or read: what the share says, and not our own disk."""


class ChangedError(Exception):
    """The file is no longer what it was when it was opened."""


@contextmanager
def opened(path: Path, max_size: int) -> Iterator["Dropped"]:
    """The file, if it is a regular one: no link is followed, and a pipe would block for ever.

    Neither the file nor what is in it may be larger than `max_size` bytes.

    Raises:
        SourceError: if it cannot be opened or is no regular file.
    """
    with from_share():
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        with from_share():
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
        yield Dropped(file, max_size)


@contextmanager
def from_share() -> Iterator[None]:
    """Run a block that asks the share, and tell its errors from those of our own disk."""
    try:
        yield
    except OSError as error:
        raise SourceError(error.errno, error.strerror, error.filename) from error


class Dropped:
    """An opened file. `before` is what it looked like then; `is_zip` says how it begins.

    Raises:
        SourceError: from any method, when the share says so.
    """

    def __init__(self, file: BinaryIO, max_size: int) -> None:
        self._file = file
        self._entry: Entry | None = None
        self._fault: Fatal | None = None
        self.before = self.now()
        self.is_zip = self._read_at(0, 4) in ZIP_MARKS
        if self.before.size > max_size:
            self._fault = _too_large()
        elif self.is_zip:
            self._look_inside(max_size)

    @property
    def content_size(self) -> int:
        """How many bytes of XML there are at most."""
        return self._entry.size if self._entry else self.before.size

    def now(self) -> Signature:
        """What the file looks like now."""
        with from_share():
            status = os.fstat(self._file.fileno())
        return Signature(status.st_size, status.st_mtime_ns, status.st_ino)

    def check_unchanged(self) -> None:
        """Make sure that the file looks as it did.

        Raises:
            ChangedError: if it does not.
        """
        if self.now() != self.before:
            raise ChangedError

    def read(self, progress: Callable[[int], None] = lambda _: None) -> "Pass":
        """One pass over the file; `progress` is told the bytes of the file read so far."""
        unpacker = Unpacker(self._entry) if self._entry else None
        return Pass(self._blocks, unpacker, self._fault, progress)

    def content(self) -> Source:
        """The XML, from which any part can be read again; going back in a zip takes its time.

        Raises:
            ChangedError: from any read, if the file changed its size.
        """
        entry = self._entry
        return Rewinding(lambda: self._unpack(Unpacker(entry))) if entry else self._file

    def _unpack(self, unpacker: Unpacker) -> Iterator[bytes]:
        for block in self._blocks():
            yield from unpacker.feed(block)
        yield from unpacker.close()

    def _look_inside(self, max_size: int) -> None:
        try:
            self._entry = find_entry(self._read_at, self.before.size, max_size)
        except ZipRefused as refused:
            self._fault = refused.fatal

    def _read_at(self, offset: int, size: int) -> bytes:
        size = min(size, self.before.size - offset)
        content = b""
        with from_share():
            if size > 0:
                self._file.seek(offset)
            while len(content) < size and (more := self._file.read(size - len(content))):
                content += more
        return content

    def _blocks(self) -> Iterator[bytes]:
        self._file.seek(0)
        done = 0
        while block := self._next():
            done += len(block)
            if done > self.before.size:
                raise ChangedError
            yield block
        if done != self.before.size:
            raise ChangedError

    def _next(self) -> bytes:
        with from_share():
            return self._file.read(_BLOCK)


class Pass:
    """One pass over a file: iterate over the blocks of XML, to the end.

    Then `sha256` is the digest of the file as dropped, `content_sha256` that of the XML inside a
    zip (None where the file is the XML itself), and `fault` says why there is no more, if so. The
    digests are those of the whole even if nothing of it can be used.

    Raises:
        ChangedError: while iterating, if the file changed its size.
    """

    def __init__(
        self,
        blocks: Callable[[], Iterator[bytes]],
        unpacker: Unpacker | None,
        fault: Fatal | None,
        progress: Callable[[int], None],
    ) -> None:
        self._blocks = blocks
        self._unpacker = unpacker
        self._fault = fault
        self._progress = progress
        self._digest = hashlib.sha256()
        self._content_digest = hashlib.sha256()

    @property
    def fault(self) -> Fatal | None:
        """Why the file cannot be read as a whole, if it cannot."""
        return self._fault or (self._unpacker.fault if self._unpacker else None)

    @property
    def sha256(self) -> str:
        """The digest of the bytes as dropped."""
        return self._digest.hexdigest()

    @property
    def content_sha256(self) -> str | None:
        """The digest of the XML in a zip that could be read to its end."""
        if self._unpacker is None or self.fault is not None:
            return None
        return self._content_digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """The blocks of XML."""
        done = 0
        for block in self._blocks():
            self._digest.update(block)
            if self._unpacker is not None:
                yield from self._hashed(self._unpacker.feed(block))
            elif self._fault is None:
                yield block
            done += len(block)
            self._progress(done)
        if self._unpacker is not None:
            yield from self._hashed(self._unpacker.close())

    def _hashed(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._content_digest.update(block)
            yield block


def _too_large() -> Fatal:
    return zip_faults.of_whole_file(
        "xml.too-large",
        "The file is larger than the service takes.",
        "Split the export, or ask the operator to raise inbox.max_file_size.",
    )
