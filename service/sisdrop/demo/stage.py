"""Where everything of the demo lies, and what must stand there before it begins."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sisdrop import durable
from sisdrop.delivery.demo_server import HOST, USER
from sisdrop.delivery.keys import generate_key
from sisdrop.lock import Lock

# Where a person expects the page; any other port does when somebody else has this one.
HTTP_PORT = 8080
_HEAD = """\
# Written anew by `sisdrop demo` at each start, because the port of its server changes.
# Usable with the other commands while the demo runs.
"""


class Unsuitable(Exception):
    """The demo cannot play in this folder; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One folder that holds the share, the data volume, the server's folder and the secrets."""

    folder: Path

    @property
    def inbox(self) -> Path:
        """The share."""
        return self.folder / "inbox"

    @property
    def data(self) -> Path:
        """The data volume."""
        return self.folder / "data"

    @property
    def server(self) -> Path:
        """What the account on the server sees as its whole world."""
        return self.folder / "server"

    @property
    def upload(self) -> Path:
        """Where zips arrive on the server."""
        return self.server / "upload" / "ALMA" / "SIS"

    @property
    def key(self) -> Path:
        """The private key that opens the account."""
        return self.folder / "secrets" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The pin of the server."""
        return self.folder / "secrets" / "known_hosts"

    @property
    def config(self) -> Path:
        """The settings."""
        return self.folder / "config.yaml"

    @property
    def log(self) -> Path:
        """The log of the service."""
        return self.folder / "sisdrop.log"

    def check(self) -> None:
        """Make sure that nothing in the way is somebody else's.

        Raises:
            Unsuitable: if the folder holds another installation.
            OSError: if it cannot be read.
        """
        if self.config.exists() and self.config.read_text("utf-8", "replace").startswith(_HEAD):
            return
        taken = [p.name for p in (self.config, self.inbox, self.data, self.server) if p.exists()]
        if taken:
            raise Unsuitable(
                f"{self.folder} holds {', '.join(taken)}, which no demo has made; name another"
                " folder with --dir"
            )

    def furnish(self) -> None:
        """Make the folders. The settings come first: they say whose folder this is.

        If killed here: the next start goes on.

        Raises:
            OSError: if the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.config.exists():
            durable.write_file(self.config, _HEAD.encode(), 0o644)
        for folder in (self.inbox, self.data, self.upload):
            folder.mkdir(parents=True, exist_ok=True)
        self.key.parent.mkdir(mode=0o700, exist_ok=True)

    def check_free(self) -> None:
        """Make sure that no other service works on the data folder.

        Raises:
            Unsuitable: if one does.
        """
        with Lock(self.data) as lock:
            if not lock.acquire():
                raise Unsuitable(f"a sisdrop service works in {self.data}; stop it first")

    def make_key(self) -> str:
        """A new key pair for the account in place of the last one; returns the public line.

        Raises:
            OSError: if the folder cannot be written.
        """
        for path in (self.key, self.key.with_name(f"{self.key.name}.pub")):
            path.unlink(missing_ok=True)
        return generate_key(self.key)

    def write_config(self, sftp_port: int, http_port: int, *, hurry: bool) -> None:
        """Write the settings of the service.

        If killed here: the settings of the last start stand, and the next one replaces them.

        Raises:
            OSError: if the folder cannot be written.
        """
        tree = self._settings(sftp_port, http_port, hurry=hurry)
        text = _HEAD + yaml.safe_dump(tree, sort_keys=False)
        durable.write_file(self.config, text.encode(), 0o644)

    def _settings(self, sftp_port: int, http_port: int, *, hurry: bool) -> dict[str, Any]:
        return {
            "inbox": {
                "path": str(self.inbox),
                "scan_interval": "300ms" if hurry else "1s",
                "settle": "300ms" if hurry else "1s",
            },
            "data": str(self.data),
            "streams": [{"name": "patrons", "match": ["*.xml", "*.zip"]}],
            "guard": {"first_load": "deliver"},
            "sftp": {
                "host": HOST,
                "port": sftp_port,
                "username": USER,
                "key": str(self.key),
                "known_hosts": str(self.known_hosts),
                "directory": "~/upload/ALMA/SIS",
            },
            "pickup": {"interval": "5s"},
            "http": {"host": HOST, "port": http_port},
        }


def choose_http_port() -> int:
    """The usual port if it is free, else 0 for any."""
    try:
        with socket.create_server((HOST, HTTP_PORT)):
            return HTTP_PORT
    except OSError:
        return 0
