"""Blocks that can only be had in order, as if they were a file: going back begins anew."""

from collections.abc import Callable, Iterator


class Rewinding:
    """Any part of what the blocks hold; `blocks` begins a new pass over them."""

    def __init__(self, blocks: Callable[[], Iterator[bytes]]) -> None:
        self._blocks = blocks
        self._begin()
        self._at = 0

    def seek(self, offset: int, /) -> int:
        """Go to an offset in bytes."""
        self._at = offset
        return offset

    def read(self, size: int, /) -> bytes:
        """The next bytes, fewer than `size` only at the end."""
        if self._at < self._start:
            self._begin()
        found = []
        while size > 0 and self._reach():
            within = self._at - self._start
            piece = self._block[within : within + size]
            found.append(piece)
            self._at += len(piece)
            size -= len(piece)
        return b"".join(found)

    def _begin(self) -> None:
        self._rest = self._blocks()
        self._block = b""
        self._start = 0

    def _reach(self) -> bool:
        """Go on to the block that holds the present offset; False when there is none."""
        while self._at >= self._start + len(self._block):
            block = next(self._rest, None)
            if block is None:
                return False
            self._start += len(self._block)
            self._block = block
        return True
