"""What is known of the names in one remote folder, for as long as one connection lasts.

Listing a folder costs as much as it holds, so it is not listed for every file. That is safe, for a
zip can stand on the server without being looked for by name in only three cases:

* An attempt of ours may have put it there: then its row is in doubt, and the folder is listed anew.
* An attempt that the ledger no longer knows of, because the data volume was restored from a copy:
  that was before this process began, so the listing at the start of the connection shows it.
* This connection has put it there: it is added here, and what is known here is asked for anew.

The exact final name is asked for at every attempt, whatever is known here.
"""

from sisdrop.delivery.folder import Folder
from sisdrop.delivery.remote import Entry
from sisdrop.errors import Reason, ServiceError


class Inventory:
    """The names in one folder as they were listed, and what we have changed there since.

    `names` is None where the server forbids to list.
    """

    def __init__(self) -> None:
        self.names: dict[str, Entry] | None = None
        self._listed = False
        self._removed: set[str] = set()

    def settles(self, final: str) -> bool:
        """Whether it shows, without a new listing, that nothing of this name was ever put there."""
        if not self._listed:
            return False
        return not any(name.startswith(final) for name in self.names or ())

    async def renew(self, folder: Folder) -> None:
        """List the folder.

        Raises:
            Transient, NeedsOperator: what keeps us from the folder itself.
        """
        try:
            self.names = await folder.listing()
        except ServiceError as error:
            if error.reason not in (Reason.REMOTE_PERMISSION, Reason.REMOTE_FAILURE):
                raise
            self.names = None
        self._listed = True

    def add(self, name: str, entry: Entry) -> None:
        """We have put a file there."""
        if self.names is not None:
            self.names[name] = entry

    def remove(self, name: str) -> None:
        """We have removed a file there, or tried to."""
        self._removed.add(name)
        if self.names is not None:
            self.names.pop(name, None)

    def unswept(self, temporary: list[str]) -> list[str]:
        """The names among these that were not yet removed over this connection."""
        return [name for name in temporary if name not in self._removed]
