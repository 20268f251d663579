"""Programs that run beside the tests; each is ended by its own process id, the last one first."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_GRACE = 20.0
_TAIL = 30


class Daemons:
    """What was started, with a log for each in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, *command: str | Path, env: Mapping[str, str] | None = None) -> None:
        """Start a program; it may not be ready yet when this returns."""
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
            )
        self._running.append((name, process))

    def stop(self, name: str) -> None:
        """End one of them: SIGTERM, and SIGKILL when that does not help."""
        for entry in [entry for entry in self._running if entry[0] == name]:
            self._running.remove(entry)
            _end(entry[1])

    def stop_all(self) -> None:
        """End those that still run."""
        while self._running:
            _end(self._running.pop()[1])

    def wait_for(self, condition: Callable[[], bool], what: str, within: float) -> None:
        """Wait until something is so; fails with the ends of the logs.

        Raises:
            TimeoutError: if it takes longer, or if one of the programs has ended.
        """
        limit = time.monotonic() + within
        while not condition():
            gone = [name for name, process in self._running if process.poll() is not None]
            if gone or time.monotonic() > limit:
                raise TimeoutError(f"{what} (ended: {gone})\n{self._tails()}")
            time.sleep(0.2)

    def _tails(self) -> str:
        return "\n".join(
            "\n".join([f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-_TAIL:]])
            for log in sorted(self._folder.glob("*.log"))
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
