"""The two deadlines of talking to a server: since the last sign of life, and in all."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

# How often within the idle time bytes are looked for; an idle deadline is late by so much at most.
_LOOKS = 4


def _untold() -> int:
    return 0


class Deadline:
    """Calls `abort` when nothing has moved for `idle` seconds, or after `total` seconds.

    A sign of life is an answer (`touch`), or that `moved`, a count of bytes both ways, has grown:
    on a slow line one answer may take longer than `idle`. Aborting the connection makes everything
    that waits for the server fail at once. Cancelling would not do: the clean-up of a cancelled
    transfer waits for the frozen server again.
    """

    def __init__(
        self,
        idle: float,
        total: float,
        abort: Callable[[], None],
        moved: Callable[[], int] = _untold,
    ) -> None:
        self._idle = idle
        self._total = total
        self._abort = abort
        self._moved = moved
        self._seen = 0
        self._last = 0.0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.expired: str | None = None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        self._seen = self._moved()
        self._timers["idle"] = loop.call_later(self._idle / _LOOKS, self._check)
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
        moved = self._moved()
        if moved != self._seen:
            self._seen = moved
            self.touch()
        left = self._last + self._idle - loop.time()
        if left <= 0:
            self._expire("idle")
        else:
            wait = min(left, self._idle / _LOOKS)
            self._timers["idle"] = loop.call_later(wait, self._check)

    def _expire(self, which: str) -> None:
        self.expired = which
        self._disarm()
        self._abort()

    def _disarm(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
