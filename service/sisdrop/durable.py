"""Writing and moving files so that a crash leaves either the old or the new, never a half."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# Some network filesystems cannot sync a folder, and say so in different ways.
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES})
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# More than one change of the ledger takes.
_TRIAL_BYTES = 1 << 16
# A name of 255 bytes has no room for more.
_TEMPORARY_BYTES = 200


def is_full(folder: Path) -> bool:
    """Whether no more can be written below a folder, for want of space, files or quota: tries it.

    If killed here: nothing is left.
    """
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(_TRIAL_BYTES))
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno in FULL
    return False


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where its filesystem can."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(handle)


def write_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put `content` under `path` at once, replacing what was there.

    If killed here: the old content stands, and perhaps a hidden `.<name>.tmp`, which the next
    write of the same name replaces.
    """
    with written(path, mode) as file:
        file.write(content)


@contextmanager
def written(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write to that takes the name `path` when the block ends, replacing what was there.

    If the block raises, nothing is changed. If killed here: as for `write_file`.
    """
    # The end of a name is what tells it from its neighbours: it carries the file id.
    tail = os.fsencode(path.name)[-_TEMPORARY_BYTES:].decode("utf-8", "ignore")
    temporary = path.with_name(f".{tail}.tmp")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folders(folder: Path) -> None:
    """Make a folder and what is missing above it, durably. Done already is done."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def move(source: Path, target: Path) -> None:
    """Rename within one filesystem, replacing nothing. Done already is done.

    Our targets carry a file id, so only somebody's meddling can have put a file there.
    If killed here: the file is under exactly one of the two names, and calling again finishes.

    Raises:
        FileExistsError: if both names exist.
        FileNotFoundError: if neither does.
    """
    if os.path.lexists(target):
        if os.path.lexists(source):
            raise FileExistsError(errno.EEXIST, "both names exist", str(target))
        return
    source.rename(target)
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)
