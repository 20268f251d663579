"""One attempt to put one zip into one remote folder."""

from collections.abc import Callable, Collection
from contextlib import suppress

from sisdrop.delivery import remote
from sisdrop.delivery.folder import Folder
from sisdrop.delivery.inventory import Inventory
from sisdrop.delivery.phases import Phase
from sisdrop.delivery.remote import Absent, Conflict, Entry, Found, Present, Taken, temporary_name
from sisdrop.delivery.upload import Blocks
from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient
from sisdrop.model import Delivered

_MAY_MEAN_FULL = (Phase.OPEN, Phase.WRITE, Phase.STAT)


class Attempt:
    """A zip of `size` bytes on its way to its final name."""

    def __init__(
        self,
        folder: Folder,
        inventory: Inventory,
        final: str,
        size: int,
        suffixes: Collection[str],
    ) -> None:
        self._folder = folder
        self._suffixes = suffixes
        self._inventory = inventory
        self._final = final
        self._temporary = temporary_name(final)
        self._size = size

    async def look(self, stale: frozenset[str], *, in_doubt: bool) -> Delivered | None:
        """What an earlier attempt has left; broken-off uploads of `stale` names are swept away."""
        found = await self._find(in_doubt=in_doubt)
        if not isinstance(found, Absent):
            return self._delivered(found, found_before=True)
        names = remote.plan_sweep(self._final, stale, self._inventory.names)
        for name in self._inventory.unswept(names):
            await self._remove(name)
        return None

    async def _find(self, *, in_doubt: bool) -> Found:
        """Whether it is there: under its final name, and then under one that begins with it.

        In this order, because a server that lists while the receiver renames may tell neither.
        """
        entry = await self._folder.entry(self._final)
        if entry is not None:
            return remote.look_up(self._final, self._size, {self._final: entry})
        if in_doubt or not self._inventory.settles(self._final):
            await self._inventory.renew(self._folder)
        return await self._judge()

    async def send(self, blocks: Blocks, progress: Callable[[int], None]) -> Delivered:
        """Upload, rename, and look whether it is there.

        An upload that broke off starts anew under the same temporary name. Its first part is not
        built upon: the server may have lost some of it without saying so. Writes that still come
        from the broken connection do no harm, for they put the same bytes in the same places.
        """
        try:
            await self._upload(blocks, progress)
            return await self._publish()
        except ServiceError:
            # When the connection is gone the next attempt overwrites the temporary file.
            await self._remove(self._temporary)
            raise

    async def _remove(self, name: str) -> None:
        """Sweeping is a courtesy: what cannot be removed must not stop a delivery."""
        with suppress(ServiceError):
            await self._folder.remove(name)
        self._inventory.remove(name)

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
            found = await self._find(in_doubt=True)
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

    async def _judge(self) -> Found:
        """What the inventory says; what it does not tell is asked for by name."""
        listed = self._inventory.names
        known: dict[str, Entry] = {}
        asked = [self._temporary, *(f"{self._final}{end}" for end in self._suffixes)]
        if listed is not None:
            ours = (n for n in listed if n == self._temporary or n.startswith(self._final))
            known = {name: listed[name] for name in ours}
            asked = [name for name, entry in known.items() if entry.size is None]
        for name in asked:
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
        self._inventory.add(self._final, Entry(self._size))
        taken_as = found.name if isinstance(found, Taken) else None
        return Delivered(path, self._size, found_before, taken_as)
