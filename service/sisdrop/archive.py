"""One folder per file on the data volume: filled while the file is under way, then filed.

`outgoing/<id>/` holds what the stages make; filing it is one rename to
`archive/YYYY/MM/DD/<id>/`, so a folder is complete in exactly one of the two places. Where the
next file of a stream needs the roster of one whose folder must go, it stays in `rosters/`.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from isal import igzip
from pydantic import TypeAdapter

from sisdrop import __version__, durable
from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient
from sisdrop.model import FileRow, Refined
from sisdrop.roster import ROSTER, Roster, RosterUnusable

ORIGINAL = "original.xml.gz"
ORIGINAL_ZIP = "original.zip"
MANIFEST = "manifest.json"
_REFINED = "refined.json"
_BLOCK = 1 << 20
# A file under way has about ten, and writing one takes a temporary one.
_LEAST_FILES = 100
_REFINED_TYPE = TypeAdapter(Refined)


class Changed(Exception):
    """The file on the share no longer holds the bytes that were read."""


_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
# A disk or its network that fails, not a file that is or is not there.
_BROKEN = frozenset(
    {
        *(errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.EREMOTEIO, errno.ENOTCONN),
        *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EUCLEAN, errno.EMFILE, errno.ENFILE),
    }
)


class Archive:
    """The folders of the data volume, whose trouble comes out as `data_full` or `ledger_unusable`.

    Raises (every method):
        Transient: `data_full` when the volume is full.
        NeedsOperator: `ledger_unusable` when the volume cannot be written at all.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self._rosters = data / "rosters"

    def outgoing(self, file_id: str) -> Path:
        """The folder of a file that is under way."""
        return self.data / "outgoing" / file_id

    def bundle(self, file_id: str) -> Path:
        """The zip of a file that is under way."""
        return self.outgoing(file_id) / f"{file_id}.zip"

    def size(self) -> int:
        """Bytes of all files in the archive; what is removed meanwhile does not count."""
        size = 0
        for root, _, names in os.walk(self.data / "archive"):
            for name in names:
                with suppress(FileNotFoundError):
                    size += Path(root, name).lstat().st_size
        return size

    def free(self) -> int:
        """Bytes that can still be written; none where no more files can be made."""
        with on_data(self.data):
            volume = os.statvfs(self.data)
        if volume.f_files and volume.f_favail < _LEAST_FILES:
            return 0
        return volume.f_bavail * volume.f_frsize

    def fault(self, error: OSError) -> ServiceError | None:
        """What an error of the data volume means; None where it says nothing of the volume."""
        return _fault(error, self.data)

    @staticmethod
    def place(file_id: str, at: datetime) -> str:
        """Where the folder of a file that is filed at `at` goes, relative to the data folder."""
        return f"archive/{at:%Y/%m/%d}/{file_id}"

    def folder(self, row: FileRow) -> Path:
        """The folder of a file, under way or filed."""
        outgoing = self.outgoing(row.id)
        if row.folder is None or self._is_there(outgoing):
            return outgoing
        return self.data / row.folder

    def is_under_way(self, row: FileRow) -> bool:
        """Whether a file has a folder that is not filed."""
        return self._is_there(self.outgoing(row.id))

    def _is_there(self, path: Path) -> bool:
        with on_data(self.data):
            return path.exists()

    def under_way(self) -> list[str]:
        """The ids of all files that have a folder in `outgoing/`."""
        with on_data(self.data):
            return sorted(path.name for path in (self.data / "outgoing").iterdir())

    def holds_original(self, row: FileRow) -> bool:
        """Whether the bytes of a sent file can still be had from its folder."""
        folder = self.folder(row)
        original = folder / _original(zipped=row.content_sha256 is not None)
        return self._is_there(original) or (
            row.identical and self._is_there(folder / f"{row.id}.zip")
        )

    def holds(self, row: FileRow, sha256: str | None) -> bool:
        """Whether a sent file was exactly these bytes, and they can still be had."""
        return row.sha256 == sha256 and self.holds_original(row)

    def begin(self, file_id: str) -> Path:
        """An empty folder for a file; whatever an interrupted try left there goes.

        If killed here: the folder is partial, and the next try empties it again.
        """
        folder = self.outgoing(file_id)
        with on_data(self.data):
            self._clear(folder)
            folder.mkdir(parents=True, mode=0o700)
            durable.sync_folder(folder.parent)
        return folder

    def save_refined(self, file_id: str, refined: Refined) -> None:
        """Keep the outcome of the read, so that a restart need not read again."""
        with on_data(self.data):
            durable.write_file(
                self.outgoing(file_id) / _REFINED, _REFINED_TYPE.dump_json(refined, indent=1)
            )

    def load_refined(self, row: FileRow) -> Refined:
        """The outcome of the read of a file that is under way or filed."""
        with on_data(self.data):
            return _REFINED_TYPE.validate_json((self.folder(row) / _REFINED).read_bytes())

    def secure_original(
        self, file_id: str, read: Callable[[int], bytes], sha256: str, *, zipped: bool = False
    ) -> None:
        """Keep a copy of the file as dropped, and prove that it is these bytes.

        It is compressed, unless it is `zipped` already. `read` yields the next bytes, at most so
        many, and translates what the share says.

        If killed here: a hidden partial copy is left, which the next try replaces; the file on
        the share is untouched.

        Raises:
            Changed: if the file no longer has this digest.
        """
        target = self.outgoing(file_id) / _original(zipped=zipped)
        temporary = target.with_name(f".{target.name}.tmp")
        digest = hashlib.sha256()
        with on_data(self.data), temporary.open("wb") as raw:
            with nullcontext(raw) if zipped else _compressing(raw) as copy:
                while block := read(_BLOCK):
                    digest.update(block)
                    copy.write(block)
            raw.flush()
            os.fsync(raw.fileno())
        if digest.hexdigest() != sha256:
            temporary.unlink()
            raise Changed
        with on_data(self.data):
            temporary.replace(target)
            durable.sync_folder(target.parent)

    def roster(self, row: FileRow) -> Roster | None:
        """Who was in a file, open; None if that is not known any more."""
        for path in (self.folder(row) / ROSTER, self._kept_roster(row.id)):
            with suppress(FileNotFoundError, RosterUnusable), on_data(self.data):
                return Roster(path)
        return None

    def keep_roster(self, row: FileRow) -> None:
        """Put a filed file's roster where it outlives its folder. Done already is done.

        If killed here: the roster is in one of the two places, and is found in both.
        """
        roster = self.folder(row) / ROSTER
        with on_data(self.data):
            if roster.exists():
                durable.make_folders(self._rosters)
                roster.replace(self._kept_roster(row.id))
                durable.sync_folder(self._rosters)

    def kept_rosters(self) -> list[str]:
        """The ids of the files whose rosters outlived their folders."""
        return sorted(path.stem for path in self._rosters.glob("*.bin"))

    def forget_roster(self, file_id: str) -> None:
        """Remove a roster that outlived its folder."""
        with on_data(self.data):
            self._kept_roster(file_id).unlink(missing_ok=True)

    def _kept_roster(self, file_id: str) -> Path:
        return self._rosters / f"{file_id}.bin"

    def drop_bundle(self, file_id: str) -> None:
        """Remove the zip of a file that will not be sent."""
        with on_data(self.data):
            self.bundle(file_id).unlink(missing_ok=True)

    def write_text(self, file_id: str, name: str, text: str) -> None:
        """Put a report beside the zip."""
        with on_data(self.data):
            durable.write_file(self.outgoing(file_id) / name, text.encode())

    def read_text(self, row: FileRow, name: str) -> str:
        """What was put beside the zip."""
        with on_data(self.data):
            return (self.folder(row) / name).read_text("utf-8")

    def write_manifest(self, row: FileRow) -> None:
        """Say in `manifest.json` what the folder holds: digests, counts, times; no patron data."""
        refined = self.load_refined(row)
        manifest = {
            "format": "sisdrop-manifest/1",
            "sisdrop": __version__,
            "id": row.id,
            "stream": row.stream,
            "state": row.state,
            "claimed_at": row.claimed_at.isoformat(),
            "filed_at": row.filed_at.isoformat() if row.filed_at else None,
            "delivered_at": row.delivered_at.isoformat() if row.delivered_at else None,
            "rehearsed": row.rehearsed,
            "remote_name": row.remote_name,
            "sha256": row.sha256,
            "content_sha256": row.content_sha256,
            "bytes": row.signature.size,
            "zip_sha256": row.bundle_sha256,
            "zip_bytes": row.bundle_size,
            "zip_holds_the_original": row.identical,
            "schema": refined.schema,
            "rules": refined.rules,
            "records": TypeAdapter(type(refined.counts)).dump_python(refined.counts),
        }
        self.write_text(row.id, MANIFEST, json.dumps(manifest, indent=1) + "\n")

    def file_away(self, row: FileRow) -> None:
        """Move a file's folder into the archive, with its manifest. Done already is done.

        If killed here: the folder is in exactly one of the two places.
        """
        folder = self.outgoing(row.id)
        if row.folder is None or not self._is_there(folder):
            return
        self.write_manifest(row)
        target = self.data / row.folder
        with on_data(self.data):
            durable.make_folders(target.parent)
            durable.move(folder, target)

    def take_back(self, row: FileRow) -> None:
        """Move a filed folder to where files are under way, to send it again. Done already is done.

        If killed here: the folder is in exactly one of the two places.
        """
        if row.folder is not None and self._is_there(filed := self.data / row.folder):
            with on_data(self.data):
                durable.move(filed, self.outgoing(row.id))

    def is_whole(self, row: FileRow) -> bool:
        """Whether the zip of a file is there, byte for byte."""
        path = self.folder(row) / f"{row.id}.zip"
        with on_data(self.data), suppress(FileNotFoundError), path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == row.bundle_sha256
        return False

    def remove(self, row: FileRow) -> None:
        """Remove a filed folder for good.

        If killed here: part of the folder is left, and the next purge removes the rest.
        """
        if row.folder is not None:
            with on_data(self.data):
                self._clear(self.data / row.folder)

    @staticmethod
    def _clear(folder: Path) -> None:
        if os.path.lexists(folder):
            shutil.rmtree(folder)


def _original(*, zipped: bool) -> str:
    """What the copy of a file as dropped is called."""
    return ORIGINAL_ZIP if zipped else ORIGINAL


def _compressing(raw: BinaryIO) -> igzip.IGzipFile:
    """The same bytes become the same bytes: no name and no time goes in."""
    return igzip.IGzipFile(  # type: ignore[no-untyped-call]  # its constructor has no types
        filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=1
    )


@contextmanager
def on_data(data: Path) -> Iterator[None]:
    """Run a block that works on the data volume, translating what the system says about it."""
    try:
        yield
    except OSError as error:
        fault = _fault(error, data)
        if fault is None:
            raise
        raise fault from error


def _fault(error: OSError, data: Path) -> ServiceError | None:
    if error.errno in durable.FULL:
        return Transient(
            Reason.DATA_FULL, f"the volume of {data} is full; free space or enlarge it"
        )
    if error.errno in _DENIED:
        return NeedsOperator(
            Reason.LEDGER_UNUSABLE,
            f"user {os.getuid()} may not write below {data}; give it that right",
        )
    if error.errno in _BROKEN:
        return NeedsOperator(
            Reason.LEDGER_UNUSABLE,
            f"the volume of {data} does not work ({errno.errorcode[error.errno]}); look at it",
        )
    return None
