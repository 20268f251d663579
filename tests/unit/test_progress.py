import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path

import pytest
from typing_extensions import override

from sisdrop.progress import PATIENCE, reading

SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    @override
    def isatty(self) -> bool:
        return True


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "students.xml"
    path.write_bytes(bytes(4_000_000))
    return path


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def ticking(*times: float) -> Iterator[float]:
    return chain(times, repeat(times[-1]))


def shown(path: Path, stream: io.StringIO, *times: float, wanted: bool = True) -> str:
    """What is written when the clock says `times`, at the start and at each word."""
    times_left = ticking(*times)
    with reading(path, wanted=wanted, stream=stream, clock=lambda: next(times_left)) as tell:
        for done in (1_000_000, 2_000_000, 4_000_000):
            tell(done)
    return stream.getvalue()


def test_a_file_that_is_read_within_a_second_shows_nothing(file: Path) -> None:
    assert shown(file, Terminal(), 0, 0.1, 0.5, PATIENCE - 0.01) == ""


def test_a_file_that_takes_longer_shows_its_name_its_bytes_and_its_share(file: Path) -> None:
    text = shown(file, Terminal(), 0, 0.1, PATIENCE, 5)
    assert "students.xml" in text
    assert "50%" in text
    assert "2.0/4.0 MB" in text


def test_the_bar_is_gone_at_the_end_and_the_cursor_is_back(file: Path) -> None:
    text = shown(file, Terminal(), 0, 2)
    assert text.count(HIDE) == text.count(SHOW) == 1
    assert text.endswith("\x1b[1A\x1b[2K")


def test_the_bar_is_gone_when_the_reading_is_broken_off(file: Path) -> None:
    stream, times = Terminal(), ticking(0, 2)

    def read() -> None:
        with reading(file, stream=stream, clock=lambda: next(times)) as tell:
            tell(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read()
    assert stream.getvalue().endswith("\x1b[1A\x1b[2K")


def test_nothing_is_written_where_nobody_watches(file: Path) -> None:
    assert shown(file, io.StringIO(), 0, 100) == ""
    assert shown(file, Terminal(), 0, 100, wanted=False) == ""


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_nothing_is_written_where_no_line_can_be_taken_back(
    file: Path, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    assert shown(file, Terminal(), 0, 100) == ""


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[41m\n[red].xml"
    path.touch()
    text = shown(path, Terminal(), 0, 2)
    assert r"\x1b[41m\n[red].xml" in text
    assert "\x1b[41m" not in text


def test_a_long_name_leaves_room_for_the_rest(tmp_path: Path) -> None:
    path = tmp_path / f"{'n' * 200}.xml"
    path.write_bytes(bytes(4_000_000))
    text = shown(path, Terminal(), 0, 2)
    assert "n" * 31 not in text
    assert "4.0/4.0 MB" in text


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), reading(tmp_path / "none.xml", stream=Terminal()):
        pass


def test_tables_and_colours_are_not_loaded_before_a_bar_is_shown() -> None:
    code = "import sys, sisdrop.progress; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@contextmanager
def pseudo_terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = os.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def test_the_bar_shows_on_a_real_terminal(file: Path) -> None:
    with pseudo_terminal() as (ours, theirs), os.fdopen(theirs, "w") as stream:
        times = ticking(0, 2)
        with reading(file, stream=stream, clock=lambda: next(times)) as tell:
            tell(3_000_000)
        stream.flush()
        text = os.read(ours, 1 << 16).decode()
    assert "students.xml" in text
    assert "75%" in text
