"""Writes the log: one line per event on one stream, and nothing that could name a patron.

Only the keys of the catalogue pass. Exceptions are told by class and place, libraries by name;
their own words never come out, because they quote what they choked on.
"""

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final, Literal, TextIO, Unpack

from typing_extensions import override

from sisdrop.log_catalogue import KEYS, Keys, Level, LogEvent, counts_keys

# structlog imports all of rich if it can, 4 MB that an idle instance would carry for nothing.
_rich = sys.modules.get("rich")
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None is how "absent" is spelled
import structlog  # noqa: E402  # must follow the line above

if _rich is None:
    del sys.modules["rich"]

__all__ = ["Level", "Log", "LogEvent", "configure", "counts_keys", "get", "watch_loop"]

MAX_TEXT: Final = 200
MAX_FRAMES: Final = 20
_NUMBERS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_EventDict = structlog.typing.EventDict
Format = Literal["json", "text"]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, what it groups, and its causes; each once."""
    seen: set[int] = set()
    rest = [error]
    while rest:
        one = rest.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            rest.extend(one.exceptions)
        before = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        if before is not None:
            rest.append(before)


def _place(path: str) -> str:
    """The end of a source path: enough to find the file, nothing about the machine."""
    return "/".join(PurePath(path).parts[-2:])


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as classes and places; never its message, arguments or locals."""
    chain = list(_chain(error))
    frames = [
        f"{_place(frame.f_code.co_filename)}:{line}:{frame.f_code.co_name}"
        for one in reversed(chain)
        for frame, line in walk_tb(one.__traceback__)
    ]
    names = [f"{type(one).__module__}.{type(one).__qualname__}" for one in chain]
    return {
        "error": " < ".join(name.removeprefix("builtins.") for name in names),
        "frames": frames[-MAX_FRAMES:],
    }


def _clean(text: str) -> str:
    """One short line, whatever was in it."""
    return "".join(c if c.isprintable() else "?" for c in text[:MAX_TEXT])


def _presentable(key: str, value: object) -> bool:
    """Whether a value is of a kind that cannot smuggle anything out under this key."""
    if key == "frames":
        return isinstance(value, list)
    if isinstance(value, float) and not isfinite(value):
        return False  # JSON has no word for it
    return key in KEYS and (value is None or isinstance(value, str | int | float))


def _allow_listed(_logger: Any, _method: str, event: _EventDict) -> _EventDict:
    """Drop every key that the catalogue does not list, and every value that is no scalar."""
    return {
        key: _clean(value.value if isinstance(value, StrEnum) else value)
        if isinstance(value, str)
        else value
        for key, value in event.items()
        if _presentable(key, value)
    }


def _exceptions_described(_logger: Any, _method: str, event: _EventDict) -> _EventDict:
    """Replace an exception by its classes and places."""
    cause = event.pop("cause", None)
    described = describe(cause) if isinstance(cause, BaseException) else {}
    return {**event, **described}


def _stamped(now: Callable[[], datetime]) -> structlog.typing.Processor:
    def stamp(_logger: Any, _method: str, event: _EventDict) -> _EventDict:
        """Put time, level and event first, where the eye looks for them."""
        at = now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = {"timestamp": at, "level": event.pop("level"), "event": event.pop("event")}
        return {**head, **event}

    return stamp


class _Lines:
    """Writes whole lines to a stream. A stream that is gone must not stop a delivery."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        # OSError: full or closed pipe. ValueError: the stream was closed.
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = msg


class Log:
    """A logger that takes events and keys of the catalogue only; `mypy` checks both."""

    def __init__(self, bound: Any) -> None:
        self._bound = bound

    def bind(self, **keys: Unpack[Keys]) -> "Log":
        """A logger that adds these keys to every line (`file_id` once, when it is claimed)."""
        return Log(self._bound.bind(**keys))

    def info(self, event: LogEvent, **keys: Unpack[Keys]) -> None:
        """Nobody need act."""
        self._bound.info(LogEvent(event), **keys)

    def warning(
        self, event: LogEvent, cause: BaseException | None = None, **keys: Unpack[Keys]
    ) -> None:
        """Somebody may look; `cause` is told by class and place."""
        self._bound.warning(LogEvent(event), cause=cause, **keys)

    def error(
        self, event: LogEvent, cause: BaseException | None = None, **keys: Unpack[Keys]
    ) -> None:
        """We must act; `cause` is told by class and place."""
        self._bound.error(LogEvent(event), cause=cause, **keys)


def get() -> Log:
    """A logger that follows `configure`, whenever that is called."""
    return Log(structlog.get_logger())


class _Libraries(logging.Handler):
    """Tells that a library spoke, never what it said."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        tell = get().error if record.levelno >= logging.ERROR else get().warning
        tell(LogEvent.LIBRARY_LOGGED, cause, logger=record.name)


def _route_libraries() -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Libraries(logging.WARNING)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    # Otherwise a handler that fails prints the record, words and all.
    logging.raiseExceptions = False


def _uncaught(error: BaseException | None) -> None:
    get().error(LogEvent.EXCEPTION_UNCAUGHT, error)


def _in_process(
    _kind: type[BaseException], error: BaseException, _traceback: TracebackType | None
) -> None:
    _uncaught(error)


def _catch_uncaught() -> None:
    sys.excepthook = _in_process
    threading.excepthook = lambda args: _uncaught(args.exc_value)
    sys.unraisablehook = lambda args: _uncaught(args.exc_value)


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop report what nobody awaited, without its words (they quote arguments)."""
    loop.set_exception_handler(lambda _loop, context: _uncaught(context.get("exception")))


def configure(
    level: str = "info",
    format: Format = "json",  # noqa: A002  # the setting's own name
    stream: TextIO | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Send every line of this process, ours and the libraries', to `stream` (stderr).

    Raises:
        KeyError: if the level is none of debug, info, warning, error.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    lines = _Lines(stream or sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _exceptions_described,
            _allow_listed,
            _stamped(now),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
        logger_factory=lambda *_args: lines,
        cache_logger_on_first_use=False,
    )
    _route_libraries()
    _catch_uncaught()
