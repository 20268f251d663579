"""Check slices of a file in several threads, while earlier ones are judged.

libxml2 and libxslt let go of the interpreter lock, so several cores work at once. Whoever waits
for a slice checks another one meanwhile: with more threads than cores, one that is put aside while
it has the interpreter lock would stop all. Memory is bounded by the slices that are under way.
"""

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from sisdrop.records.check import Checked, Checker
from sisdrop.records.chunk import ChunkBroken, Root
from sisdrop.records.roots import RECORD

_END_TAG = b"</" + RECORD.encode() + b">"
# So many slices more than workers are under way, so that nobody waits for the judge, who has the
# interpreter lock only now and then; fewer where they are large.
_AHEAD = 12
_AHEAD_OF_LARGE = 2
_LARGE = 4 << 20
# The judge is one thread, and more than this many workers wait for it.
_MOST_WORKERS = 4


def crew_size(wanted: int | Literal["auto"]) -> int:
    """How many workers check a file: by default one for each core that we may use, at most 4."""
    return min(len(os.sched_getaffinity(0)), _MOST_WORKERS) if wanted == "auto" else wanted


class Slicer:
    """Cuts blocks into slices that end after an end tag of a record, or what looks like one.

    Where there is none for `most` bytes, a slice ends anywhere. `rest` is what is in no slice yet.
    """

    def __init__(self, most: int) -> None:
        self.rest = b""
        self._most = most

    def feed(self, block: bytes) -> bytes | None:
        """Take the next block; gives the slice that is complete by now, if there is one."""
        seen = max(0, len(self.rest) - len(_END_TAG))
        held = self.rest + block
        found = held.rfind(_END_TAG, seen)
        if found < 0 and len(held) <= self._most:
            self.rest = held
            return None
        end = len(held) if found < 0 else found + len(_END_TAG)
        self.rest = held[end:]
        return held[:end]


@dataclass(slots=True)
class _Slice:
    """Bytes under way, and what will be found in them."""

    root: Root
    content: bytes
    found: Future[Checked | None]


class Crew:
    """Workers with a checker each, the caller being one of them; what is given comes back in order.

    There are two or more.
    """

    def __init__(self, checker: Checker, workers: int) -> None:
        self._checker = checker
        self._workers = workers
        self._own = threading.local()
        self._under_way: deque[_Slice] = deque()
        self._executor = ThreadPoolExecutor(workers - 1, "check", self._equip)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(cancel_futures=True)

    @property
    def is_full(self) -> bool:
        """Whether one must come back before another is given."""
        size = sum(len(one.content) for one in self._under_way)
        ahead = _AHEAD if size < _LARGE else _AHEAD_OF_LARGE
        return len(self._under_way) >= self._workers + ahead

    @property
    def is_idle(self) -> bool:
        """Whether all that was given has come back."""
        return not self._under_way

    def give(self, root: Root, content: bytes) -> None:
        """Have a slice checked."""
        found = self._executor.submit(self._check_there, root, content)
        self._under_way.append(_Slice(root, content, found))

    def take(self) -> tuple[bytes, Checked | None]:
        """The oldest slice, and what was found in it: None if it needs the framer's look."""
        while not self._under_way[0].found.done() and self._help():
            pass
        oldest = self._under_way.popleft()
        return oldest.content, oldest.found.result()

    def _help(self) -> bool:
        """Check the oldest slice that nobody has begun, if there is one."""
        for one in self._under_way:
            if one.found.cancel():
                one.found = Future()
                one.found.set_result(_check(self._checker, one.root, one.content))
                return True
        return False

    def _equip(self) -> None:
        self._own.checker = self._checker.fresh()

    def _check_there(self, root: Root, content: bytes) -> Checked | None:
        return _check(self._own.checker, root, content)


def _check(checker: Checker, root: Root, content: bytes) -> Checked | None:
    # Cut anywhere: what stands at the end may go on.
    if not content.endswith(_END_TAG):
        return None
    try:
        return checker.check_slice(root, content)
    except ChunkBroken:
        return None
