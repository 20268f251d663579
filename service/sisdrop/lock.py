"""Only one instance works on a data folder: an exclusive lock that dies with its process."""

import fcntl
import os
from pathlib import Path
from typing import Self


class Lock:
    """The lock file of a data folder; the kernel frees it however the process ends."""

    def __init__(self, data: Path) -> None:
        self._path = data / "lock"
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody has it; returns whether it is ours now."""
        if self._handle is not None:
            return True
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def is_ours(self) -> bool:
        """Whether this process holds the lock."""
        return self._handle is not None

    def release(self) -> None:
        """Give the lock back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        """The lock itself; acquire it explicitly."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        self.release()
