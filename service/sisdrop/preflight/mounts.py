"""Which filesystem a path lies on, from `/proc/self/mountinfo`. Pure, but for the one read."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePath

MOUNTINFO = Path("/proc/self/mountinfo")
# File locks and a rollback journal cannot be relied on there, so SQLite can be damaged.
_NETWORK = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "fuse.cephfs", "fuse.davfs", "fuse.glusterfs",
        "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3",
        "smbfs",
    }
)  # fmt: skip
_OCTAL = re.compile(r"\\([0-7]{3})")
_MOUNT_POINT = 4


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted filesystem: where it begins, and its kind as the kernel calls it."""

    point: str
    kind: str

    @property
    def is_network(self) -> bool:
        """Whether another machine holds the bytes."""
        return self.kind in _NETWORK


def read_mount(path: Path) -> Mount | None:
    """The mount that a path lies on; None where the system does not tell."""
    try:
        return find_mount(path.resolve(), MOUNTINFO.read_text("utf-8", "surrogateescape"))
    except OSError:
        return None


def find_mount(path: PurePath, mountinfo: str) -> Mount | None:
    """The innermost mount above `path`, which has no symlinks; of two in one place, the later."""
    found: Mount | None = None
    for line in mountinfo.splitlines():
        mount = _parse(line)
        if mount is None or not path.is_relative_to(mount.point):
            continue
        if found is None or len(mount.point) >= len(found.point):
            found = mount
    return found


def _parse(line: str) -> Mount | None:
    r"""One line: `36 35 98:0 /root /mount\040point rw - ext4 /dev/sda rw`."""
    before, separator, after = line.partition(" - ")
    fields, kinds = before.split(" "), after.split(" ")
    if not separator or len(fields) <= _MOUNT_POINT:
        return None
    return Mount(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[_MOUNT_POINT]), kinds[0])
