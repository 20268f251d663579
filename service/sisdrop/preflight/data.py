"""The points of the data volume: rights, kind, room, ledger, lock."""

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

from sisdrop.build import FOLDERS, LEDGER, prepare_data
from sisdrop.preflight.folder import rehearse
from sisdrop.preflight.identity import Known, is_lock_free, read_known
from sisdrop.preflight.mounts import Mount, read_mount
from sisdrop.preflight.point import Looker, Point, Unfit, errno_name, mebibytes
from sisdrop.units import GIB

# Below this nobody should start, however small the files are.
_LEAST_ROOM = 1 * GIB
# Where a SQLite file keeps `PRAGMA user_version`, as four bytes, the highest first.
_LAYOUT_AT = 60


class DataVolume:
    """The data folder and what is looked at in it."""

    def __init__(self, data: Path, looker: Looker, token: str, now: Callable[[], float]) -> None:
        self._data = data
        self._looker = looker
        self._token = token
        self._now = now

    def points(self, largest: int) -> list[Point]:
        """Rights, kind and room, for an inbox whose largest file has so many bytes."""
        look = self._looker.look
        return [
            look("data folder", self._rights),
            look("data volume", lambda: judge_mount(self._data, read_mount(self._data))),
            look("data space", lambda: judge_room(self._free(), largest)),
        ]

    def ledger(self) -> tuple[Point, Known | None]:
        """Whether the ledger can be used, and what it knows of the share."""
        return self._looker.find("ledger", self._known, lambda _: self._ledger_text())

    def lock(self) -> Point:
        """Whether a service runs; either is good."""
        return self._looker.look("lock", self._lock_text)

    def _rights(self) -> str:
        new = not self._data.exists()
        prepare_data(self._data)
        for folder in (self._data, *(self._data / name for name in FOLDERS)):
            try:
                rehearse(folder, self._token, self._now)
            except OSError as error:
                raise Unfit(
                    f"user {os.geteuid()} (group {os.getegid()}) cannot write, rename and remove a"
                    f" file in {folder} ({errno_name(error)}); give it that right, or free space"
                ) from error
        if new:
            return f"{self._data} was not there and was made; is its volume mounted?"
        return f"files can be written, renamed and removed in {self._data}"

    def _free(self) -> int:
        return shutil.disk_usage(self._data).free

    def _known(self) -> Known:
        path = self._data / LEDGER
        known = read_known(self._data)
        if path.exists() and not os.access(path, os.W_OK, effective_ids=True):
            raise Unfit(
                f"user {os.geteuid()} (group {os.getegid()}) may not write {path}, which belongs"
                f" to user {path.stat().st_uid}; give it to the user that the service runs as"
            )
        return known

    def _ledger_text(self) -> str:
        path = self._data / LEDGER
        layout = read_layout(path)
        if layout is None:
            return f"{path} is not there yet; the service makes it when it starts"
        return f"{path} opens, layout {layout}"

    def _lock_text(self) -> str:
        try:
            free = is_lock_free(self._data)
        except PermissionError as error:
            raise Unfit(
                f"user {os.geteuid()} may not open {error.filename}; give it to the user that the"
                " service runs as"
            ) from error
        return "free: no service runs" if free else "held: a service runs on this data folder"


def judge_mount(data: Path, mount: Mount | None) -> str:
    """What the kind of filesystem means for the ledger.

    Raises:
        Unfit: if another machine holds the bytes.
    """
    if mount is None:
        return f"this system does not tell which filesystem {data} lies on"
    if mount.is_network:
        raise Unfit(
            f"{data} lies on a network filesystem ({mount.kind} at {mount.point}): SQLite, which"
            " keeps the ledger, is at risk there; use a disk or block volume of this machine"
        )
    return f"{data} lies on {mount.kind} at {mount.point}"


def judge_room(free: int, largest: int) -> str:
    """Whether so many free bytes are enough for an inbox with such a largest file.

    Raises:
        Unfit: if they are not.
    """
    needed = max(_LEAST_ROOM, 2 * largest)
    if free < needed:
        raise Unfit(
            f"{mebibytes(free)} free, {mebibytes(needed)} needed: free space, enlarge the volume,"
            " or keep files for a shorter time (archive.retention)"
        )
    return f"{mebibytes(free)} free"


def read_layout(path: Path) -> int | None:
    """The layout version in a ledger file; None when there is no ledger yet.

    Raises:
        OSError: if the file cannot be read.
    """
    # Only while no connection of ours is open: closing this file would drop the locks it holds.
    try:
        with path.open("rb") as file:
            header = file.read(_LAYOUT_AT + 4)
    except FileNotFoundError:
        return None
    if len(header) < _LAYOUT_AT + 4:
        return None
    return int(struct.unpack_from(">I", header, _LAYOUT_AT)[0])
