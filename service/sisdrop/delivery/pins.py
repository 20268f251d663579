"""The host keys that we trust: pinned in a `known_hosts` file, checked at each key exchange."""

from dataclasses import dataclass
from pathlib import Path

import asyncssh
from typing_extensions import override

from sisdrop.delivery.phases import Phase
from sisdrop.errors import NeedsOperator, Reason

_DEFAULT_PORT = 22
# Offered after the pinned types, so that a server with an unpinned key shows it and the error
# can name its fingerprint; such a key is still refused.
KEY_TYPES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)


def _untrusted(hint: str) -> NeedsOperator:
    return NeedsOperator(Reason.HOST_KEY, hint, {"phase": Phase.PINS.value})


@dataclass(frozen=True, slots=True)
class Pins:
    """The keys that one host may show: the current one, and the next one before a rotation."""

    path: Path
    keys: tuple[asyncssh.SSHKey, ...]

    def algorithms(self) -> list[str]:
        """Host key algorithms to ask for, pinned types first."""
        pinned = [name.decode("ascii") for key in self.keys for name in key.sig_algorithms]
        others = [name for group in KEY_TYPES for name in group]
        return list(dict.fromkeys(pinned + others))

    def mismatch_hint(self, offered: asyncssh.SSHKey) -> str:
        """What to say when the server shows another key."""
        expected = ", ".join(fingerprint(key) for key in self.keys)
        return (
            f"the server shows the key {fingerprint(offered)}, {self.path} expects {expected}."
            " Ask the server's owner, by another channel, whether the key was changed; if so,"
            " add the new line to that file. Otherwise somebody may stand in between"
        )


def fingerprint(key: asyncssh.SSHKey) -> str:
    """A key as people compare it: its SHA256 fingerprint and its type."""
    return f"{key.get_fingerprint('sha256')} ({key.get_algorithm()})"


def host_pattern(host: str, port: int) -> str:
    """A host as `known_hosts` names it."""
    return host if port == _DEFAULT_PORT else f"[{host}]:{port}"


def load_pins(path: Path, host: str, port: int) -> Pins:
    """Read the pins of one host; plain, `[host]:port` and hashed names are understood.

    Raises:
        NeedsOperator: `host_key` if the file cannot be used or pins nothing for this host.
    """
    try:
        known = asyncssh.import_known_hosts(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise _untrusted(f"the known_hosts file {path} does not exist: mount it") from error
    except OSError as error:
        raise _untrusted(f"the known_hosts file {path} cannot be read: mend its mode") from error
    except ValueError as error:
        raise _untrusted(f"{path} is not a known_hosts file: a line of it is damaged") from error
    # By name only, never by address: DNS must not choose which pin counts.
    matched = known.match(host, "", None if port == _DEFAULT_PORT else port)
    keys, revoked = matched[0], matched[2]
    trusted = tuple(key for key in keys if key not in revoked)
    if not trusted:
        raise _untrusted(
            f"{path} pins no key for {host_pattern(host, port)}: get its line from the server's"
            " owner, or from `sisdrop scan-host-key` and compare the fingerprint with them"
        )
    return Pins(path, trusted)


class Doorkeeper(asyncssh.SSHClient):
    """Lets a connection pass when the server proves one of the trusted keys.

    Remembers what it saw: the key that was offered and the name of the key exchange.
    """

    def __init__(self, trusted: tuple[asyncssh.SSHKey, ...]) -> None:
        self._trusted = trusted
        self._connection: asyncssh.SSHClientConnection | None = None
        self.offered: asyncssh.SSHKey | None = None
        self.kex = "unknown"

    @override
    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    @override
    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.offered = key
        # asyncssh tells nobody the key exchange it agreed on, and forgets it after this call.
        algorithm = getattr(getattr(self._connection, "_kex", None), "algorithm", b"unknown")
        self.kex = bytes(algorithm).decode("ascii")
        return key in self._trusted

    @property
    def let_in(self) -> bool:
        """Whether the key exchange is over, so that what follows is the login."""
        return bool(self._connection and self._connection.get_extra_info("send_cipher"))
