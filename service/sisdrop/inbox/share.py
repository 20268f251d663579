"""The moves on the share: claim, hold, reject, release. Each one replaces nothing.

Folders: `<inbox>/.sisdrop/work` (ours), `held`, `rejected`, `reports`, `approved`.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sisdrop import durable
from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.inbox.faults import BUSY, in_folder, on_share, translate
from sisdrop.inbox.names import README, STATUS_PAGE, share_name
from sisdrop.model import Signature

FOLDERS = ("approved", "held", "rejected", "reports")
# Reports name records: for the owner and the share's group, nobody else.
_REPORT_MODE = 0o640
_PAGE_MODE = 0o644


class Busy(Exception):
    """Somebody holds the file open, or took it away meanwhile: look again at the next scan."""


class Share:
    """The share as we may change it. Every method raises the kinds of `inbox.faults`."""

    def __init__(self, inbox: Path) -> None:
        self.inbox = inbox
        self._own = inbox / ".sisdrop"

    # Identity: an unmounted share looks like an empty folder.

    def identity(self) -> str | None:
        """The id that stands on the share, if any.

        Raises:
            Transient: `share_gone` when the inbox itself is not there.
        """
        with in_folder(self.inbox):
            self.inbox.stat()
            try:
                return (self._own / "share-id").read_text("ascii", "replace").strip() or None
            except FileNotFoundError:
                return None

    def adopt(self, identity: str | None = None) -> str:
        """Make sure that the share has an id and return it.

        If killed here: the id stands or does not; calling again finishes.
        """
        known = self.identity()
        if known is not None:
            return known
        chosen = identity or secrets.token_hex(16)
        with on_share(self._own):
            self._own.mkdir(exist_ok=True)
            durable.write_file(self._own / "share-id", f"{chosen}\n".encode(), _PAGE_MODE)
        return chosen

    def furnish(self, readme: str) -> None:
        """Make the folders that people use, and README.txt if it is absent."""
        with on_share(self._own):
            (self._own / "work").mkdir(parents=True, exist_ok=True)
            for name in FOLDERS:
                (self.inbox / name).mkdir(exist_ok=True)
            if not (self.inbox / README).exists():
                durable.write_file(self.inbox / README, readme.encode(), _PAGE_MODE)

    # Where things lie.

    def work(self, file_id: str) -> Path:
        """Where a claimed file lies."""
        return self._own / "work" / file_id

    def held(self, file_id: str, name: str) -> Path:
        """Where a held file lies."""
        return self.inbox / "held" / share_name(name, file_id)

    def rejected(self, file_id: str, name: str) -> Path:
        """Where a rejected file lies."""
        return self.inbox / "rejected" / share_name(name, file_id)

    def claimed(self) -> list[str]:
        """The ids of all files in `work/`."""
        with in_folder(self._own / "work"):
            return sorted(path.name for path in (self._own / "work").iterdir())

    def signature(self, path: Path) -> Signature | None:
        """What `path` looks like now; None when nothing is there."""
        with on_share(path):
            try:
                seen = path.lstat()
            except FileNotFoundError:
                return None
        return Signature(seen.st_size, seen.st_mtime_ns, seen.st_ino)

    def recognise(self, path: Path, sha256: str) -> Signature | None:
        """What a file that holds exactly these bytes looks like; None when it does not."""
        seen = self.signature(path)
        if seen is None:
            return None
        same = self.digest(path) == sha256
        return seen if same and self.signature(path) == seen else None

    @staticmethod
    def digest(path: Path) -> str:
        """The SHA-256 of a file's bytes."""
        with on_share(path), path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    # Moves.

    def claim(self, path: Path, file_id: str) -> None:
        """Rename a candidate into `work/`.

        If killed here: the ledger's intention says so, and the next start asks which of the
        two names exists.

        Raises:
            Busy: if somebody holds the file open or it is gone.
        """
        try:
            path.rename(self.work(file_id))
        except OSError as error:
            gone = isinstance(error, FileNotFoundError) and not os.path.lexists(path)
            if gone or error.errno in BUSY:
                raise Busy from error
            raise translate(error, path) from error
        with on_share(path):
            durable.sync_folder(self._own / "work")

    def move(self, source: Path, target: Path) -> None:
        """Rename between our folders; see `durable.move`."""
        with _never_over(target), on_share(source):
            durable.move(source, target)

    def remove(self, path: Path) -> None:
        """Remove a file whose bytes are safe elsewhere, or a report whose time has come."""
        with on_share(path):
            path.unlink(missing_ok=True)

    # Pages.

    def write_reports(self, file_id: str, name: str, html: str, json: str) -> None:
        """Write one file's report pair into `reports/`."""
        folder = self.inbox / "reports"
        with in_folder(folder):
            folder.mkdir(exist_ok=True)
            for suffix, text in ((".html", html), (".json", json)):
                target = folder / share_name(name, file_id, suffix)
                durable.write_file(target, text.encode(), _REPORT_MODE)

    def write_report_beside(self, path: Path, file_id: str, name: str, html: str) -> None:
        """Write the report that lies beside a held or rejected file."""
        with on_share(path):
            durable.write_file(self.report_beside(path, file_id, name), html.encode(), _REPORT_MODE)

    @staticmethod
    def report_beside(path: Path, file_id: str, name: str) -> Path:
        """Where the report beside a held or rejected file lies."""
        return path.with_name(share_name(name, file_id, ".report.html"))

    def reports(self, file_id: str, name: str) -> tuple[Path, ...]:
        """Where one file's reports in `reports/` lie."""
        folder = self.inbox / "reports"
        return tuple(folder / share_name(name, file_id, suffix) for suffix in (".html", ".json"))

    def write_status(self, html: str) -> None:
        """Replace STATUS.html at once."""
        with on_share(self.inbox / STATUS_PAGE):
            durable.write_file(self.inbox / STATUS_PAGE, html.encode(), _PAGE_MODE)


@contextmanager
def _never_over(target: Path) -> Iterator[None]:
    try:
        yield
    except (Transient, NeedsOperator) as error:
        if isinstance(error.__cause__, FileExistsError):
            raise NeedsOperator(
                Reason.SHARE_PERMISSION,
                f"a file that is not ours stands in the way in {target.parent}; move it aside",
                {"user": os.getuid()},
            ) from error
        raise
