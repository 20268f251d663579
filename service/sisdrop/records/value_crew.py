"""Read what records hold in worker threads, while the file is still read and checked.

libxml2 and libxslt let go of the interpreter lock, so several cores work at once. Memory is
bounded by the chunks that are under way.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from sisdrop.records.chunk import Chunk
from sisdrop.records.crew import crew_size
from sisdrop.records.values import ValueSheet

Values = list[dict[str, int]]
Take = Callable[[Values], None]


class ValueCrew:
    """Workers with a sheet each; what they read is passed on in the order in which it was asked."""

    def __init__(self) -> None:
        workers = crew_size("auto")
        self._most = 2 * workers
        self._own = threading.local()
        self._under_way: deque[tuple[Take, Future[Values]]] = deque()
        self._executor = ThreadPoolExecutor(workers, "values", self._equip)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(cancel_futures=True)

    def read(self, chunk: Chunk, records: Sequence[int], take: Take) -> None:
        """Have some records of a chunk read; `take` gets what they hold, now or at a later call."""
        if not records:
            return
        self._under_way.append((take, self._executor.submit(self._read, chunk, records)))
        if len(self._under_way) > self._most:
            self._pass_on()

    def finish(self) -> None:
        """Pass on all that has been asked for."""
        while self._under_way:
            self._pass_on()

    def _pass_on(self) -> None:
        take, future = self._under_way.popleft()
        take(future.result())

    def _equip(self) -> None:
        self._own.sheet = ValueSheet()

    def _read(self, chunk: Chunk, records: Sequence[int]) -> Values:
        sheet: ValueSheet = self._own.sheet
        return sheet.read(chunk, records)
