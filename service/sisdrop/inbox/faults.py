"""What an operating system error on the share means for us: translated here and nowhere else."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient

# A Windows client that holds a file open makes a rename fail with one of these.
BUSY = frozenset({errno.EBUSY, errno.ETXTBSY, errno.EAGAIN})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def on_share(path: Path) -> Iterator[None]:
    """Run a block that works on `path` on the share.

    Raises:
        Transient: `share_gone` for whatever the share or the network may mend by itself.
        NeedsOperator: `share_permission` where the rights do not allow it.
    """
    try:
        yield
    except OSError as error:
        raise translate(error, path) from error


@contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    """Run a block that works on the entries of `folder` on the share.

    Raises:
        Transient: as `on_share`.
        NeedsOperator: as `on_share`.
    """
    with on_share(folder / "*"):
        yield


def may_be_in_use(error: ServiceError) -> bool:
    """Whether what failed on the share may be about one file that somebody holds open.

    FUSE file systems without a word for that say `EIO`, as they do when their server is gone.
    """
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EIO


def translate(error: OSError, path: Path) -> ServiceError:
    """The kind of failure that an error on the share is; its hint names the folder of `path`."""
    number = error.errno or 0
    facts = {"errno": errno.errorcode.get(number, str(number))}
    folder = path.parent
    if number in _DENIED:
        return NeedsOperator(
            Reason.SHARE_PERMISSION,
            f"user {os.getuid()} (group {os.getgid()}) may not read, write or move files in"
            f" {folder}; give it that right on the share",
            facts,
        )
    if number in _FULL:
        return Transient(Reason.SHARE_GONE, f"the share of {folder} is full; free space", facts)
    return Transient(
        Reason.SHARE_GONE, f"the share of {folder} does not answer; check its mount", facts
    )
