"""Writing one file: a window of writes on the way, so that distance costs no speed."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

import asyncssh

# Bytes on the way before the first answer is needed: fills a fast line over a long distance.
_WINDOW = 4 * 1024 * 1024
_MOST_REQUESTS = 128

Blocks = AsyncGenerator[bytes, None]


async def pump(
    file: asyncssh.SFTPClientFile, blocks: Blocks, block_size: int, moved: Callable[[int], None]
) -> None:
    """Write all blocks, each at its own place; the oldest answer makes room for the next write.

    `block_size` is what the server takes at once, `moved` gets the number of bytes confirmed so
    far. If killed here: any part of the file may be there.

    Raises:
        Exception: one of `faults.RAISED`, to be translated by the caller.
    """
    depth = max(1, min(_WINDOW // block_size, _MOST_REQUESTS))
    pending: deque[asyncio.Future[int]] = deque()
    sent = confirmed = 0
    try:
        async with aclosing(blocks):
            async for block in blocks:
                for piece in _pieces(block, block_size):
                    pending.append(asyncio.ensure_future(file.write(piece, sent)))
                    sent += len(piece)
                    if len(pending) >= depth:
                        confirmed += await pending.popleft()
                        moved(confirmed)
        while pending:
            confirmed += await pending.popleft()
            moved(confirmed)
    finally:
        for write in pending:
            write.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _pieces(block: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(block), size):
        yield block[start : start + size]
