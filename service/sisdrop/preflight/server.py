"""The points of the way to the server: key, pins, name, port, login, folder, a file there."""

import asyncio
import os
import socket
import stat
from contextlib import suppress
from functools import partial
from pathlib import Path

from sisdrop.delivery import keys
from sisdrop.delivery.phases import is_account_failure
from sisdrop.delivery.pins import fingerprint, host_pattern, load_pins
from sisdrop.delivery.probe import probe
from sisdrop.delivery.session import Target
from sisdrop.errors import ServiceError
from sisdrop.preflight import answers
from sisdrop.preflight.point import Looker, Point, Unfit, errno_name, skipped

Addresses = list[str]
# The error of each address that did not answer, None for each that did.
Knocks = dict[str, str | None]


class Way:
    """The way to the server and what is looked at on it."""

    def __init__(self, target: Target, directories: tuple[str, ...], looker: Looker) -> None:
        self._target = target
        self._directories = directories
        self._looker = looker

    def points(self, token: str) -> list[Point]:
        """Our own side first, then the line, then one login for each remote folder."""
        ours = [
            self._looker.look("key", lambda: _secret_text(self._target)),
            self._looker.look("pins", lambda: _pins_text(self._target)),
        ]
        line = self._line()
        bad = next((point for point in (*ours, *line) if not point.ok), None)
        if bad is None:
            return [*ours, *line, *self._visit(token)]
        return [*ours, *line, *answers.unseen(f"{bad.name} above is bad")]

    def _line(self) -> list[Point]:
        found = self._looker.find("DNS", self._resolve, self._dns_text)
        name, addresses = found
        if addresses is None:
            return [name, skipped("port", f"{self._target.host} has no address")]
        return [name, self._looker.look("port", partial(self._knock, addresses))]

    def _resolve(self) -> Addresses:
        return resolve(self._target.host, self._target.port)

    def _dns_text(self, addresses: Addresses) -> str:
        return f"{self._target.host} is {', '.join(addresses)}"

    def _knock(self, addresses: Addresses) -> str:
        target = self._target
        found = asyncio.run(_knock_all(addresses, target.port, target.connect_timeout))
        return knocks_text(target, found)

    def _visit(self, token: str) -> list[Point]:
        """One session for each folder; a refused login is not tried again, which could lock us."""
        points: list[Point] = []
        for directory in self._directories:
            try:
                result = asyncio.run(probe(self._target, directory, token))
            except ServiceError as error:
                points += answers.of_failure(error)
                if is_account_failure(error):
                    break
            else:
                points += answers.of_result(result, self._target)
        return list(dict.fromkeys(points))


def resolve(host: str, port: int) -> Addresses:
    """Every address of a host.

    Raises:
        Unfit: if it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Unfit(
            f"the name {host} cannot be resolved: check sftp.host, DNS and the network policy"
        ) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def knocks_text(target: Target, knocks: Knocks) -> str:
    """Which addresses take a connection.

    Raises:
        Unfit: if none does.
    """
    silent = [f"{address} ({why})" for address, why in knocks.items() if why is not None]
    reached = [address for address, why in knocks.items() if why is None]
    if not reached:
        raise Unfit(
            f"nothing answers at port {target.port} of {', '.join(silent)}: the server is down,"
            " sftp.port is wrong, or a firewall or network policy is in the way"
        )
    text = f"{target.port} is open at {', '.join(reached)}"
    return f"{text}; not at {', '.join(silent)}" if silent else text


async def _knock_all(addresses: Addresses, port: int, within: float) -> Knocks:
    errors = await asyncio.gather(*(_knock(address, port, within) for address in addresses))
    return dict(zip(addresses, errors, strict=True))


async def _knock(address: str, port: int, within: float) -> str | None:
    """Connect and hang up; returns the error's word, or None when somebody answered."""
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        return errno_name(error)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return None


def _secret_text(target: Target) -> str:
    if target.key is not None:
        key = keys.load_key(target.key, target.passphrase_file)
        return f"{target.key} ({_mode(target.key)}) holds {fingerprint(key)}"
    if target.password_file is not None:
        keys.read_line(target.password_file, "the password file")
        return f"no key; the password in {target.password_file} ({_mode(target.password_file)})"
    raise Unfit("neither sftp.key nor sftp.password_file is set")


def _mode(path: Path) -> str:
    seen = path.stat()
    return f"mode {stat.S_IMODE(seen.st_mode):04o}, user {seen.st_uid}, read as {os.geteuid()}"


def _pins_text(target: Target) -> str:
    pins = load_pins(target.known_hosts, target.host, target.port)
    trusted = ", ".join(fingerprint(key) for key in pins.keys)
    return f"{pins.path} pins for {host_pattern(target.host, target.port)}: {trusted}"
