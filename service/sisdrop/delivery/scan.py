"""Asking a server for its host keys, to compare them by another channel. Trusts nothing."""

import asyncio
from dataclasses import dataclass

import asyncssh

from sisdrop.delivery import faults
from sisdrop.delivery.phases import Phase
from sisdrop.delivery.pins import KEY_TYPES, Doorkeeper, host_pattern
from sisdrop.delivery.session import Address, connect_isolated
from sisdrop.errors import Reason, Transient


@dataclass(frozen=True, slots=True)
class HostKey:
    """One key of a server: its type, its line for `known_hosts`, its SHA256 fingerprint."""

    algorithm: str
    line: str
    fingerprint: str


async def scan_host_key(host: str, port: int, within: float) -> tuple[HostKey, ...]:
    """The ed25519, ECDSA and RSA keys that a server offers, each asked for `within` seconds.

    Each connection ends before any login: the doorkeeper turns every key away.

    Raises:
        Transient: `connect` or `timeout`.
    """
    address = Address(host, port, "nobody")
    answers = [await _ask(address, within, names) for names in KEY_TYPES]
    offered = tuple(
        _describe(host, port, answer) for answer in answers if isinstance(answer, asyncssh.SSHKey)
    )
    if not offered:
        raise next(answer for answer in answers if isinstance(answer, Transient))
    return offered


async def _ask(
    address: Address, within: float, algorithms: tuple[str, ...]
) -> asyncssh.SSHKey | Transient:
    """The server's key of one kind, or why there was none to see.

    A server without a key of that kind may hang up without a word, as a broken line does.
    """
    door = Doorkeeper(())
    limit = asyncio.timeout(within)
    try:
        async with limit:
            await connect_isolated(address, door, algorithms, {"client_keys": None})
    except faults.RAISED as error:
        if limit.expired():
            raise faults.timed_out(Phase.CONNECT, address.names(), "connect") from error
        return door.offered or _unseen(address, error)
    raise AssertionError("a doorkeeper without pins let a server pass")


def _unseen(address: Address, error: Exception) -> Transient:
    seen = faults.translate(Phase.CONNECT, error, address.names())
    return Transient(Reason.CONNECT, seen.hint, seen.facts)


def _describe(host: str, port: int, key: asyncssh.SSHKey) -> HostKey:
    public = key.export_public_key().decode("ascii").split()
    line = f"{host_pattern(host, port)} {public[0]} {public[1]}"
    return HostKey(key.get_algorithm(), line, key.get_fingerprint("sha256"))
