"""Unpack one entry of a zip from the blocks of the whole file, and hold it to what it promised.

Memory is bounded by one block of the file and one of what comes out of it.
"""

import zlib
from collections.abc import Iterator

from sisdrop.model import Fatal
from sisdrop.records import zip_faults
from sisdrop.records.zip_directory import DEFLATED, Entry

_BLOCK = 256 << 10


class Unpacker:
    """Takes the blocks of a zip in order; `fault` says why it gave up, if it did.

    More than the promised size never comes out. That all came out, with the right checksum, is
    known when `close` is through.
    """

    def __init__(self, entry: Entry) -> None:
        self.fault: Fatal | None = None
        self._entry = entry
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if entry.method == DEFLATED else None
        self._at = 0
        self._size = 0
        self._crc = 0

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """What the next block of the zip holds of the entry, in blocks of at most 256 KiB."""
        entry, at = self._entry, self._at
        self._at += len(raw)
        packed = raw[max(0, entry.start - at) : max(0, entry.end - at)]
        if self._inflater is None:
            yield from self._checked(packed)
            return
        while packed and self.fault is None:
            unpacked, packed = self._inflate(self._inflater, packed)
            yield from self._checked(unpacked)

    def close(self) -> Iterator[bytes]:
        """What was still to come when the zip had ended."""
        if self._inflater is not None and self.fault is None:
            yield from self._checked(self._flush(self._inflater))
        if self._size != self._entry.size or self._crc != self._entry.crc:
            self._give_up()

    def _inflate(self, inflater: "zlib._Decompress", packed: bytes) -> tuple[bytes, bytes]:
        """What comes out, and what was not looked at yet."""
        try:
            unpacked = inflater.decompress(packed, _BLOCK)
        except zlib.error:
            self._give_up()
            return b"", b""
        if inflater.unused_data:
            self._give_up()
        return unpacked, inflater.unconsumed_tail

    def _flush(self, inflater: "zlib._Decompress") -> bytes:
        """The few bytes that the last block left inside: all of its input was looked at."""
        try:
            rest = inflater.flush()
        except zlib.error:
            rest = b""
        if not inflater.eof or inflater.unused_data:
            self._give_up()
        return rest

    def _checked(self, content: bytes) -> Iterator[bytes]:
        self._size += len(content)
        self._crc = zlib.crc32(content, self._crc)
        if self._size > self._entry.size:
            self._give_up()
        elif content and self.fault is None:
            yield content

    def _give_up(self) -> None:
        self.fault = self.fault or zip_faults.damaged()
