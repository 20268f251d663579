"""A server on loopback, as a delivery is told of it."""

from pathlib import Path

from sisdrop.delivery.session import Target

HOST = "127.0.0.1"


def target_on(port: int, username: str, key: Path, known_hosts: Path) -> Target:
    """A server that lets a key in, with the patience of a test."""
    return Target(
        host=HOST,
        port=port,
        username=username,
        key=key,
        passphrase_file=None,
        password_file=None,
        known_hosts=known_hosts,
        connect_timeout=10.0,
        idle_timeout=10.0,
        total_timeout=30.0,
    )
