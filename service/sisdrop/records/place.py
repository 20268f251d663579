"""Where something stands in a file: its line and column, its bytes, and the text around it.

Pure but for the source that it reads from.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Protocol

from sisdrop.model import Excerpt
from sisdrop.records.framing import BOM

LONGEST_CHARACTER = 4
_BLOCK = 1 << 18
# Every byte of a character but its first.
_CONTINUING = bytes(range(0x80, 0xC0))
# About a line on a terminal, and little enough of a record.
_EXCERPT = 60
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")


class Source(Protocol):
    """The file, from which any part can be read again."""

    def seek(self, offset: int, /) -> int:
        """Go to an offset in bytes."""
        ...

    def read(self, size: int, /) -> bytes:
        """The next bytes, fewer than `size` only at the end."""
        ...


def locate(source: Source, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1; the column counts characters, not the BOM."""
    line, column = 1, 1 - (offset > 0 and read(source, 0, len(BOM)) == BOM)
    for block in blocks(source, 0, offset):
        rest = block.rpartition(b"\n")[2]
        if breaks := block.count(b"\n"):
            line, column = line + breaks, 1
        # Some exports are one line of gigabytes, so the line itself is not kept.
        column += len(rest.translate(None, _CONTINUING))
    return line, column


def blocks(source: Source, start: int, end: int | None = None) -> Iterator[bytes]:
    """The bytes from `start` to `end`, or to the end of the file."""
    at = start
    while end is None or at < end:
        source.seek(at)
        block = source.read(_BLOCK if end is None else min(_BLOCK, end - at))
        if not block:
            return
        at += len(block)
        yield block


def read(source: Source, offset: int, size: int) -> bytes:
    """The bytes at an offset, fewer than `size` only at the end."""
    source.seek(max(offset, 0))
    return source.read(size)


def character(source: Source, offset: int) -> bytes:
    """The character that begins at an offset, or one byte if none does."""
    raw = read(source, offset, LONGEST_CHARACTER)
    for size in range(1, len(raw) + 1):
        try:
            raw[:size].decode()
        except UnicodeDecodeError:
            continue
        return raw[:size]
    return raw[:1]


def excerpt(source: Source, offset: int, raw: bytes) -> Excerpt | None:
    """The line around an offset, as far as it is near; None where that is no text."""
    before = read(source, offset - _EXCERPT, min(offset, _EXCERPT))
    after = read(source, offset + len(raw), _EXCERPT)
    if _BINARY.search(before + after):
        return None
    # At the end of a file people want to see its last line, not the nothing after it.
    before = (before if raw else before.rstrip(b"\r\n")).rpartition(b"\n")[2]
    after = b"" if raw == b"\n" else after.partition(b"\n")[0]
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    return Excerpt(
        # A character that was cut in half where the excerpt begins is no fault.
        before=before.decode("utf-8", "ignore").lstrip(),
        at=raw.strip(b"\r\n").decode("utf-8", "backslashreplace"),
        after=decoder.decode(after).rstrip(),
    )
