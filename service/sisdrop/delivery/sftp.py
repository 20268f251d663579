"""Delivering a zip so that it is there once, complete, or not at all.

The order of a delivery: look for the final name, sweep what broke off, upload under a hidden
name, compare, sync, rename, look again. Only that last look makes it delivered.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sisdrop.delivery import remote
from sisdrop.delivery.deadline import Deadline
from sisdrop.delivery.folder import Blocks, Folder
from sisdrop.delivery.phases import Phase
from sisdrop.delivery.remote import Absent, Conflict, Entry, Found, Present, Taken, temporary_name
from sisdrop.delivery.session import Session, Target, open_session
from sisdrop.errors import Broken, NeedsOperator, Reason, ServiceError, Transient
from sisdrop.model import Delivered

_BLOCK = 1024 * 1024
_MAY_MEAN_FULL = (Phase.OPEN, Phase.WRITE, Phase.STAT)


class Connection:
    """One logged-in connection; one call at a time. After a timeout it is of no more use."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def deliver(
        self,
        directory: str,
        zip_path: Path,
        remote_name: str,
        stale: frozenset[str],
        progress: Callable[[int], None],
    ) -> Delivered:
        """Put a zip under its final name, or find it there.

        `stale` are final names whose uploads may have broken off and will not be taken up again;
        `progress` gets the number of bytes confirmed so far. If killed here: the temporary name
        or the complete final name may stand on the server; the next call finds out.

        Raises:
            Transient: `timeout`, `connection_lost`, `remote_failure`, `remote_full`.
            NeedsOperator: `remote_path`, `remote_permission`, `remote_conflict`.
            Broken: if our own zip cannot be read.
        """
        size = await asyncio.to_thread(_measure, zip_path)
        with self._deadline() as deadline:
            folder = Folder(self._session, deadline)
            await folder.enter(directory)
            delivery = _Delivery(folder, remote_name, size)
            settled = await delivery.look(stale)
            if settled is not None:
                return settled
            return await delivery.send(_blocks(zip_path, size), progress)

    async def listing(self, directory: str) -> Mapping[str, Entry]:
        """All names in a remote folder, to see what the receiver has taken.

        Raises:
            Transient, NeedsOperator: as for `deliver`; `remote_permission` if listing is forbidden.
        """
        with self._deadline() as deadline:
            folder = Folder(self._session, deadline)
            await folder.enter(directory)
            return await folder.listing()

    def _deadline(self) -> Deadline:
        target = self._session.target
        return Deadline(target.idle_timeout, target.total_timeout, self._session.ssh.abort)


@asynccontextmanager
async def connect(target: Target) -> AsyncIterator[Connection]:
    """One connection for one delivery run, gone when the block is left.

    Raises:
        NeedsOperator: `key_unreadable`, `host_key`, `auth`.
        Transient: `connect`, `timeout`, `connection_lost`, `remote_failure`.
    """
    async with open_session(target) as session:
        yield Connection(session)


class _Delivery:
    """One zip on its way into one folder."""

    def __init__(self, folder: Folder, final: str, size: int) -> None:
        self._folder = folder
        self._final = final
        self._temporary = temporary_name(final)
        self._size = size

    async def look(self, stale: frozenset[str]) -> Delivered | None:
        """What an earlier attempt has left; broken-off uploads are swept away."""
        listing = await self._listing()
        found = await self._judge(listing)
        if not isinstance(found, Absent):
            return self._delivered(found, found_before=True)
        for name in remote.plan_sweep(self._final, stale, listing):
            # Sweeping is a courtesy: what cannot be removed must not stop a delivery.
            with suppress(ServiceError):
                await self._folder.remove(name)
        return None

    async def send(self, blocks: Blocks, progress: Callable[[int], None]) -> Delivered:
        """Upload, rename, and look whether it is there."""
        try:
            await self._upload(blocks, progress)
            return await self._publish()
        except ServiceError:
            # When the connection is gone the next attempt overwrites the temporary file.
            with suppress(ServiceError):
                await self._folder.remove(self._temporary)
            raise

    async def _upload(self, blocks: Blocks, progress: Callable[[int], None]) -> None:
        try:
            await self._folder.write(self._temporary, blocks, self._size, progress)
        except Transient as error:
            phase = Phase(str(error.facts["phase"]))
            # Most servers say no more than "failure" when their disk is full.
            if error.reason is not Reason.REMOTE_FAILURE or phase not in _MAY_MEAN_FULL:
                raise
            free = await self._folder.free_bytes()
            if free is None or free >= self._size:
                raise
            raise self._folder.full(phase) from error

    async def _publish(self) -> Delivered:
        refused: ServiceError | None = None
        try:
            await self._folder.rename(self._temporary, self._final)
        except (Transient, NeedsOperator) as error:
            # The look decides: a server may have renamed and said no.
            refused = error
        try:
            found = await self._arrived()
        except ServiceError as error:
            raise refused or error from error
        if not isinstance(found, Absent):
            return self._delivered(found, found_before=False)
        raise refused or Transient(
            Reason.REMOTE_FAILURE,
            "the server said yes to the rename, but the file is not there: does a virus scanner"
            " or another program clean up that folder?",
            {"phase": Phase.STAT.value},
        )

    async def _arrived(self) -> Found:
        """Whether the file has its name; if it has not, whether the receiver was quicker."""
        entry = await self._folder.entry(self._final)
        if entry is not None:
            return remote.look_up(self._final, self._size, {self._final: entry})
        return remote.look_up(self._final, self._size, await self._listing() or {})

    async def _listing(self) -> dict[str, Entry] | None:
        """The folder's names; None where the server forbids to list."""
        try:
            return await self._folder.listing()
        except ServiceError as error:
            if error.reason not in (Reason.REMOTE_PERMISSION, Reason.REMOTE_FAILURE):
                raise
            return None

    async def _judge(self, listing: dict[str, Entry] | None) -> Found:
        """What stands there, by asking for our own names where the listing does not tell."""
        known = dict(listing or {})
        for name in (self._final, self._temporary):
            if listing is None or (name in known and known[name].size is None):
                entry = await self._folder.entry(name)
                known.pop(name, None)
                if entry is not None:
                    known[name] = entry
        return remote.look_up(self._final, self._size, known)

    def _delivered(self, found: Present | Taken | Conflict, *, found_before: bool) -> Delivered:
        path = remote.join(self._folder.path, self._final)
        if isinstance(found, Conflict):
            hint = (
                f"{remote.join(self._folder.path, found.name)} on the server is not what we would"
                " put there: look at it, move it away, or resend under a new name"
            )
            raise NeedsOperator(Reason.REMOTE_CONFLICT, hint, {"phase": Phase.STAT.value})
        taken_as = found.name if isinstance(found, Taken) else None
        return Delivered(path, self._size, found_before, taken_as)


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
