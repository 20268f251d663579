"""One folder on the server: look, write, rename, remove. Every call belongs to a phase."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from functools import partial

import asyncssh
from asyncssh.constants import (
    FILEXFER_TYPE_DIRECTORY,
    FILEXFER_TYPE_REGULAR,
    FILEXFER_TYPE_UNKNOWN,
)

from sisdrop.delivery import faults, remote
from sisdrop.delivery.deadline import Deadline
from sisdrop.delivery.phases import Phase
from sisdrop.delivery.remote import Entry
from sisdrop.delivery.session import Session
from sisdrop.delivery.upload import Blocks, pump
from sisdrop.errors import Reason, ServiceError, Transient

# More names than this are no folder to deliver to, and would fill our memory.
_MOST_NAMES = 100_000
# What asyncssh writes at once when the server does not tell its limits.
_UNTOLD_BLOCK = 16 * 1024


class Folder:
    """A remote folder over an open session, within a deadline.

    `extensions` collects what the server was seen to support. Attributes are never set.
    """

    def __init__(self, session: Session, deadline: Deadline) -> None:
        self._session = session
        self._sftp = session.sftp
        self._deadline = deadline
        self.path = ""
        self.home = ""
        self.extensions: set[str] = set()
        self.block_size = session.sftp.limits.max_write_len
        if self.block_size != _UNTOLD_BLOCK:
            self.extensions.add("limits")

    async def enter(self, directory: str) -> None:
        """Find the folder that the settings name.

        Raises:
            NeedsOperator: `remote_path` if it is no folder, `remote_permission`.
        """
        self.path = directory
        with self._phase(Phase.FOLDER):
            self.home = str(await self._sftp.realpath("."))
            self.path = remote.resolve(directory, self.home)
            attrs = await self._sftp.stat(self.path)
            if attrs.type not in (FILEXFER_TYPE_DIRECTORY, FILEXFER_TYPE_UNKNOWN):
                raise asyncssh.SFTPNotADirectory("")

    async def listing(self) -> dict[str, Entry]:
        """All names of what stands in the folder; those that are no plain names are left out.

        Raises:
            NeedsOperator: `remote_permission` if the server forbids listing.
            Transient: `remote_failure` if there is no end of names.
        """
        found: dict[str, Entry] = {}
        with self._phase(Phase.LIST):
            # As bytes, because names of others need not be text.
            async with aclosing(self._scan()) as names:
                async for name in names:
                    text = _text(name.filename)
                    if remote.is_plain(text):
                        found[text] = _entry(name.attrs)
                    if len(found) > _MOST_NAMES:
                        raise asyncssh.SFTPFailure("")
                    self._deadline.touch()
        return found

    async def _scan(self) -> AsyncGenerator[asyncssh.SFTPName, None]:
        async for name in self._sftp.scandir(self.path.encode()):
            yield name

    async def entry(self, name: str) -> Entry | None:
        """What stands under a name, links not followed; None when nothing does."""
        with self._phase(Phase.STAT):
            try:
                return _entry(await self._sftp.lstat(self._at(name)))
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return None

    async def write(
        self, name: str, blocks: Blocks, size: int, progress: Callable[[int], None]
    ) -> None:
        """Write a file anew and make sure that the server has all `size` bytes of it.

        `progress` gets the number of bytes that the server has confirmed. If killed here: a part
        of the file stands under this name.
        """
        with self._phase(Phase.OPEN):
            file = await self._sftp.open(self._at(name), "wb", block_size=0)
        try:
            await self._make_sure_of_room(size)
            with self._phase(Phase.WRITE):
                await pump(file, blocks, self.block_size, partial(self._moved, progress))
            await self._settle(file, size)
        except ServiceError:
            with suppress(*faults.RAISED):
                await file.close()
            raise
        with self._phase(Phase.WRITE):
            await file.close()

    async def _make_sure_of_room(self, size: int) -> None:
        """Before gigabytes are sent; what stood under the name is gone by then."""
        free = await self.free_bytes()
        if free is not None and free < size:
            raise self.full(Phase.WRITE)

    def _moved(self, progress: Callable[[int], None], confirmed: int) -> None:
        self._deadline.touch()
        progress(confirmed)

    async def _settle(self, file: asyncssh.SFTPClientFile, size: int) -> None:
        """Bring the bytes to the server's disk where it can, and compare the size exactly."""
        with self._phase(Phase.WRITE), suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()
            self.extensions.add("fsync")
        with self._phase(Phase.STAT):
            try:
                arrived = (await file.stat()).size
            except asyncssh.SFTPOpUnsupported:
                return
        if arrived != size:
            hint = f"{self._session.target.host} kept {arrived} of {size} bytes; it is tried again"
            raise Transient(Reason.REMOTE_FAILURE, hint, {"phase": Phase.STAT.value})

    async def rename(self, old: str, new: str) -> None:
        """Give a file its name; the target is never removed first.

        If killed here: the file has one of the two names, complete.
        """
        with self._phase(Phase.RENAME):
            try:
                await self._sftp.posix_rename(self._at(old), self._at(new))
                self.extensions.add("posix-rename")
            except asyncssh.SFTPOpUnsupported:
                await self._sftp.rename(self._at(old), self._at(new))

    async def remove(self, name: str) -> None:
        """Remove a file of ours."""
        with self._phase(Phase.REMOVE):
            await self._sftp.remove(self._at(name))

    async def free_bytes(self) -> int | None:
        """Room for us on the server's disk; None when it does not tell."""
        try:
            room = await self._sftp.statvfs(self.path)
        except faults.RAISED:
            return None
        self._deadline.touch()
        if room.blocks == 0:
            return None
        self.extensions.add("statvfs")
        return room.bavail * (room.frsize or room.bsize)

    def full(self, phase: Phase) -> ServiceError:
        """The error that says that the server's disk is full."""
        return faults.make(faults.FULL, phase, self._names())

    @contextmanager
    def _phase(self, phase: Phase) -> Iterator[None]:
        try:
            yield
        except faults.RAISED as error:
            if self._deadline.expired is not None:
                names = self._names()
                raise faults.timed_out(phase, names, self._deadline.expired) from error
            raise faults.translate(phase, error, self._names()) from error
        self._deadline.touch()

    def _names(self) -> dict[str, str]:
        return self._session.target.address.names(self.path)

    def _at(self, name: str) -> str:
        return remote.join(self.path, name)


def _text(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "replace")


def _entry(attrs: asyncssh.SFTPAttrs) -> Entry:
    return Entry(attrs.size, attrs.type in (FILEXFER_TYPE_REGULAR, FILEXFER_TYPE_UNKNOWN))
