"""Small disks of their own, which can be full or read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A disk in memory, mounted at a folder that is made for it; `options` are those of tmpfs."""
    folder.mkdir()
    _root("mount", "-t", "tmpfs", "-o", f"{options},uid={os.getuid()}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        _root("umount", "--lazy", str(folder))


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The disk that is mounted there may only be read within the block."""
    _root("mount", "-o", "remount,ro", str(folder))
    try:
        yield
    finally:
        _root("mount", "-o", "remount,rw", str(folder))


def _root(*command: str) -> None:
    """Run a command as root."""
    sudo = () if os.geteuid() == 0 else ("sudo", "-n")
    done = subprocess.run([*sudo, *command], capture_output=True, text=True, check=False)
    if done.returncode != 0 and command[0] == "mount" and "remount" not in command[2]:
        pytest.skip("a small disk needs the right to mount one: run this as root, or with sudo")
    assert done.returncode == 0, done.stderr


def fill(folder: Path, leave: int = 0) -> Path:
    """Take all room on a disk but so many bytes; remove the file to make room again."""
    path = folder / "filler"
    volume = os.statvfs(folder)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, volume.f_bavail * volume.f_frsize - leave))
    return path
