"""The demo's SFTP server: one account, one key, one folder, and only on this machine."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
from typing_extensions import override

from sisdrop import durable
from sisdrop.delivery.pins import host_pattern
from sisdrop.delivery.session import furnish_environment

HOST = "127.0.0.1"
USER = "sis"


class _Door(asyncssh.SSHServer):
    """Lets the one account in with its one key; nothing but SFTP is behind it."""

    def __init__(self, key: asyncssh.SSHKey) -> None:
        self._key = key

    @override
    def public_key_auth_supported(self) -> bool:
        return True

    @override
    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key == self._key


@asynccontextmanager
async def serve_folder(root: Path, public_key: str, known_hosts: Path) -> AsyncIterator[int]:
    """Serve `root` as the whole world and home of the account; yields the port, a free one.

    The host key is made on the spot, never leaves memory, and is pinned in `known_hosts`, which
    is replaced. If killed here: the kernel closes the port, and the pin fits no server.

    Raises:
        OSError: if the pins cannot be written.
        ValueError: if `public_key` is no line of a public key.
    """
    furnish_environment(USER)
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key = asyncssh.import_public_key(public_key)

    def serve(channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=os.fsencode(root))

    server = await asyncssh.listen(
        HOST,
        0,
        server_host_keys=[host_key],
        server_factory=lambda: _Door(client_key),
        sftp_factory=serve,
        encoding=None,
        config=None,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        allow_pty=False,
        agent_forwarding=False,
        x11_forwarding=False,
    )
    try:
        port = server.get_port()
        durable.write_file(known_hosts, _pin(host_key, port), 0o644)
        yield port
    finally:
        server.close()
        await server.wait_closed()


def _pin(key: asyncssh.SSHKey, port: int) -> bytes:
    algorithm, encoded = key.export_public_key().split()[:2]
    return b" ".join((host_pattern(HOST, port).encode(), algorithm, encoded)) + b"\n"
