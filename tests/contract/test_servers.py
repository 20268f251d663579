"""The same promises on every server: OpenSSH, ProFTPD, rclone, and the one of the demo."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sisdrop.delivery import demo_server
from sisdrop.delivery.keys import generate_key
from sisdrop.delivery.remote import Fate
from sisdrop.delivery.sftp import connect
from sisdrop.errors import NeedsOperator, Reason, ServiceError
from sisdrop.model import Delivered, Pickup
from support.other_servers import FOLDER, Place, running_proftpd, running_rclone
from support.sshd import running_sshd
from support.targets import target_on

DIRECTORY = f"~/{FOLDER}"
NAME = "20261123T190301Z-01-students-01234567.zip"
# More than one window of writes.
SIZE = 6 * 1024 * 1024
SERVERS = ["openssh", "proftpd", "rclone", "demo"]


@pytest.fixture(params=SERVERS)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        yield await _start(request.param, tmp_path, stack)


async def _start(kind: str, base: Path, stack: AsyncExitStack) -> Place:
    if kind == "openssh":
        sshd = await asyncio.to_thread(stack.enter_context, running_sshd())
        return Place(sshd.target(), sshd.upload_dir)
    if kind == "demo":
        return await _start_demo(base, stack)
    server = running_proftpd() if kind == "proftpd" else running_rclone(base / "server")
    return await asyncio.to_thread(stack.enter_context, server)


async def _start_demo(base: Path, stack: AsyncExitStack) -> Place:
    upload_dir = base / "root" / FOLDER
    upload_dir.mkdir(parents=True)
    public_key = generate_key(base / "key")
    pins = base / "known_hosts"
    serving = demo_server.serve_folder(base / "root", public_key, pins)
    port = await stack.enter_async_context(serving)
    return Place(target_on(port, demo_server.USER, base / "key", pins), upload_dir)


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    """Bytes that look like a zip to nobody but us: delivery does not look inside."""
    path = tmp_path / "students.zip"
    path.write_bytes(hashlib.shake_128(b"students").digest(SIZE))
    return path


async def deliver(place: Place, zip_path: Path, name: str = NAME, *stale: str) -> Delivered:
    """One delivery over a connection of its own."""
    async with connect(place.target) as connection:
        return await connection.deliver(
            DIRECTORY, zip_path, name, frozenset(stale), lambda _: None, in_doubt=True
        )


async def refusal(place: Place, zip_path: Path, directory: str = DIRECTORY) -> ServiceError:
    """What stands in the way of a delivery."""
    with pytest.raises(ServiceError) as caught:
        async with connect(place.target) as connection:
            await connection.deliver(
                directory, zip_path, NAME, frozenset(), lambda _: None, in_doubt=True
            )
    return caught.value


def is_whole(place: Place, zip_path: Path) -> bool:
    """Whether the zip stands under its final name, byte for byte."""
    return (place.upload_dir / NAME).read_bytes() == zip_path.read_bytes()


def names(place: Place) -> list[str]:
    return sorted(path.name for path in place.upload_dir.iterdir())


async def test_a_zip_arrives_byte_for_byte_under_its_final_name_alone(
    place: Place, zip_path: Path
) -> None:
    delivered = await deliver(place, zip_path)
    assert (delivered.size, delivered.found) == (SIZE, False)
    assert names(place) == [NAME]
    assert is_whole(place, zip_path)


async def test_what_is_there_already_is_found_and_not_sent_again(
    place: Place, zip_path: Path
) -> None:
    await deliver(place, zip_path)
    before = (place.upload_dir / NAME).stat().st_mtime_ns
    again = await deliver(place, zip_path)
    assert (again.found, again.taken_as) == (True, None)
    assert (place.upload_dir / NAME).stat().st_mtime_ns == before


async def test_what_the_receiver_has_renamed_is_found_too(place: Place, zip_path: Path) -> None:
    await deliver(place, zip_path)
    path = place.upload_dir / NAME
    path.rename(path.with_name(f"{NAME}.old"))
    again = await deliver(place, zip_path)
    assert (again.found, again.taken_as) == (True, f"{NAME}.old")
    assert names(place) == [f"{NAME}.old"]


async def test_an_upload_that_broke_off_is_made_anew_and_others_are_swept(
    place: Place, zip_path: Path
) -> None:
    for name in (f".{NAME}.part", ".gone.zip.part", ".other.zip.part"):
        _leave(place, name, b"x" * (2 * SIZE))
    await deliver(place, zip_path, NAME, "gone.zip")
    assert names(place) == [".other.zip.part", NAME]
    assert is_whole(place, zip_path)


async def test_another_file_of_our_name_is_never_replaced(place: Place, zip_path: Path) -> None:
    _leave(place, NAME, b"not ours")
    error = await refusal(place, zip_path)
    assert isinstance(error, NeedsOperator)
    assert error.reason is Reason.REMOTE_CONFLICT
    assert (place.upload_dir / NAME).read_bytes() == b"not ours"


async def test_a_missing_folder_needs_an_operator(place: Place, zip_path: Path) -> None:
    error = await refusal(place, zip_path, "~/upload/elsewhere")
    assert isinstance(error, NeedsOperator)
    assert error.reason is Reason.REMOTE_PATH


async def test_another_key_is_refused_and_needs_an_operator(
    place: Place, zip_path: Path, tmp_path: Path
) -> None:
    generate_key(tmp_path / "other")
    other = Place(replace(place.target, key=tmp_path / "other"), place.upload_dir)
    error = await refusal(other, zip_path)
    assert isinstance(error, NeedsOperator)
    assert error.reason is Reason.AUTH


async def test_what_became_of_a_zip_can_be_seen(place: Place, zip_path: Path) -> None:
    await deliver(place, zip_path)
    _leave(place, "taken.zip.old", b"x")
    async with connect(place.target) as connection:
        found = await connection.fates(DIRECTORY, [NAME, "taken.zip", "gone.zip"])
    assert found == {
        NAME: Fate(Pickup.WAITING),
        "taken.zip": Fate(Pickup.PICKED_UP, "taken.zip.old"),
        "gone.zip": Fate(Pickup.VANISHED),
    }


def _leave(place: Place, name: str, content: bytes) -> None:
    """Something that stands there, and belongs to the account."""
    path = place.upload_dir / name
    path.write_bytes(content)
    owner = place.upload_dir.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
