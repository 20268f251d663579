"""Opening an SFTP session: one connection, one key, pinned host, nothing from `~/.ssh`."""

import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from sisdrop.delivery import faults, keys
from sisdrop.delivery.deadline import Deadline
from sisdrop.delivery.line import bytes_moved, keep_alive
from sisdrop.delivery.phases import Phase
from sisdrop.delivery.pins import Doorkeeper, Pins, load_pins
from sisdrop.delivery.remote import REPORTED_SUFFIXES
from sisdrop.errors import Fact, NeedsOperator, Reason, ServiceError


@dataclass(frozen=True, slots=True)
class Address:
    """Whom to call, and as whom."""

    host: str
    port: int
    username: str

    def names(self, directory: str = "") -> dict[str, str]:
        """What hints may name."""
        return {
            "host": self.host,
            "port": str(self.port),
            "username": self.username,
            "directory": directory,
        }


@dataclass(frozen=True, slots=True)
class Target:
    """Where to deliver and how to get in. Timeouts are seconds.

    One of `key` and `password_file` is set. Files are read at each connect, so a rotated secret
    needs no restart. `taken_suffixes` is what the receiver adds to the name of what it has taken,
    which matters where the server forbids to list.
    """

    host: str
    port: int
    username: str
    key: Path | None
    passphrase_file: Path | None
    password_file: Path | None
    known_hosts: Path
    connect_timeout: float
    idle_timeout: float
    total_timeout: float
    taken_suffixes: tuple[str, ...] = REPORTED_SUFFIXES

    @property
    def address(self) -> Address:
        """Whom to call, and as whom."""
        return Address(self.host, self.port, self.username)


@dataclass(frozen=True, slots=True)
class Session:
    """An open connection with its SFTP client and the doorkeeper that let it pass."""

    target: Target
    ssh: asyncssh.SSHClientConnection
    sftp: asyncssh.SFTPClient
    door: Doorkeeper

    def deadline(self) -> Deadline:
        """What ends a call over this session when nothing moves, or when it takes too long."""
        target = self.target
        moved = partial(bytes_moved, self.ssh)
        return Deadline(target.idle_timeout, target.total_timeout, self.ssh.abort, moved)


@asynccontextmanager
async def open_session(target: Target) -> AsyncIterator[Session]:
    """Connect and log in; the connection is gone when the block is left, however it is left.

    Raises:
        NeedsOperator: `key_unreadable`, `host_key`, `auth`.
        Transient: `connect`, `timeout`, `connection_lost`, `remote_failure`.
    """
    credentials = await asyncio.to_thread(_credentials, target)
    pins = load_pins(target.known_hosts, target.host, target.port)
    door = Doorkeeper(pins.keys)
    limit = asyncio.timeout(target.connect_timeout)
    try:
        async with limit:
            ssh = await connect_isolated(target.address, door, pins.algorithms(), credentials)
            sftp = await _start(ssh)
    except faults.RAISED as error:
        raise _translate(target, door, pins, error, late=limit.expired()) from error
    try:
        yield Session(target, ssh, sftp, door)
    finally:
        # Neither of the two waits for the server: close sends a word of farewell and aborts.
        ssh.close()
        await ssh.wait_closed()


async def connect_isolated(
    address: Address, door: Doorkeeper, algorithms: Sequence[str], credentials: dict[str, Any]
) -> asyncssh.SSHClientConnection:
    """A connection past the doorkeeper, with the given credentials and no others.

    Raises:
        Exception: one of `faults.RAISED`, to be translated by the caller.
    """
    furnish_environment(address.username)
    ssh = await asyncssh.connect(
        address.host,
        address.port,
        username=address.username,
        client_factory=lambda: door,
        server_host_key_algs=list(algorithms),
        **_ISOLATION,
        **credentials,
    )
    keep_alive(ssh)
    return ssh


async def _start(ssh: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
    """Start SFTP; leaves no connection behind when that fails."""
    try:
        return await ssh.start_sftp_client()
    except BaseException:
        ssh.abort()
        raise


# Everything that asyncssh would look for in the environment or a home folder is switched off.
_ISOLATION: dict[str, Any] = {
    "config": None,
    # Nobody is trusted by list: the doorkeeper, which knows the pins, is asked about every key.
    "known_hosts": ([], [], []),
    "x509_trusted_certs": None,
    "x509_trusted_cert_paths": [],
    "agent_path": None,
    "agent_forwarding": False,
    "gss_host": None,
    "gss_kex": False,
    "gss_auth": False,
    "kbdint_auth": False,
    "host_based_auth": False,
    # Twice as fast as the default cipher where the processor helps.
    "encryption_algs": "^aes256-gcm@openssh.com,aes128-gcm@openssh.com",
    # A zip does not shrink again.
    "compression_algs": None,
    "keepalive_interval": 0,
    "tcp_keepalive": True,
}


def _credentials(target: Target) -> dict[str, Any]:
    """The one way in: a key, or a password when its file is set. Never both."""
    if target.key is not None:
        key = keys.load_key(target.key, target.passphrase_file)
        return {"client_keys": [key], "public_key_auth": True, "password_auth": False}
    if target.password_file is not None:
        password = keys.read_line(target.password_file, "the password file")
        return {
            "client_keys": None,
            "password": password,
            "public_key_auth": False,
            "password_auth": True,
        }
    return {"client_keys": None, "public_key_auth": False, "password_auth": False}


def furnish_environment(username: str) -> None:
    """A container's UID may have neither name nor home; asyncssh refuses to start without.

    What it would read there is switched off, so any values do.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = username
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


def _translate(
    target: Target, door: Doorkeeper, pins: Pins, error: Exception, *, late: bool
) -> ServiceError:
    phase = Phase.LOGIN if door.let_in else Phase.CONNECT
    if late:
        return faults.timed_out(phase, target.address.names(), "connect")
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        facts: dict[str, Fact] = {"phase": Phase.PINS.value, "code": error.code}
        shown = pins.mismatch_hint(door.offered) if door.offered else f"see {pins.path}"
        return NeedsOperator(Reason.HOST_KEY, shown, facts)
    return faults.translate(phase, error, target.address.names())
