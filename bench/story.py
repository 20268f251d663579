"""What the log of a running service says about when things happened."""

from datetime import datetime
from pathlib import Path

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


def wait_for_event(service: Service, event: str, count: int = 1, patience: float = 300.0) -> None:
    """Wait until an event has happened so often.

    Raises:
        WentWrongError: if a file is held, rejected or broken meanwhile.
        TimeoutError: if it takes more than `patience` seconds.
    """

    def happened() -> bool:
        lines = service.log()
        for line in lines:
            if line["event"] in _BAD:
                raise WentWrongError(line)
        return [line["event"] for line in lines].count(event) >= count

    wait_for(happened, event, patience)


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
