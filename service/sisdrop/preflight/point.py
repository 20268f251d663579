"""One point of the preflight, and how looking at something becomes one."""

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from sisdrop.errors import ServiceError
from sisdrop.plain import number
from sisdrop.units import MIB

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was looked at: whether it is good, and what it is or how to mend it."""

    name: str
    ok: bool
    detail: str


class Unfit(Exception):
    """What was looked at cannot be used; the text says why and how to mend it."""


class _Hung(Exception):
    """A look did not come back in time."""


def skipped(name: str, because: str) -> Point:
    """A point that could not be looked at. Nobody knows that it is good, so it is not."""
    return Point(name, ok=False, detail=f"not looked at, because {because}")


class Looker:
    """Looks at the points of one place, and gives that place up when it hangs.

    A dead network share blocks whoever touches it, so each look has `patience` seconds, in a
    thread that nobody waits for at the end.
    """

    def __init__(self, place: str, patience: float, remedy: str) -> None:
        self._place = place
        self._remedy = remedy
        self._patience = patience
        self._hangs = False

    def look(self, name: str, action: Callable[[], str]) -> Point:
        """The point that `action` makes: what it returns is good, what it raises is not."""
        return self.find(name, action, str)[0]

    def find(
        self, name: str, action: Callable[[], T], tell: Callable[[T], str]
    ) -> tuple[Point, T | None]:
        """As `look`, with the value that was found; None when the point is bad."""
        if self._hangs:
            return skipped(name, f"{self._place} does not answer"), None

        def find_and_tell() -> tuple[T, str]:
            found = action()
            return found, tell(found)

        try:
            found, detail = _within(self._patience, find_and_tell)
            return Point(name, ok=True, detail=detail), found
        except _Hung:
            self._hangs = True
            detail = f"{self._place} did not answer within {self._patience:.0f} s: {self._remedy}"
        except Unfit as error:
            detail = str(error)
        except ServiceError as error:
            number = error.facts.get("errno")
            detail = f"{error.hint} ({number})" if number else error.hint
        except OSError as error:
            detail = f"{self._place} cannot be used: {_explain(error)}"
        return Point(name, ok=False, detail=detail), None


def errno_name(error: OSError) -> str:
    """The system's word for an error, such as EACCES."""
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def mebibytes(size: int) -> str:
    """Bytes as people compare room: `1,024 MiB`."""
    return f"{number(size // MIB)} MiB"


def _explain(error: OSError) -> str:
    """The error's word, the path that it is about (a folder or file of ours), and the fix."""
    where = f" at {error.filename}" if isinstance(error.filename, str) else ""
    said = f"{errno_name(error)}{where}"
    if isinstance(error, PermissionError):
        return f"{said}; give user {os.geteuid()} (group {os.getegid()}) the right to use it"
    return said


def _within(patience: float, action: Callable[[], T]) -> T:
    outcome: Future[T] = Future()

    def work() -> None:
        try:
            outcome.set_result(action())
        except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread
            outcome.set_exception(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(patience)
    if not outcome.done():
        raise _Hung
    return outcome.result()
