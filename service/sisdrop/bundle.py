"""Write one zip with one entry whose bytes depend on nothing but the entry's name and content.

No clock, no user, no mode of the original goes in, so that a second run makes the same zip and
its digest can name it on the server.
"""

import hashlib
import os
import re
import struct
import zlib
from pathlib import Path

from sisdrop.durable import sync_folder
from sisdrop.model import Bundle

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END_64, _LOCATOR_64 = b"PK\x06\x06", b"PK\x06\x07"
_DEFLATED = 8
_LEVEL = 6
# 1980-01-01 00:00, the first moment that a zip can name.
_DATE, _TIME = 0x0021, 0
# A regular file that its owner may read and write, made on Unix.
_ATTRIBUTES = 0o100600 << 16
_MADE_ON_UNIX = 3 << 8
_PLAIN, _ZIP64 = 20, 45
_MASK_32 = 0xFFFF_FFFF
_ONE_MIB = 1 << 20
# Deflate makes what it cannot shrink larger by 5 bytes in 16 KiB, and a declaration may be added.
_WORST_GROWTH = 1.001
_LONGEST_STEM = 80


def entry_name(name: str, file_id: str) -> str:
    """The name of the XML inside the zip, as the receiver's job report prints it.

    Only ASCII letters, digits, dots, hyphens and underscores of the dropped name are kept.
    """
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name).stem).strip("._-")[:_LONGEST_STEM]
    return f"{stem or 'file'}.{file_id}.xml"


class BundleWriter:
    """Streams one entry into a zip beside its final path.

    If killed here: a file `.<name>.part` in the same folder, never anything under the final name.

    `size_bound` is the most bytes that the entry can hold; from 4 GiB on the zip is a zip64.

    Raises:
        OSError: from any method, when the disk says so. `discard` then cleans up.
    """

    def __init__(self, path: Path, entry: str, size_bound: int) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._entry = entry
        self._name = entry.encode("ascii")
        self._zip64 = size_bound * _WORST_GROWTH + _ONE_MIB > _MASK_32
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = 0
        self._size = 0
        self._packed = 0
        descriptor = os.open(
            self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        self._file = os.fdopen(descriptor, "w+b")
        self._file.write(self._local_header())

    def write(self, content: bytes) -> None:
        """Append to the entry."""
        self._crc = zlib.crc32(content, self._crc)
        self._size += len(content)
        self._put(self._deflate.compress(content))

    def finish(self, *, identical: bool) -> Bundle:
        """Close the zip, make it durable and give it its name.

        If killed here: the temporary file, or the complete zip under its final name.
        """
        self._put(self._deflate.flush())
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
        self._file.write(packed)
        self._packed += len(packed)

    def _common_fields(self) -> bytes:
        """The part that the local header and the central directory share."""
        version = _ZIP64 if self._zip64 else _PLAIN
        size, packed = (_MASK_32, _MASK_32) if self._zip64 else (self._size, self._packed)
        extra = len(self._extra_field())
        return struct.pack(
            "<5H3L2H",
            *(version, 0, _DEFLATED, _TIME, _DATE),
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
        if self._zip64:
            directory += self._end_of_zip64(start, len(directory))
            start = _MASK_32
            size = _MASK_32
        else:
            size = len(directory)
        return directory + _END + struct.pack("<4H2LH", 0, 0, 1, 1, size, start, 0)

    @staticmethod
    def _end_of_zip64(start: int, size: int) -> bytes:
        record = struct.pack("<Q2H2L4Q", 44, _ZIP64, _ZIP64, 0, 0, 1, 1, size, start)
        return _END_64 + record + _LOCATOR_64 + struct.pack("<LQL", 0, start + size, 1)
