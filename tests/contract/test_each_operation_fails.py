"""Each operation that a delivery asks of a server fails in each way, and the next attempt delivers.

The table is complete by construction: an operation without a row fails the first test.
"""

import asyncio
import hashlib
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from sisdrop.delivery.session import Target
from sisdrop.delivery.sftp import connect
from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient
from support.hostile_sftp import OPERATIONS, How, Mood, hostile_sftp

NAME = "20261123T190301Z-01-students-01234567.zip"
BROKEN_OFF = "20261122T190301Z-01-students-76543210.zip"
DENIED, FAILED = Reason.REMOTE_PERMISSION, Reason.REMOTE_FAILURE
LOST, SILENT = Reason.CONNECTION_LOST, Reason.TIMEOUT
# How each operation's failing is told: denied, a failure without a word, dropped, hanging. None is
# what does not matter, or what there is another way to find out.
TABLE: dict[str, tuple[Reason | None, Reason | None, Reason | None, Reason | None]] = {
    "realpath": (DENIED, FAILED, LOST, SILENT),
    "stat": (DENIED, FAILED, LOST, SILENT),
    "scandir": (None, None, LOST, SILENT),
    "lstat": (DENIED, FAILED, LOST, SILENT),
    "open": (DENIED, FAILED, LOST, SILENT),
    "statvfs": (None, None, LOST, SILENT),
    "write": (DENIED, FAILED, LOST, SILENT),
    "fsync": (DENIED, FAILED, LOST, SILENT),
    "fstat": (DENIED, FAILED, LOST, SILENT),
    "close": (DENIED, FAILED, LOST, SILENT),
    "posix_rename": (DENIED, FAILED, LOST, SILENT),
    "remove": (None, None, LOST, SILENT),
}
KINDS = {DENIED: NeedsOperator, FAILED: Transient, LOST: Transient, SILENT: Transient}


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    path = tmp_path / "students.zip"
    path.write_bytes(hashlib.shake_128(b"students").digest(300_000))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


async def attempt(target: Target, zip_path: Path) -> ServiceError | None:
    """How a delivery ends; one that broke off earlier is to be swept."""
    try:
        async with asyncio.timeout(15), connect(target) as connection:
            await connection.deliver("~", zip_path, NAME, frozenset({BROKEN_OFF}), lambda _: None)
    except ServiceError as error:
        return error
    return None


def test_every_operation_has_its_row() -> None:
    assert {*TABLE} == {*OPERATIONS}


@pytest.mark.parametrize(("operation", "how"), list(product(TABLE, How)))
async def test_what_fails_is_told_for_what_it_is_and_the_next_attempt_delivers(
    operation: str, how: How, tmp_path: Path, zip_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / f".{BROKEN_OFF}.part").write_bytes(b"half")
    mood = Mood(fails={operation: how})
    async with hostile_sftp(tmp_path, mood) as target:
        error = await attempt(replace(target, idle_timeout=0.5), zip_path)
        expected = TABLE[operation][list(How).index(how)]
        assert (None if error is None else error.reason) == expected
        if error is not None and expected is not None:
            assert type(error) is KINDS[expected]
            assert "phase" in error.facts
        mood.fails.clear()
        assert await attempt(target, zip_path) is None
    left = contents(root)
    # What could not be swept by an attempt that delivered is swept by the next zip's.
    left.pop(f".{BROKEN_OFF}.part" if operation == "remove" and error is None else "", None)
    assert left == {NAME: contents(zip_path.parent)[zip_path.name]}
