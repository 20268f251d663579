"""The rehearsal that `sisdrop check` makes on the real server: a file in, renamed, and out."""

from contextlib import suppress
from dataclasses import dataclass

from sisdrop.delivery.folder import Folder
from sisdrop.delivery.phases import Phase
from sisdrop.delivery.pins import fingerprint
from sisdrop.delivery.session import Session, Target, open_session
from sisdrop.delivery.upload import Blocks
from sisdrop.errors import Reason, ServiceError, Transient

_CONTENT = b"sisdrop was here to test; this file may be removed\n"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was agreed with the server and what it can do.

    `directory` is the folder as the server names it; `block_size` and `free_bytes` are bytes.
    """

    server_version: str
    kex: str
    host_key: str
    cipher: str
    mac: str
    home: str
    directory: str
    extensions: tuple[str, ...]
    block_size: int
    free_bytes: int | None


async def probe(target: Target, directory: str, token: str) -> ProbeResult:
    """Log in, then write, rename, look at and remove a small hidden file in the folder.

    `token` keeps two probes apart. If killed here: `.sisdrop-probe-<token>.part` or
    `.sisdrop-probe-<token>.moved.part` may stay on the server.

    Raises:
        NeedsOperator, Transient: what a delivery would raise.
    """
    async with open_session(target) as session:
        with session.deadline() as deadline:
            folder = Folder(session, deadline)
            await folder.enter(directory)
            await _rehearse(folder, token)
            free = await folder.free_bytes()
        return _result(session, folder, free)


async def _rehearse(folder: Folder, token: str) -> None:
    name, moved = f".sisdrop-probe-{token}.part", f".sisdrop-probe-{token}.moved.part"
    try:
        await folder.write(name, _content(), len(_CONTENT), _ignore)
        await folder.rename(name, moved)
        entry = await folder.entry(moved)
        if entry is None or entry.size != len(_CONTENT):
            raise Transient(
                Reason.REMOTE_FAILURE,
                "the probe file was not there, whole, after its rename",
                {"phase": Phase.STAT.value},
            )
    except ServiceError:
        for left in (name, moved):
            with suppress(ServiceError):
                await folder.remove(left)
        raise
    await folder.remove(moved)


async def _content() -> Blocks:
    yield _CONTENT


def _ignore(confirmed: int) -> None:
    """Nobody watches fifty bytes go."""


def _result(session: Session, folder: Folder, free: int | None) -> ProbeResult:
    key = session.door.offered
    return ProbeResult(
        server_version=str(session.ssh.get_extra_info("server_version", "unknown")),
        kex=session.door.kex,
        host_key=fingerprint(key) if key else "unknown",
        cipher=str(session.ssh.get_extra_info("send_cipher", "unknown")),
        mac=str(session.ssh.get_extra_info("send_mac", "unknown")),
        home=folder.home,
        directory=folder.path,
        extensions=tuple(sorted(folder.extensions)),
        block_size=folder.block_size,
        free_bytes=free,
    )
