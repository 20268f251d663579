"""Write one zip with one entry whose bytes depend on nothing but the entry's name and content.

No clock, no user, no mode of the original goes in, so that a second run on the same machine makes
the same zip. Every size stands in front of the content, so that a receiver can unpack the zip
while it still arrives.
"""

import hashlib
import os
import re
import struct
from pathlib import Path

from isal import isal_zlib

from sisdrop.durable import sync_folder
from sisdrop.model import Bundle

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_LEVEL = 1
# 1980-01-01 00:00, the first moment that a zip can name.
_DATE, _TIME = 0x0021, 0
# A regular file that its owner may read and write, made on Unix.
_ATTRIBUTES = 0o100600 << 16
_MADE_ON_UNIX = 3 << 8
_PLAIN, _ZIP64 = 20, 45
_MASK_32 = 0xFFFF_FFFF
# What is sent may be longer than what was dropped, by a declaration and the digits of a count.
_ADDED = 1 << 10
# The compressor's output depends on how its input is cut, so it is cut here, and always alike.
_BLOCK = 256 << 10
_LONGEST_STEM = 80

# Alma takes no larger zip, and so every offset in one fits into 32 bits.
MAX_BUNDLE_SIZE = _MASK_32


class BundleTooLarge(Exception):
    """The zip would be larger than a zip may be."""


def entry_name(name: str, file_id: str) -> str:
    """The name of the XML inside the zip, as the receiver's job report prints it.

    Only ASCII letters, digits, dots, hyphens and underscores of the dropped name are kept.
    """
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name).stem).strip("._-")[:_LONGEST_STEM]
    return f"{stem or 'file'}.{file_id}.xml"


class BundleWriter:
    """Streams one entry into a zip beside its final path.

    If killed here: a file `.<name>.part` in the same folder, never anything under the final name.

    `size_bound` is the most bytes that the dropped content can hold; from 4 GiB on its sizes are
    written as those of a zip64. The zip as a whole has at most `max_size` bytes (below 4 GiB).
    Memory does not grow with the content.

    Raises:
        OSError: from any method, when the disk says so. `discard` then cleans up.
        BundleTooLarge: from `write` and `finish`, before the bytes that are too many are on the
            disk. `discard` then cleans up.
    """

    def __init__(
        self, path: Path, entry: str, size_bound: int, max_size: int = MAX_BUNDLE_SIZE
    ) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._entry = entry
        self._name = entry.encode("ascii")
        self._zip64 = size_bound + _ADDED >= _MASK_32
        self._deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
        self._waiting = bytearray()
        self._crc = 0
        self._size = 0
        self._packed = 0
        self._room = max_size - len(self._local_header()) - len(self._central_directory())
        descriptor = os.open(
            self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        self._file = os.fdopen(descriptor, "w+b")
        try:
            self._file.write(self._local_header())
        except OSError:
            self._file.close()
            raise

    def write(self, content: bytes) -> None:
        """Append to the entry."""
        self._crc = isal_zlib.crc32(content, self._crc)
        self._size += len(content)
        self._waiting += content
        whole = len(self._waiting) // _BLOCK * _BLOCK
        with memoryview(self._waiting) as waiting:
            for start in range(0, whole, _BLOCK):
                self._put(self._deflate.compress(waiting[start : start + _BLOCK]))
        del self._waiting[:whole]

    def finish(self, *, identical: bool) -> Bundle:
        """Close the zip, make it durable and give it its name.

        If killed here: the temporary file, or the complete zip under its final name.
        """
        self._put(self._deflate.compress(self._waiting) + self._deflate.flush())
        self._file.write(self._central_directory())
        self._file.seek(0)
        self._file.write(self._local_header())
        self._file.flush()
        self._file.seek(0)
        digest = hashlib.file_digest(self._file, "sha256").hexdigest()
        size = self._file.seek(0, os.SEEK_END)
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        sync_folder(self._path.parent)
        return Bundle(self._path, self._entry, size, digest, identical)

    def discard(self) -> None:
        """Remove what was written so far. May be called again, but not after `finish`."""
        try:
            self._file.close()
        finally:
            self._part.unlink(missing_ok=True)

    def _put(self, packed: bytes) -> None:
        if self._packed + len(packed) > self._room:
            raise BundleTooLarge
        self._file.write(packed)
        self._packed += len(packed)

    def _common_fields(self) -> bytes:
        """The part that the local header and the central directory share."""
        version = _ZIP64 if self._zip64 else _PLAIN
        size, packed = (_MASK_32, _MASK_32) if self._zip64 else (self._size, self._packed)
        extra = len(self._extra_field())
        return struct.pack(
            "<5H3L2H",
            *(version, 0, isal_zlib.DEFLATED, _TIME, _DATE),
            *(self._crc, packed, size),
            *(len(self._name), extra),
        )

    def _extra_field(self) -> bytes:
        return struct.pack("<2H2Q", 1, 16, self._size, self._packed) if self._zip64 else b""

    def _local_header(self) -> bytes:
        return _LOCAL + self._common_fields() + self._name + self._extra_field()

    def _central_directory(self) -> bytes:
        start = len(self._local_header()) + self._packed
        version = _MADE_ON_UNIX | (_ZIP64 if self._zip64 else _PLAIN)
        directory = b"".join(
            (
                _CENTRAL + struct.pack("<H", version) + self._common_fields(),
                struct.pack("<3H2L", 0, 0, 0, _ATTRIBUTES, 0),
                self._name + self._extra_field(),
            )
        )
        return directory + _END + struct.pack("<4H2LH", 0, 0, 1, 1, len(directory), start, 0)
