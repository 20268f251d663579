import subprocess
import sys
from pathlib import Path

import pytest

from sisdrop.lock import Lock


def test_a_free_lock_is_ours(tmp_path: Path) -> None:
    with Lock(tmp_path) as lock:
        assert not lock.is_ours()
        assert lock.acquire()
        assert lock.is_ours()
        assert lock.acquire()


def test_only_one_has_the_lock(tmp_path: Path) -> None:
    with Lock(tmp_path) as one, Lock(tmp_path) as other:
        assert one.acquire()
        assert not other.acquire()
        assert not other.is_ours()
        assert one.is_ours()


def test_a_lock_given_back_can_be_taken_by_the_next(tmp_path: Path) -> None:
    one, other = Lock(tmp_path), Lock(tmp_path)
    with one:
        one.acquire()
    assert not one.is_ours()
    assert other.acquire()
    other.release()
    other.release()
    assert one.acquire()
    one.release()


def test_trying_in_vain_keeps_no_file_open(tmp_path: Path) -> None:
    with Lock(tmp_path) as lock:
        lock.acquire()
        before = sum(1 for _ in Path("/proc/self/fd").iterdir())
        for _ in range(5):
            assert not Lock(tmp_path).acquire()
        assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


_CHILD = """
import os, signal, sys
from pathlib import Path
from sisdrop.lock import Lock
lock = Lock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def test_the_lock_of_a_dead_process_is_free_and_not_a_moment_before(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child, Lock(tmp_path) as lock:
        assert child.stdout is not None
        assert child.stdout.readline() == b"True\n"
        assert not lock.acquire()
        child.kill()
        child.wait()
        assert lock.acquire()


def test_a_missing_data_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Lock(tmp_path / "nowhere").acquire()


def test_nobody_else_may_read_the_lock(tmp_path: Path) -> None:
    with Lock(tmp_path) as lock:
        lock.acquire()
    assert (tmp_path / "lock").stat().st_mode & 0o077 == 0
