"""An SFTP server that misbehaves on purpose, for what a sound OpenSSH cannot be made to do."""

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import asyncssh
from typing_extensions import override

from sisdrop.delivery.session import Target
from support.targets import target_on


class How(StrEnum):
    """How an operation fails."""

    DENIED = "denied"
    FAILURE = "failure"
    DROPPED = "dropped"
    HANGING = "hanging"


@dataclass
class Mood:
    """What goes wrong, and, in the lists, what was asked for all the same.

    `room` are the bytes that fit on the disk; None is no limit. `pace` are the seconds that the
    server takes over each piece of a file; `fails` are operations of `OPERATIONS` by how they fail.
    """

    room: int | None = None
    hides_room: bool = False
    refuses_rename: bool = False
    denies_rename: bool = False
    loses_rename_reply: bool = False
    fails_after_rename: bool = False
    takes_at_once: str | None = None
    swallows: bool = False
    forgets_tail: bool = False
    says_nothing: bool = False
    password: str | None = None
    pace: float = 0.0
    also_lists: tuple[bytes, ...] = ()
    fails: dict[str, "How"] = field(default_factory=dict)
    renames: list[tuple[str, str]] = field(default_factory=list)
    removals: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    opened: list[Any] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class HostileServer(asyncssh.SFTPServer):
    """Serves a folder as the root, in a mood."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], root: Path, mood: Mood) -> None:
        self._mood = mood
        self._turn = asyncio.Lock()
        super().__init__(chan, chroot=os.fsencode(root))

    @override
    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        mood = self._mood
        try:
            async with self._turn:
                await asyncio.sleep(mood.pace)
        except asyncio.CancelledError:
            super().close(file_obj)
            raise
        if mood.room is not None and offset + len(data) > mood.room:
            raise asyncssh.SFTPFailure("Failure")
        if mood.forgets_tail and len(data) > 1:
            data = data[:-1]
        super().write(file_obj, offset, data)
        return len(data)

    @override
    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for name in super().scandir(path):
            yield name
        for text in self._mood.also_lists:
            yield asyncssh.SFTPName(text, attrs=asyncssh.SFTPAttrs(size=1))

    @override
    def remove(self, path: bytes) -> None:
        self._mood.removals.append(path.decode())
        super().remove(path)

    @override
    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._forbid("setstat")

    @override
    def lsetstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._forbid("lsetstat")

    @override
    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        self._forbid("fsetstat")

    def _forbid(self, operation: str) -> None:
        self._mood.settings.append(operation)
        raise asyncssh.SFTPPermissionDenied("no")

    @override
    def statvfs(self, path: bytes) -> os.statvfs_result:
        if self._mood.hides_room:
            raise asyncssh.SFTPOpUnsupported("statvfs")
        result = super().statvfs(path)
        assert isinstance(result, os.statvfs_result)
        if self._mood.room is None:
            return result
        fields = list(result)
        fields[4] = 0  # f_bavail
        return os.statvfs_result(fields)

    @override
    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        mood = self._mood
        mood.renames.append((oldpath.decode(), newpath.decode()))
        if mood.denies_rename:
            raise asyncssh.SFTPPermissionDenied("no")
        if mood.refuses_rename:
            raise asyncssh.SFTPFailure("Failure")
        super().posix_rename(oldpath, newpath)
        final = Path(os.fsdecode(self.map_path(newpath)))
        if mood.takes_at_once is not None:
            final.rename(final.with_name(f"{final.name}{mood.takes_at_once}"))
        if mood.swallows:
            final.unlink()
        if mood.loses_rename_reply:
            self.connection.abort()
        if mood.fails_after_rename:
            raise asyncssh.SFTPFailure("Failure")


# What a delivery may ask of a server.
OPERATIONS = (
    *("realpath", "stat", "lstat", "scandir", "open", "write", "fstat", "fsync", "close"),
    *("posix_rename", "statvfs", "remove"),
)


class FailingServer(HostileServer):
    """Fails the operations that its mood names; all others are as in that mood."""

    async def _meet(self, operation: str) -> None:
        match self._mood.fails.get(operation):
            case How.DENIED:
                raise asyncssh.SFTPPermissionDenied("no")
            case How.FAILURE:
                raise asyncssh.SFTPFailure("Failure")
            case How.DROPPED:
                self.connection.abort()
                raise asyncssh.SFTPFailure("Failure")
            case How.HANGING:
                await self._mood.ended.wait()
                raise asyncssh.SFTPFailure("Failure")
            case None:
                return

    @override
    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        await self._meet("scandir")
        async for name in super().scandir(path):
            yield name


def _failing(name: str) -> Callable[..., Awaitable[Any]]:
    sound = getattr(HostileServer, name)

    async def operation(self: FailingServer, *args: Any) -> Any:
        await self._meet(name)
        result = sound(self, *args)
        result = await result if inspect.isawaitable(result) else result
        if name == "open":
            self._mood.opened.append(result)
        return result

    return operation


for _name in OPERATIONS:
    if _name != "scandir":
        setattr(FailingServer, _name, _failing(_name))


class _Silence(asyncssh.SSHServerSession[bytes]):
    """Takes the request for SFTP and never answers in it."""

    @override
    def subsystem_requested(self, subsystem: str) -> bool:
        return True


class _Login(asyncssh.SSHServer):
    """Lets everybody in who has any key, or, in that mood, the password and no key."""

    def __init__(self, mood: Mood) -> None:
        self._mood = mood

    @override
    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return _Silence()

    @override
    def begin_auth(self, username: str) -> bool:
        return True

    @override
    def public_key_auth_supported(self) -> bool:
        return True

    @override
    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._mood.password is None

    @override
    def password_auth_supported(self) -> bool:
        return self._mood.password is not None

    @override
    def validate_password(self, username: str, password: str) -> bool:
        return password == self._mood.password


@asynccontextmanager
async def hostile_sftp(folder: Path, mood: Mood) -> AsyncIterator[Target]:
    """A misbehaving server whose SFTP root is `folder`/root; yields how to reach it."""
    root = folder / "root"
    root.mkdir(exist_ok=True)
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key = folder / "hostile_client_key"
    client_key.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    client_key.chmod(0o600)

    def serve(chan: asyncssh.SSHServerChannel[bytes]) -> FailingServer:
        return FailingServer(chan, root, mood)

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        server_factory=lambda: _Login(mood),
        sftp_factory=None if mood.says_nothing else serve,
        encoding=None,
        config=None,
        gss_host=None,
    )
    port = server.get_port()
    known_hosts = folder / "hostile_known_hosts"
    public = host_key.export_public_key().decode().split()
    known_hosts.write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    try:
        yield target_on(port, "sis", client_key, known_hosts)
    finally:
        mood.ended.set()
        server.close()
        await server.wait_closed()
        for file in mood.opened:
            file.close()
