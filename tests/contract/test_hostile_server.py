"""Delivering to servers that are slow, forbid what others allow, or list what nobody asked for."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sisdrop.delivery.sftp import connect
from sisdrop.errors import Reason, Transient
from sisdrop.model import Delivered
from support.hostile_sftp import Mood, hostile_sftp

NAME = "20261123T190301Z-01-students-01234567.zip"
BROKEN_OFF = "20261122T190301Z-01-students-76543210.zip"
# Names that would lead out of the folder if they were taken for what they say.
CLIMBERS = (
    b"..",
    b".",
    b"../students.zip",
    b"../../etc/passwd",
    b"/etc/passwd",
    b"a/../b.zip",
    b"",
)


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    path = tmp_path / "students.zip"
    path.write_bytes(hashlib.shake_128(b"students").digest(3_000_000))
    return path


def content(path: Path) -> bytes:
    return path.read_bytes()


def arrived(folder: Path) -> Path:
    return folder / "root" / NAME


async def deliver(
    folder: Path, mood: Mood, zip_path: Path, stale: frozenset[str] = frozenset(), **timeouts: float
) -> Delivered:
    async with (
        hostile_sftp(folder, mood) as target,
        connect(replace(target, **timeouts)) as connection,  # type: ignore[arg-type]
    ):
        return await connection.deliver("~", zip_path, NAME, stale, lambda _: None)


async def test_a_slow_server_that_goes_on_is_waited_for(tmp_path: Path, zip_path: Path) -> None:
    """The whole takes longer than the server may stand still."""
    await deliver(tmp_path, Mood(pace=0.6), zip_path, idle_timeout=1)
    assert content(arrived(tmp_path)) == content(zip_path)


async def test_a_server_that_drips_ends_in_time(tmp_path: Path, zip_path: Path) -> None:
    async with asyncio.timeout(15):
        with pytest.raises(Transient) as caught:
            await deliver(tmp_path, Mood(pace=0.6), zip_path, idle_timeout=60, total_timeout=1)
    assert caught.value.reason is Reason.TIMEOUT
    assert caught.value.facts == {"phase": "write", "deadline": "total"}
    assert not arrived(tmp_path).exists()


async def test_attributes_are_never_set(tmp_path: Path, zip_path: Path) -> None:
    mood = Mood()
    await deliver(tmp_path, mood, zip_path)
    assert mood.settings == []
    assert content(arrived(tmp_path)) == content(zip_path)


async def test_thousands_of_names_are_looked_through(tmp_path: Path, zip_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for number in range(5_000):
        (root / f"20261001T000000Z-01-students-{number:08x}.zip.old").touch()
    (root / f".{BROKEN_OFF}.part").write_bytes(b"half")
    mood = Mood()
    await deliver(tmp_path, mood, zip_path, frozenset({BROKEN_OFF}))
    assert sum(1 for _ in root.iterdir()) == 5_001
    assert mood.removals == [f"/.{BROKEN_OFF}.part"]


async def test_names_that_lead_elsewhere_lead_nowhere(tmp_path: Path, zip_path: Path) -> None:
    names = (*CLIMBERS, f"../.{BROKEN_OFF}.part".encode(), f"../{NAME}".encode())
    mood = Mood(also_lists=names)
    outside = tmp_path / f".{BROKEN_OFF}.part"
    outside.write_bytes(b"half")
    await deliver(tmp_path, mood, zip_path, frozenset({BROKEN_OFF}))
    assert mood.removals == []
    assert mood.renames == [(f"/.{NAME}.part", f"/{NAME}")]
    assert outside.exists()
