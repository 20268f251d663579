"""A server in memory, with the steps and the failures of a real one.

`contract/test_sftp.py` says how the real one behaves; `deliver` follows the same order: look,
sweep, write under a temporary name, rename, look again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sisdrop.delivery import remote
from sisdrop.delivery.phases import Phase
from sisdrop.delivery.remote import Absent, Entry, Fate, Present, Taken, temporary_name
from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient
from sisdrop.model import Delivered

_OPERATORS = {
    Phase.LOGIN: Reason.AUTH,
    Phase.FOLDER: Reason.REMOTE_PATH,
    Phase.OPEN: Reason.REMOTE_PERMISSION,
}


def lost(phase: Phase) -> Transient:
    """The connection breaks in this phase."""
    return Transient(Reason.CONNECTION_LOST, "the connection broke off", {"phase": phase.value})


def refused(phase: Phase) -> NeedsOperator:
    """The server says no in this phase, and an operator must act."""
    return NeedsOperator(_OPERATORS[phase], "ask the server's owner", {"phase": phase.value})


class FakeServer:
    """What stands on the server, and how often it was asked.

    `failing` maps a phase to the error met before it, `failing_after` to one met when its work is
    done: the answer is lost. After that, one that is `breaking_down` cannot be reached any more.
    `taking` lets the receiver rename what arrives at once.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.failing: dict[Phase, ServiceError] = {}
        self.failing_after: dict[Phase, ServiceError] = {}
        self.refusing: dict[bytes, ServiceError] = {}
        self.taking = False
        self.breaking_down = False
        self.frozen: asyncio.Event | None = None
        self.connects = 0
        self.log: list[str] = []

    def twin(self) -> "FakeServer":
        """Another server that is now as this one is."""
        twin = FakeServer()
        twin.files, twin.log = dict(self.files), list(self.log)
        twin.failing, twin.failing_after = dict(self.failing), dict(self.failing_after)
        twin.breaking_down, twin.taking = self.breaking_down, self.taking
        return twin

    @property
    def names(self) -> list[str]:
        """All names on it, hidden ones included."""
        return sorted(self.files)

    # The steps: each is one effect, and a place to die before and after.

    def connect(self) -> None:
        """Somebody connects."""
        self.connects += 1

    def put(self, name: str, content: bytes) -> None:
        """A file is written under a name."""
        self.files[name] = content

    def rename(self, old: str, new: str) -> None:
        """A file gets another name."""
        self.files[new] = self.files.pop(old)
        self.log.append(new)
        if self.taking:
            self.files[f"{new}.old"] = self.files.pop(new)

    def remove(self, name: str) -> None:
        """A file is removed."""
        self.files.pop(name, None)

    def meet(self, phase: Phase, *, after: bool = False) -> None:
        """Fail, if this phase is to."""
        error = (self.failing_after if after else self.failing).get(phase)
        if error is not None:
            if self.breaking_down:
                self.failing[Phase.CONNECT] = lost(Phase.CONNECT)
            raise error

    # What the courier sees.

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["FakeConnection"]:
        """One connection, as `delivery.sftp.connect` yields."""
        self.connect()
        self.meet(Phase.CONNECT)
        self.meet(Phase.LOGIN)
        yield FakeConnection(self)


class FakeConnection:
    """An open connection to such a server."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server

    async def deliver(  # noqa: PLR0913 - as the real one
        self,
        directory: str,
        zip_path: Path,
        remote_name: str,
        stale: frozenset[str],
        progress: Callable[[int], None],
        *,
        in_doubt: bool = True,  # noqa: ARG002 - it looks at everything each time
    ) -> Delivered:
        """Put a zip under its final name, or find it there."""
        server = self._server
        content = await asyncio.to_thread(zip_path.read_bytes)
        server.meet(Phase.FOLDER)
        found = self._look(remote_name, len(content))
        if not isinstance(found, Absent):
            return self._delivered(directory, remote_name, len(content), found, found_before=True)
        for name in remote.plan_sweep(remote_name, stale, self._listing()):
            server.remove(name)
        await self._send(remote_name, content, progress)
        found = self._look(remote_name, len(content))
        return self._delivered(directory, remote_name, len(content), found, found_before=False)

    async def fates(self, directory: str, finals: Collection[str]) -> Mapping[str, Fate]:  # noqa: ARG002
        """What became of zips that stood under these names."""
        self._server.meet(Phase.FOLDER)
        return {final: remote.fate(final, self._server.files) for final in finals}

    async def _send(self, name: str, content: bytes, progress: Callable[[int], None]) -> None:
        server, temporary = self._server, temporary_name(name)
        server.meet(Phase.OPEN)
        for word, error in server.refusing.items():
            if word.decode() in name:
                raise error
        server.put(temporary, content[: len(content) // 2])
        if server.frozen is not None:
            await server.frozen.wait()
        server.meet(Phase.WRITE)
        server.put(temporary, content)
        progress(len(content))
        try:
            server.meet(Phase.RENAME)
        except ServiceError:
            with suppress(ServiceError):
                server.remove(temporary)
            raise
        server.rename(temporary, name)
        server.meet(Phase.RENAME, after=True)

    def _listing(self) -> dict[str, Entry]:
        return {name: Entry(len(content)) for name, content in self._server.files.items()}

    def _look(self, name: str, size: int) -> remote.Found:
        self._server.meet(Phase.STAT)
        return remote.look_up(name, size, self._listing())

    @staticmethod
    def _delivered(
        directory: str, name: str, size: int, found: remote.Found, *, found_before: bool
    ) -> Delivered:
        if not isinstance(found, Present | Taken):
            raise NeedsOperator(Reason.REMOTE_CONFLICT, "look at it", {"phase": Phase.STAT.value})
        taken = found.name if isinstance(found, Taken) else None
        return Delivered(remote.join(directory, name), size, found_before, taken)
