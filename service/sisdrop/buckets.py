"""Keep millions of small records on disk, apart from those with which they are never compared.

Records that begin with the same byte share a bucket; what is compared with each other begins
alike, so one bucket of each file is enough in memory at a time.
"""

import tempfile
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

_BUCKETS = 256
# Of each bucket so many bytes wait in memory until they are written.
_BLOCK = 8 << 10
_LENGTH = 2


class FolderUnusable(Exception):
    """The folder for temporary files cannot be used, or its disk is full; the text says why."""


def temporary_folder(environ: Mapping[str, str]) -> Path:
    """Where temporary files belong: what TMPDIR names, even if it cannot be used.

    Raises:
        FolderUnusable: if there is none.
    """
    with _told():
        return Path(environ.get("TMPDIR") or tempfile.gettempdir())


class Buckets:
    """Records of up to 65,535 bytes, their first byte evenly spread, in a file without a name.

    If killed here: nothing is left, for the file can be reached by nobody else and goes with us.

    Raises:
        FolderUnusable: from any method.
    """

    def __init__(self, folder: Path) -> None:
        self._waiting = [bytearray() for _ in range(_BUCKETS)]
        # Two numbers for each block: where it begins, how long it is.
        self._blocks = [array("Q") for _ in range(_BUCKETS)]
        self._size = 0
        with _told():
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - our own

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, record: bytes) -> None:
        """Keep a record in the bucket that its first byte names."""
        waiting = self._waiting[record[0]]
        waiting += len(record).to_bytes(_LENGTH, "big")
        waiting += record
        if len(waiting) >= _BLOCK:
            self._write(record[0])

    def __iter__(self) -> Iterator[list[bytes]]:
        """The buckets in order of their first bytes, each with its records in the order added."""
        for bucket, blocks in enumerate(self._blocks):
            pairs = zip(blocks[::2], blocks[1::2], strict=True)
            written = (self._read(offset, size) for offset, size in pairs)
            yield list(_apart(b"".join((*written, self._waiting[bucket]))))

    def _write(self, bucket: int) -> None:
        waiting = self._waiting[bucket]
        self._blocks[bucket].extend((self._size, len(waiting)))
        self._size += len(waiting)
        rest = memoryview(waiting)
        with _told():
            while rest:
                rest = rest[self._file.write(rest) :]
        self._waiting[bucket] = bytearray()

    def _read(self, offset: int, size: int) -> bytes:
        content = b""
        with _told():
            self._file.seek(offset)
            while len(content) < size and (more := self._file.read(size - len(content))):
                content += more
        return content


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FolderUnusable(error.strerror or "disk trouble") from None


def _apart(content: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        start = at + _LENGTH
        at = start + int.from_bytes(content[at:start], "big")
        yield content[start:at]
