"""The service in a container: its volumes, its settings, and what can be seen from outside."""

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from support.podman import Podman
from support.sshd import Sshd

_PATIENCE = 30.0
_MEMORY = "256m"


class Installation:
    """Folders and settings for a container that runs as `user` (`UID:GID`)."""

    def __init__(self, base: Path, sshd: Sshd, user: str) -> None:
        self.inbox = base / "inbox"
        self.data = base / "data"
        self.secrets = base / "secrets"
        self.user = user
        self.sshd = sshd
        self._config = base / "config.yaml"
        for folder in (self.inbox, self.data, self.secrets):
            folder.mkdir()
        self._config.write_text(yaml.safe_dump(self._settings()))
        shutil.copy(sshd.known_hosts, self.secrets / "known_hosts")
        shutil.copy(sshd.key, self.secrets / "id_ed25519")
        for path in (self.inbox, self.data, self.secrets, *self.secrets.iterdir()):
            self._own(path)

    def _settings(self) -> dict[str, Any]:
        return {
            "inbox": {"path": "/inbox", "settle": "400ms", "scan_interval": "200ms"},
            "data": "/data",
            "guard": {"first_load": "deliver"},
            "sftp": {
                "host": self.sshd.host,
                "port": self.sshd.port,
                "username": self.sshd.user,
                "key": "/secrets/id_ed25519",
                "known_hosts": "/secrets/known_hosts",
                "retry": {"first": "200ms", "max": "500ms", "probe": "1s"},
            },
        }

    def _own(self, path: Path) -> None:
        uid, _, gid = self.user.partition(":")
        os.chown(path, int(uid), int(gid))

    def drop(self, name: str, content: str) -> None:
        """Put a file into the inbox, all at once."""
        aside = self.inbox.parent / "aside"
        aside.write_text(content)
        self._own(aside)
        aside.rename(self.inbox / name)

    def options(self, network: str) -> list[str]:
        """What podman is told so that nothing is allowed that is not needed."""
        volumes = {
            self.inbox: "/inbox",
            self.data: "/data",
            self.secrets: "/secrets:ro",
            self._config: "/etc/sisdrop/config.yaml:ro",
        }
        return [
            f"--network={network}",
            f"--user={self.user}",
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            f"--memory={_MEMORY}",
            "--pids-limit=64",
            *(f"--volume={outside}:{inside}" for outside, inside in volumes.items()),
        ]


class Running:
    """A container with the service in it."""

    def __init__(self, podman: Podman, name: str, port: int = 8080) -> None:
        self._podman = podman
        self._name = name
        self.address = podman.address(name)
        self.url = f"http://{self.address}:{port}"

    def get(self, path: str) -> bytes:
        """What the service answers.

        Raises:
            OSError: if it does not, or says that something is wrong.
        """
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310 - our own
            return bytes(answer.read())

    def check(self, name: str) -> tuple[bool, str]:
        """One check of `/readyz`: whether it is good, and its sentence.

        Raises:
            OSError: if nothing answers.
        """
        try:
            body = self.get("/readyz")
        except urllib.error.HTTPError as answer:
            body = answer.read()
        found = json.loads(body)["checks"][name]
        return bool(found["ok"]), str(found["detail"])

    def log(self) -> list[dict[str, Any]]:
        """What the service logged so far."""
        lines = self._podman.logs(self._name).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def says(self, event: str) -> bool:
        """Whether this was logged."""
        return any(line["event"] == event for line in self.log())

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so; fails with the log when it takes too long."""
        limit = time.monotonic() + _PATIENCE
        while not condition():
            self.look()
            if time.monotonic() > limit or not self._runs():
                raise TimeoutError(f"{what}: {self._podman.logs(self._name)}")
            time.sleep(0.1)

    def look(self) -> None:
        """What is done beside while something is waited for."""

    def _runs(self) -> bool:
        return bool(self._podman.inspect(self._name)["State"]["Running"])

    def is_ready(self) -> bool:
        """Whether it says so itself."""
        with suppress(OSError):
            return bool(self.get("/readyz"))
        return False

    def stop(self, grace: int) -> int:
        """SIGTERM, and SIGKILL after so many seconds; gives the exit code."""
        self._podman("stop", f"--time={grace}", self._name)
        return int(self._podman.inspect(self._name)["State"]["ExitCode"])


@contextmanager
def running(podman: Podman, image: str, installed: Installation, network: str) -> Iterator[Running]:
    """The service in a container, ready; gone when the block is left."""
    with podman.container(*installed.options(network), image) as name:
        service = Running(podman, name)
        service.wait_for(service.is_ready, "it is ready")
        yield service
