"""Delivering a zip so that it is there once, complete, or not at all.

The order of a delivery: look for the final name, sweep what broke off, upload under a hidden
name, compare, sync, rename, look again. Only that last look makes it delivered.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from sisdrop.delivery.attempt import Attempt
from sisdrop.delivery.folder import Folder
from sisdrop.delivery.inventory import Inventory
from sisdrop.delivery.phases import Phase
from sisdrop.delivery.remote import Fate, fate
from sisdrop.delivery.session import Session, Target, open_session
from sisdrop.delivery.upload import Blocks
from sisdrop.errors import Broken, Reason
from sisdrop.model import Delivered

_BLOCK = 1024 * 1024


class Connection:
    """One logged-in connection; one call at a time. After a timeout it is of no more use."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._inventories: dict[str, Inventory] = {}

    async def deliver(  # noqa: PLR0913 - what to send, where, and what is known of it
        self,
        directory: str,
        zip_path: Path,
        remote_name: str,
        stale: frozenset[str],
        progress: Callable[[int], None],
        *,
        in_doubt: bool = True,
    ) -> Delivered:
        """Put a zip under its final name, or find it there.

        `stale` are final names whose uploads may have broken off and will not be taken up again;
        `progress` gets the number of bytes confirmed so far; `in_doubt` says that an earlier
        attempt may have put it there, so that the folder is listed anew. If killed here: the
        temporary name or the complete final name may stand on the server; the next call finds out.

        Raises:
            Transient: `timeout`, `connection_lost`, `remote_failure`, `remote_full`.
            NeedsOperator: `remote_path`, `remote_permission`, `remote_conflict`.
            Broken: if our own zip cannot be read.
        """
        size = await asyncio.to_thread(_measure, zip_path)
        inventory = self._inventories.setdefault(directory, Inventory())
        with self._session.deadline() as deadline:
            folder = Folder(self._session, deadline)
            await folder.enter(directory)
            suffixes = self._session.target.taken_suffixes
            attempt = Attempt(folder, inventory, remote_name, size, suffixes)
            settled = await attempt.look(stale, in_doubt=in_doubt)
            if settled is not None:
                return settled
            return await attempt.send(_blocks(zip_path, size), progress)

    async def fates(self, directory: str, finals: Collection[str]) -> Mapping[str, Fate]:
        """What became of zips that stood under these names in a remote folder; looks only.

        Raises:
            Transient, NeedsOperator: as for `deliver`.
        """
        inventory = self._inventories.setdefault(directory, Inventory())
        with self._session.deadline() as deadline:
            folder = Folder(self._session, deadline)
            await folder.enter(directory)
            await inventory.renew(folder)
            names: Collection[str] | None = inventory.names
            if names is None:
                names = await self._names_by_asking(folder, finals)
        return {final: fate(final, names) for final in finals}

    async def _names_by_asking(self, folder: Folder, finals: Collection[str]) -> list[str]:
        """Where the server forbids to list: which of the names stand there that are expected."""
        ends = ("", *self._session.target.taken_suffixes)
        asked = [f"{final}{end}" for final in finals for end in ends]
        return [name for name in asked if await folder.entry(name) is not None]


@asynccontextmanager
async def connect(target: Target) -> AsyncIterator[Connection]:
    """One connection for one delivery run, gone when the block is left.

    Raises:
        NeedsOperator: `key_unreadable`, `host_key`, `auth`.
        Transient: `connect`, `timeout`, `connection_lost`, `remote_failure`.
    """
    async with open_session(target) as session:
        yield Connection(session)


def _measure(zip_path: Path) -> int:
    try:
        return zip_path.stat().st_size
    except OSError as error:
        raise _lost(zip_path) from error


async def _blocks(zip_path: Path, size: int) -> Blocks:
    """The zip's bytes, read beside the event loop."""
    try:
        with zip_path.open("rb") as file:
            left = size
            while block := await asyncio.to_thread(file.read, _BLOCK):
                left -= len(block)
                yield block
    except OSError as error:
        raise _lost(zip_path) from error
    if left:
        raise _lost(zip_path)


def _lost(zip_path: Path) -> Broken:
    hint = f"our own zip {zip_path} cannot be read or has changed: is the data volume sound?"
    return Broken(Reason.INTERNAL_ERROR, hint, {"phase": Phase.READ.value})
