"""An SFTP server that misbehaves on purpose, for what a sound OpenSSH cannot be made to do."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
from typing_extensions import override

from sisdrop.delivery.session import Target
from support.targets import target_on


@dataclass
class Mood:
    """What goes wrong. `room` are the bytes that fit on the disk; None is no limit."""

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
    renames: list[tuple[str, str]] = field(default_factory=list)


class HostileServer(asyncssh.SFTPServer):
    """Serves a folder as the root, in a mood."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], root: Path, mood: Mood) -> None:
        self._mood = mood
        super().__init__(chan, chroot=os.fsencode(root))

    @override
    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        mood = self._mood
        if mood.room is not None and offset + len(data) > mood.room:
            raise asyncssh.SFTPFailure("Failure")
        if mood.forgets_tail and len(data) > 1:
            data = data[:-1]
        super().write(file_obj, offset, data)
        return len(data)

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

    def serve(chan: asyncssh.SSHServerChannel[bytes]) -> HostileServer:
        return HostileServer(chan, root, mood)

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
        server.close()
        await server.wait_closed()
