import ast
import asyncio
import gc
import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog
from typing_extensions import override

from sisdrop import log
from sisdrop.errors import Reason
from sisdrop.log_catalogue import EVENTS, KEYS, Keys, Level, LogEvent, document
from sisdrop.model import Counts, Stage

ROOT = Path(__file__).parents[2]
CANARY = "Fakename-Zzyzx 29999000012345"
NOW = datetime(2026, 11, 23, 19, 3, 1, 250_000, tzinfo=UTC)


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    stream = io.StringIO()
    log.configure("info", "json", stream, now=lambda: NOW)
    yield stream
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    root.handlers[:], logging.raiseExceptions = handlers, raising
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(secret: str) -> NoReturn:
    name = secret
    raise ValueError(f"cannot read {name}")


def caught(secret: str = CANARY) -> Exception:
    try:
        try:
            fail(secret)
        except ValueError as error:
            raise KeyError(secret) from error
    except KeyError as error:
        return error


def test_a_line_is_one_json_object_with_time_level_and_event_first(out: io.StringIO) -> None:
    log.get().info(LogEvent.FILE_CLAIMED, file_id="20261123T190301Z-4f7c", stage=Stage.CLAIM)

    assert out.getvalue() == (
        '{"timestamp": "2026-11-23T19:03:01.250Z", "level": "info", "event": "file.claimed", '
        '"file_id": "20261123T190301Z-4f7c", "stage": "claim"}\n'
    )


def test_times_of_any_zone_are_written_in_utc(out: io.StringIO) -> None:
    chicago = timezone(timedelta(hours=-6))
    log.configure("info", "json", out, now=lambda: NOW.astimezone(chicago))
    log.get().info(LogEvent.SERVICE_STARTED)
    assert lines(out)[0]["timestamp"] == "2026-11-23T19:03:01.250Z"


def test_bound_keys_come_with_every_line_and_do_not_leak_to_other_loggers(out: io.StringIO) -> None:
    bound = log.get().bind(file_id="a-1", stream="patrons")
    bound.warning(LogEvent.FILE_HELD, reason=Reason.SHRUNK)
    log.get().info(LogEvent.SERVICE_STOPPED)
    first, second = lines(out)
    assert (first["file_id"], first["stream"], first["reason"]) == ("a-1", "patrons", "shrunk")
    assert "file_id" not in second


def test_counts_are_told_by_name(out: io.StringIO) -> None:
    log.get().info(
        LogEvent.FILE_FINISHED, **log.counts_keys(Counts(total=9, delivered=8, warned=1))
    )
    assert {"total": 9, "delivered": 8, "warned": 1}.items() <= lines(out)[0].items()


def test_keys_that_the_catalogue_does_not_list_never_pass(out: io.StringIO) -> None:
    structlog.get_logger().info(LogEvent.FILE_CLAIMED, primary_id=CANARY, stream="patrons")
    assert CANARY not in out.getvalue()
    assert lines(out)[0]["stream"] == "patrons"


@pytest.mark.parametrize(
    "value", [[CANARY], {"name": CANARY}, CANARY.encode(), Path(CANARY), float("nan"), object()]
)
def test_values_that_are_no_scalars_never_pass(out: io.StringIO, value: object) -> None:
    structlog.get_logger().info(LogEvent.FILE_CLAIMED, stream=value)
    assert CANARY not in out.getvalue()
    assert "stream" not in lines(out)[0]


def test_text_is_cut_and_kept_on_one_line(out: io.StringIO) -> None:
    log.get().info(LogEvent.FILE_CLAIMED, hint="a\nb\x1b[31m" + "x" * 500)
    hint = lines(out)[0]["hint"]
    assert len(hint) == 200
    assert hint.startswith("a?b?[31mxxx")


def test_an_event_outside_the_catalogue_is_refused(out: io.StringIO) -> None:
    with pytest.raises(ValueError, match="is not a valid LogEvent"):
        log.get().info("file.eaten")  # type: ignore[arg-type]  # what mypy refuses, so does the call


def test_a_level_below_the_configured_one_is_not_written(out: io.StringIO) -> None:
    log.configure("warning", "json", out)
    log.get().info(LogEvent.SERVICE_STARTED)
    log.get().warning(LogEvent.SCAN_FAILED)
    assert [line["event"] for line in lines(out)] == ["scan.failed"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(KeyError):
        log.configure("chatty")


def test_text_format_says_the_same_to_the_eye(out: io.StringIO) -> None:
    log.configure("info", "text", out, now=lambda: NOW)
    log.get().error(LogEvent.LANE_BLOCKED, caught(), reason=Reason.AUTH, hint="Ask for the key")
    text = out.getvalue()
    assert text.count("\n") == 1
    assert "lane.blocked" in text
    assert "reason=auth" in text
    assert CANARY not in text


def test_an_exception_is_told_by_classes_and_places_only(out: io.StringIO) -> None:
    log.get().error(LogEvent.FILE_BROKEN, caught())
    line = lines(out)[0]
    assert line["error"] == "KeyError < ValueError"
    assert line["frames"][-1].startswith("unit/test_log.py:")
    assert line["frames"][-1].endswith(":caught")
    assert any(frame.endswith(":fail") for frame in line["frames"])
    assert CANARY not in out.getvalue()


def test_grouped_exceptions_are_told_too(out: io.StringIO) -> None:
    log.get().error(LogEvent.FILE_BROKEN, ExceptionGroup(CANARY, [OSError(CANARY), caught()]))
    assert lines(out)[0]["error"] == "ExceptionGroup < OSError < KeyError < ValueError"
    assert CANARY not in out.getvalue()


def test_an_exception_that_causes_itself_is_told_once(out: io.StringIO) -> None:
    error = ValueError(CANARY)
    error.__cause__ = error
    log.get().error(LogEvent.FILE_BROKEN, error)
    assert lines(out)[0]["error"] == "ValueError"


def test_endless_recursion_leaves_a_short_line(out: io.StringIO) -> None:
    def again() -> None:
        again()

    with pytest.raises(RecursionError) as caught_:
        again()
    log.get().error(LogEvent.FILE_BROKEN, caught_.value)
    assert len(lines(out)[0]["frames"]) == log.MAX_FRAMES


@pytest.mark.parametrize("name", ["asyncssh", "uvicorn.error", "watchdog", "asyncio", "x.y"])
def test_what_a_library_says_is_told_without_its_words(out: io.StringIO, name: str) -> None:
    logging.getLogger(name).warning("user %s at /home/%s", CANARY, CANARY)
    logging.getLogger(name).error("failed for " + CANARY)  # noqa: G003  # the worst case
    assert [(line["event"], line["level"], line["logger"]) for line in lines(out)] == [
        ("library.logged", "warning", name),
        ("library.logged", "error", name),
    ]
    assert CANARY not in out.getvalue()


def test_library_chatter_below_warning_is_not_told(out: io.StringIO) -> None:
    logging.getLogger("asyncssh").info(CANARY)
    logging.getLogger("uvicorn.access").info(CANARY)
    assert out.getvalue() == ""


def test_a_library_exception_keeps_its_place_and_loses_its_words(out: io.StringIO) -> None:
    logging.getLogger("asyncio").error("Task failed: %s", CANARY, exc_info=caught())
    line = lines(out)[0]
    assert line["error"] == "KeyError < ValueError"
    assert CANARY not in out.getvalue()


def test_python_warnings_are_told_without_their_words(out: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn(CANARY, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert [line["logger"] for line in lines(out)] == ["py.warnings"]
    assert CANARY not in out.getvalue()


def test_an_uncaught_exception_is_told_without_its_words(out: io.StringIO) -> None:
    error = caught()
    sys.excepthook(type(error), error, error.__traceback__)
    assert lines(out)[0]["event"] == "exception.uncaught"
    assert lines(out)[0]["error"] == "KeyError < ValueError"
    assert CANARY not in out.getvalue()


def test_an_uncaught_exception_in_a_thread_is_told_without_its_words(
    out: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    # pytest watches threads with a hook of its own, so ours is called the way Python does.
    error = caught()
    thread = threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs((type(error), error, None, thread)))
    assert lines(out)[0]["error"] == "KeyError < ValueError"
    assert CANARY not in out.getvalue() + "".join(capfd.readouterr())


def test_an_exception_in_a_finalizer_is_told_without_its_words(
    out: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    class Patron:
        @override
        def __repr__(self) -> str:
            return CANARY

        def __del__(self) -> None:
            fail(CANARY)

    patron: Patron | None = Patron()
    assert patron is not None
    patron = None
    gc.collect()
    assert lines(out)[0]["error"] == "ValueError"
    assert CANARY not in out.getvalue() + "".join(capfd.readouterr())


async def test_what_nobody_awaited_is_told_without_its_words(out: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    log.watch_loop(loop)
    loop.call_exception_handler({"message": CANARY, "exception": caught(), "future": CANARY})
    loop.call_exception_handler({"message": CANARY})
    loop.set_exception_handler(None)
    assert [line["event"] for line in lines(out)] == ["exception.uncaught"] * 2
    assert lines(out)[0]["error"] == "KeyError < ValueError"
    assert CANARY not in out.getvalue()


class _Broken(io.StringIO):
    @override
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_log_that_nobody_reads_does_not_stop_the_work(out: io.StringIO) -> None:
    log.configure("info", "json", _Broken())
    log.get().info(LogEvent.SERVICE_STARTED)
    closed = io.StringIO()
    log.configure("info", "json", closed)
    closed.close()
    log.get().info(LogEvent.SERVICE_STARTED)


def test_every_event_has_a_sentence_and_every_key_a_meaning() -> None:
    assert set(EVENTS) == set(LogEvent)
    added = {"timestamp", "level", "event", "error", "frames"}
    assert set(KEYS) == set(Keys.__annotations__) | added


def test_events_are_a_noun_and_what_happened_to_it() -> None:
    for event in LogEvent:
        noun, _, what = event.partition(".")
        assert noun.isalpha()
        assert what.replace("_", "").isalpha()


def _calls(tree: ast.AST) -> Iterator[tuple[str, LogEvent]]:
    """Every call of the form `<logger>.<level>(LogEvent.NAME, …)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Attribute) and ast.unparse(first.value).endswith("LogEvent"):
                yield node.func.attr, LogEvent[first.attr]


def test_the_code_writes_each_event_at_a_level_that_the_catalogue_gives() -> None:
    """Held for every module of the service, so that the catalogue cannot lie about levels."""
    wrong = [
        (path.name, level, event)
        for path in (ROOT / "service").rglob("*.py")
        for level, event in _calls(ast.parse(path.read_text()))
        if level in set(Level) and Level(level) not in EVENTS[event].levels
    ]
    assert wrong == []


def test_the_catalogue_for_people_is_fresh() -> None:
    assert (ROOT / "docs" / "logging.md").read_text() == document(), (
        "run: .venv/bin/python -m sisdrop.log_catalogue > docs/logging.md"
    )


def test_importing_the_log_does_not_cost_the_library_it_never_uses() -> None:
    code = "import sys, sisdrop.log; print('rich' in sys.modules); import rich"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
