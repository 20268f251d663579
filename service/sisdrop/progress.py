"""A progress bar for the reading of one file: on a terminal, and only when it takes long."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, TextIO

from sisdrop.plain import visible

if TYPE_CHECKING:
    from rich.progress import Progress

# Seconds. What is done sooner needs no bar that flashes by.
PATIENCE: Final = 1.0
_NAME_WIDTH = 30


@contextmanager
def reading(
    path: Path,
    *,
    wanted: bool = True,
    stream: TextIO | None = None,
    clock: Callable[[], float] = monotonic,
) -> Iterator[Callable[[int], None]]:
    """Show how far the reading of a file has come; gives what to tell the bytes read so far.

    The bar stands on `stream` (stderr) from the first word after a second on, with the file's
    name, percent, bytes, speed and time left, and is gone at the end, whatever ends it. Nothing
    is written unless `stream` is a terminal and the bar is `wanted`.

    Raises:
        OSError: if the file is not there.
    """
    bar = _Bar(path.name, path.stat().st_size, stream or sys.stderr, clock)
    try:
        yield bar.tell if wanted and bar.stream.isatty() else _say_nothing
    finally:
        bar.stop()


def _say_nothing(_: int) -> None:
    pass


class _Bar:
    """The bar, once the reader's patience has ended."""

    def __init__(self, name: str, size: int, stream: TextIO, clock: Callable[[], float]) -> None:
        self.stream = stream
        self._name = visible(name)
        self._size = size
        self._clock = clock
        self._begun = clock()
        self._progress: Progress | None = None

    def tell(self, done: int) -> None:
        """Say how many bytes have been read so far."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=done)
        elif self._clock() - self._begun >= PATIENCE:
            self._progress = _progress(self.stream)
            self._progress.add_task(self._name, total=self._size, completed=done)
            self._progress.start()

    def stop(self) -> None:
        """Take the bar away, if there is one."""
        if self._progress is not None:
            self._progress.stop()


def _progress(stream: TextIO) -> "Progress":
    # Imported here because most calls never show a bar, and the import takes its time.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.table import Column  # noqa: PLC0415

    name = Column(max_width=_NAME_WIDTH, no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(file=stream),
        expand=True,
        transient=True,
        # A terminal that cannot move its cursor would fill with copies of the bar.
        disable=os.environ.get("TERM") in {"dumb", "unknown"},
    )
