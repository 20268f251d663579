"""The two deadlines of talking to a server: since the last sign of life, and in all."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Deadline:
    """Calls `abort` when nothing has moved for `idle` seconds, or after `total` seconds.

    Aborting the connection makes everything that waits for the server fail at once. Cancelling
    would not do: the clean-up of a cancelled transfer waits for the frozen server again.
    """

    def __init__(self, idle: float, total: float, abort: Callable[[], None]) -> None:
        self._idle = idle
        self._total = total
        self._abort = abort
        self._last = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.expired: str | None = None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        self._timers["idle"] = loop.call_later(self._idle, self._check)
        self._timers["total"] = loop.call_later(self._total, self._expire, "total")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._disarm()

    def touch(self) -> None:
        """The server gave a sign of life."""
        self._last = asyncio.get_running_loop().time()

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._last >= self._idle:
            self._expire("idle")
        else:
            self._timers["idle"] = loop.call_at(self._last + self._idle, self._check)

    def _expire(self, which: str) -> None:
        self.expired = which
        self._disarm()
        self._abort()

    def _disarm(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
