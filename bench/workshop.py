"""What the rows of a run share: one folder, one server, and each extract, made when asked for."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.measure import run
from support.invented.extract import write_extract
from support.service import Service, installation
from support.sshd import Sshd, running_sshd

SEED = 1


class Workshop:
    """`users` is the size of the large extract; `full` says whether to measure what takes long."""

    def __init__(self, base: Path, users: int, stack: ExitStack, *, full: bool) -> None:
        self.users = users
        self.full = full
        self._base = base
        self._stack = stack
        self._extracts: dict[tuple[int, float], Path] = {}

    @cached_property
    def sshd(self) -> Sshd:
        """A real OpenSSH server on loopback."""
        return self._stack.enter_context(running_sshd())

    def extract(self, users: int | None = None, fault_rate: float = 0.0) -> Path:
        """An extract of so many people, `self.users` unless told."""
        wanted = (users or self.users, fault_rate)
        if wanted not in self._extracts:
            path = self._base / f"{wanted[0]}-{wanted[1]}.xml"
            self.say(f"writing an extract of {wanted[0]:,} users")
            write_extract(path, wanted[0], SEED, fault_rate)
            self._extracts[wanted] = path
        return self._extracts[wanted]

    def forget(self, extract: Path) -> None:
        """Remove an extract that is no longer needed."""
        extract.unlink()
        self._extracts = {key: path for key, path in self._extracts.items() if path != extract}

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder, gone when the block is left."""
        path = Path(tempfile.mkdtemp(dir=self._base))
        try:
            yield path
        finally:
            shutil.rmtree(path)

    @contextmanager
    def installation(self, **changes: Any) -> Iterator[Service]:
        """A new installation that delivers to the server; the upload folder is empty after it."""
        with self.folder() as base:
            try:
                with installation(base, self.sshd, **changes) as service:
                    yield service
            finally:
                for path in self.sshd.upload_dir.iterdir():
                    path.unlink()

    def sftp(self, *commands: str) -> None:
        """Run OpenSSH's own `sftp` against the server."""
        with self.folder() as base:
            batch = base / "batch"
            batch.write_text("".join(f"{command}\n" for command in commands))
            run("sftp", *self.sftp_arguments(batch))

    def sftp_arguments(self, batch: Path) -> list[str]:
        """What `sftp` is told to run a batch as our user, as the service would."""
        sshd = self.sshd
        options = [f"UserKnownHostsFile={sshd.known_hosts}", "IdentitiesOnly=yes"]
        return [
            *("-q", "-b", str(batch), "-P", str(sshd.port), "-i", str(sshd.key)),
            *("-F", "none", *(word for option in options for word in ("-o", option))),
            f"{sshd.user}@{sshd.host}",
        ]

    @staticmethod
    def say(what: str) -> None:
        """Tell whoever waits what is being done; the table alone goes to stdout."""
        print(f"... {what}", file=sys.stderr, flush=True)


@contextmanager
def open_workshop(users: int, *, full: bool) -> Iterator[Workshop]:
    """A workshop whose folder and server are gone when the block is left."""
    with ExitStack() as stack:
        folder: AbstractContextManager[str] = tempfile.TemporaryDirectory(prefix="sisdrop-bench-")
        base = Path(stack.enter_context(folder))
        yield Workshop(base, users, stack, full=full)
