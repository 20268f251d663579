"""The service as its own process, with a share, a data folder and a server that are real."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from support.sshd import SLOWNESS, Sshd, free_port

SISDROP = str(Path(sys.executable).with_name("sisdrop"))
_PATIENCE = 20.0 * SLOWNESS


class Service:
    """One installation: folders, a configuration file, and the process when it runs."""

    def __init__(self, base: Path, sshd: Sshd, changes: Mapping[str, Any]) -> None:
        self.inbox = Path(changes.get("inbox", {}).get("path", base / "inbox"))
        self.data = base / "data"
        self.config = base / "config.yaml"
        self.log_file = base / "service.log"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.sshd = sshd
        self.process: subprocess.Popen[bytes] | None = None
        self.inbox.mkdir(exist_ok=True)
        self.data.mkdir()
        self.configure(changes)

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Write the settings: short times, our server, and what the test wants otherwise."""
        settings: dict[str, Any] = {
            "inbox": {"path": str(self.inbox), "settle": "400ms", "scan_interval": "200ms"},
            "data": str(self.data),
            "guard": {"first_load": "deliver"},
            "sftp": {
                "host": self.sshd.host,
                "port": self.sshd.port,
                "username": self.sshd.user,
                "key": str(self.sshd.key),
                "known_hosts": str(self.sshd.known_hosts),
                "retry": {"first": "200ms", "max": "500ms", "probe": "1s"},
            },
            "http": {"host": "127.0.0.1", "port": int(self.url.rsplit(":", 1)[1])},
        }
        for section, values in changes.items():
            if isinstance(values, dict) and isinstance(settings.get(section), dict):
                settings[section] = settings[section] | values
            else:
                settings[section] = values
        self.config.write_text(yaml.safe_dump(settings))

    # The process.

    def start(self, *under: str) -> None:
        """Start the service, under another command if given, and wait until it is ready."""
        command = [*under, SISDROP, "run", "--config", str(self.config)]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log)
        self.wait_for(self._is_ready, "the service is ready")

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log_file.read_text()
        with suppress(OSError):
            return bool(self.get("/readyz"))
        return False

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=_PATIENCE)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of sisdrop beside the service."""
        return subprocess.run(
            [SISDROP, *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )

    # The share.

    def drop(self, name: str, content: bytes | str) -> None:
        """Put a file into the inbox as a rename from another folder would: all at once."""
        data = content.encode() if isinstance(content, str) else content
        aside = self.inbox.parent / "aside"
        aside.write_bytes(data)
        aside.replace(self.inbox / name)

    # What can be seen from outside.

    def get(self, path: str) -> bytes:
        """An HTTP answer's body."""
        with urllib.request.urlopen(self.url + path, timeout=5 * SLOWNESS) as answer:  # noqa: S310 - loopback
            body: bytes = answer.read()
            return body

    def metric(self, series: str) -> float:
        """The value of one series, named as Prometheus shows it."""
        for line in self.get("/metrics").decode().splitlines():
            if line.startswith(f"sisdrop_{series} "):
                return float(line.rsplit(" ", 1)[1])
        raise KeyError(series)

    def files(self) -> list[dict[str, Any]]:
        """All files, oldest first."""
        found: list[dict[str, Any]] = json.loads(self.get("/api/files?limit=1000"))["files"]
        return found[::-1]

    def log(self) -> list[dict[str, Any]]:
        """All log lines."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def events(self, file_id: str) -> list[str]:
        """The events that the log tells of one file."""
        return [line["event"] for line in self.log() if line.get("file_id") == file_id]

    def zips(self) -> list[Path]:
        """What stands on the server, hidden names included."""
        return sorted(self.sshd.upload_dir.iterdir())

    def uploads(self) -> list[Path]:
        """What stands on the server under a final name, in the order of the names."""
        return [path for path in self.zips() if path.suffix == ".zip" and path.name[0] != "."]

    def held_file(self) -> Path:
        """The one file in `held/`, which follows its state by a moment."""
        self.wait_for(lambda: list(self.inbox.glob("held/*.xml")), "the file lies in held")
        (path,) = self.inbox.glob("held/*.xml")
        return path

    def is_uploading(self) -> bool:
        """Whether a temporary name stands on the server."""
        return any(path.name.endswith(".part") for path in self.zips())

    # Waiting.

    def wait_for(self, condition: Callable[[], object], what: str, every: float = 0.05) -> None:
        """Wait for another process; fails with the log when it takes too long."""
        limit = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > limit:
                raise TimeoutError(f"{what}\n{self.log_file.read_text()[-6000:]}")
            time.sleep(every)

    def wait_for_states(self, *states: str) -> list[dict[str, Any]]:
        """Wait until the files, oldest first, stand in exactly these states; returns them."""
        self.wait_for(lambda: [file["state"] for file in self.files()] == [*states], str(states))
        return self.files()


@contextmanager
def installation(base: Path, sshd: Sshd, **changes: Any) -> Iterator[Service]:
    """An installation whose process is gone when the block is left."""
    service = Service(base, sshd, changes)
    try:
        yield service
    finally:
        process = service.process
        if process is not None and process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


def unzip(path: Path) -> tuple[str, bytes]:
    """The one entry of a zip: its name and its bytes, checked."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        (name,) = archive.namelist()
        return name, archive.read(name)
