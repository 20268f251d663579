"""The operating system says no: calls on files below a folder fail, as on a bad or full disk."""

import errno
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

# What a program asks of a file system, and the functions of Python that ask it.
CALLS: dict[str, tuple[str, ...]] = {
    "open": ("open",),
    "read": ("pread",),
    "write": (),
    "fsync": ("fsync",),
    "rename": ("rename", "replace"),
    "unlink": ("unlink",),
    "mkdir": ("mkdir",),
    "rmdir": ("rmdir",),
    "list": ("scandir", "listdir"),
    "stat": ("stat", "lstat"),
}
WRITING = frozenset({"write", "mkdir", "fsync"})
READING = frozenset({"open", "read", "list", "stat"})
_MADE_UP = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+|\d{4}/\d\d/\d\d|\d{8,}")


class Trouble:
    """Fails calls below a folder with an error number: the `at`-th, or all where that is None.

    With `at` beyond all calls nothing fails; `sites` says where they were, as
    `rename data/outgoing/*/*.zip`.
    """

    def __init__(
        self, below: Path, number: int, calls: frozenset[str] = frozenset(CALLS), at: int | None = 0
    ) -> None:
        self.below = below.resolve()
        self.number = number
        self.calls = calls
        self.at = at
        self.sites: list[str] = []

    def meet(self, call: str, *where: Any, dir_fd: int | None = None) -> None:
        """A call is made; raise if it is to fail."""
        if call not in self.calls:
            return
        for one in where:
            path = _absolute(one, dir_fd)
            if path is None or not path.is_relative_to(self.below):
                continue
            self.sites.append(f"{call} {_MADE_UP.sub('*', str(path.relative_to(self.below)))}")
            if self.at in (None, len(self.sites) - 1):
                raise OSError(self.number, os.strerror(self.number), str(path))
            return

    def around(self, call: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of `os` that takes paths or handles."""
        many = 2 if call == "rename" else 1

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.meet(call, *args[:many], dir_fd=kwargs.get("dir_fd"))
            return function(*args, **kwargs)

        return wrapped

    def opening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that makes a file object of a path or a handle."""

        def wrapped(file: Any, *args: Any, **kwargs: Any) -> Any:
            if not isinstance(file, int):
                self.meet("open", file)
            made = function(file, *args, **kwargs)
            ours = _absolute(file, None)
            return _File(made, self) if ours and ours.is_relative_to(self.below) else made

        return wrapped


@contextmanager
def troubled(trouble: Trouble) -> Iterator[Trouble]:
    """Let calls within the block fail as `trouble` says."""
    with ExitStack() as stack:
        for call, names in CALLS.items():
            for name in names:
                wrapped = trouble.around(call, getattr(os, name))
                stack.enter_context(patch.object(os, name, wrapped))
        stack.enter_context(patch.object(os, "fdopen", trouble.opening(os.fdopen)))
        stack.enter_context(patch.object(io, "open", trouble.opening(io.open)))
        yield trouble


def full(below: Path) -> Trouble:
    """The disk of this folder has no room any more; what is there can be read and removed."""
    return Trouble(below, errno.ENOSPC, WRITING, at=None)


def _absolute(where: Any, dir_fd: int | None) -> Path | None:
    try:
        if isinstance(where, int):
            return Path(f"/proc/self/fd/{where}").readlink()
        path = Path(os.fsdecode(where))
        if dir_fd is not None:
            return Path(f"/proc/self/fd/{dir_fd}").readlink() / path
    except OSError:
        return None
    return path.absolute()


class _File:
    """A file object whose reads and writes may fail."""

    def __init__(self, file: Any, trouble: Trouble) -> None:
        self._file = file
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._file, name)
        call = {"read": "read", "readinto": "read", "write": "write", "truncate": "write"}.get(name)
        if call is None:
            return found

        def wrapped(*args: Any) -> Any:
            self._trouble.meet(call, self._file.fileno())
            return found(*args)

        return wrapped

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)
