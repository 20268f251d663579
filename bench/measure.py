"""Stopwatches and scales: seconds of commands, memory and processor time of processes."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

MEGABYTE = 1e6
_ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes, with nothing of earlier work left to be written to disk."""
    os.sync()
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def best_of(rounds: int, *sides: Callable[[], float]) -> list[float]:
    """The least of what each side gives; they take turns, so that all meet the same weather."""
    results = [[side() for side in sides] for _ in range(rounds)]
    return [min(result[place] for result in results) for place in range(len(sides))]


def run(*command: str | Path) -> str:
    """The output of a command, which runs at the top of the repository.

    Raises:
        RuntimeError: with its last words, if it fails.
    """
    program = shutil.which(command[0]) or str(command[0])
    result = subprocess.run(
        [program, *map(str, command[1:])], capture_output=True, text=True, check=False, cwd=_ROOT
    )
    if result.returncode != 0:
        raise RuntimeError(result.stderr[-1000:])
    return result.stdout


def wait_for(condition: Callable[[], bool], what: str, patience: float = 300.0) -> None:
    """Wait for another process.

    Raises:
        TimeoutError: if it takes more than `patience` seconds.
    """
    limit = time.monotonic() + patience
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(what)
        time.sleep(0.05)


def peak_memory(pid: int) -> float:
    """The most megabytes that a process has held resident so far."""
    return _status(pid, "VmHWM")


def resident_memory(pid: int) -> float:
    """The megabytes that a process holds resident now."""
    return _status(pid, "VmRSS")


def processor_seconds(pid: int) -> float:
    """Processor time that a process has used so far, user and system, all threads."""
    # The name in brackets may hold anything; what follows is of fixed form.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / _TICKS


def _status(pid: int, key: str) -> float:
    lines: Sequence[str] = Path(f"/proc/{pid}/status").read_text().splitlines()
    (found,) = [line for line in lines if line.startswith(f"{key}:")]
    return int(found.split()[1]) * 1024 / MEGABYTE
