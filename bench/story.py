"""What the log of a running service says about when things happened."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from bench.measure import wait_for
from support.service import Service

# What ends a file's way, and what must not happen to a file of a benchmark.
_BAD = frozenset({"file.held", "file.rejected", "file.broken", "file.duplicate"})


class WentWrongError(Exception):
    """A file took another way than the one that is measured."""


def moments(service: Service, event: str) -> list[float]:
    """When an event happened, in seconds since the epoch, to the millisecond."""
    return [
        datetime.fromisoformat(line["timestamp"]).timestamp()
        for line in service.log()
        if line["event"] == event
    ]


def wait_for_event(
    service: Service,
    event: str,
    count: int = 1,
    patience: float = 300.0,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Wait until an event has happened so often; `meanwhile` is called at each look.

    Raises:
        WentWrongError: if a file is held, rejected or broken meanwhile.
        TimeoutError: if it takes more than `patience` seconds.
    """
    with service.log_file.open("rb") as log:
        seen = 0

        def happened() -> bool:
            nonlocal seen
            meanwhile()
            # Only what is new: whoever reads it all at each look slows down what is measured.
            for line in _whole_lines(log):
                if line["event"] in _BAD:
                    raise WentWrongError(line)
                seen += line["event"] == event
            return seen >= count

        wait_for(happened, event, patience)


def _whole_lines(log: BinaryIO) -> Iterator[dict[str, Any]]:
    """The lines that were completed since the last call."""
    begun = log.tell()
    for line in log.read().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        begun += len(line)
        yield json.loads(line)
    log.seek(begun)


def pid(service: Service) -> int:
    """The process id of a running service."""
    if service.process is None:
        raise RuntimeError("it does not run")
    return service.process.pid


def drop(service: Service, extract: Path, name: str = "students.xml") -> None:
    """Put a second name of a file into the inbox: at once, and with nothing to be written."""
    aside = service.inbox.parent / "aside"
    aside.hardlink_to(extract)
    aside.rename(service.inbox / name)
