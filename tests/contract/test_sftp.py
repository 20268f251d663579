"""Delivering, against a real OpenSSH, and against a server that misbehaves on purpose."""

import asyncio
import hashlib
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sisdrop.delivery.phases import is_account_failure
from sisdrop.delivery.remote import Fate
from sisdrop.delivery.session import Target
from sisdrop.delivery.sftp import connect
from sisdrop.errors import Broken, NeedsOperator, Reason, ServiceError, Transient
from sisdrop.model import Delivered, Pickup
from support.hostile_sftp import Mood, hostile_sftp
from support.sshd import Sshd, running_sshd, wait_until

DIRECTORY = "~/upload/ALMA/SIS"
NAME = "20261123T190301Z-01-students-01234567.zip"
TEMPORARY = f".{NAME}.part"
REMOTE = f"/home/upload/ALMA/SIS/{NAME}"
# More than one window of writes, so that progress is told while much is still to come.
LARGE = 24 * 1024 * 1024


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    with running_sshd() as running:
        yield running


@pytest.fixture
def sshd(server: Sshd) -> Iterator[Sshd]:
    """The server with an empty upload folder."""
    yield server
    for path in server.upload_dir.iterdir():
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    return make_zip(tmp_path, 300_000)


def make_zip(folder: Path, size: int) -> Path:
    """Bytes that look like a zip to nobody but us: delivery does not look inside."""
    path = folder / "students.zip"
    path.write_bytes(hashlib.shake_128(b"students").digest(size))
    return path


def ignore(_: int) -> None:
    """Nobody watches."""


async def deliver(
    target: Target,
    zip_path: Path,
    *,
    directory: str = DIRECTORY,
    stale: frozenset[str] = frozenset(),
    progress: Callable[[int], None] = ignore,
) -> Delivered:
    async with connect(target) as connection:
        return await connection.deliver(directory, zip_path, NAME, stale, progress)


async def failure(
    target: Target,
    zip_path: Path,
    *,
    directory: str = DIRECTORY,
    progress: Callable[[int], None] = ignore,
) -> ServiceError:
    """How delivering fails; it is this file's failure, and it comes in time."""
    async with asyncio.timeout(15):
        with pytest.raises(ServiceError) as caught:
            await deliver(target, zip_path, directory=directory, progress=progress)
    assert not is_account_failure(caught.value)
    return caught.value


def content(path: Path) -> bytes:
    return path.read_bytes()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def once(action: Callable[[], None]) -> Callable[[int], None]:
    """Acts at the first sign of progress, in the middle of the upload."""
    left = [action]

    def progress(_: int) -> None:
        while left:
            left.pop()()

    return progress


# A sound server.


async def test_what_arrives_is_byte_for_byte_what_was_sent(sshd: Sshd, tmp_path: Path) -> None:
    path = make_zip(tmp_path, 3_000_001)
    confirmed: list[int] = []
    delivered = await deliver(sshd.target(), path, progress=confirmed.append)
    assert delivered == Delivered(REMOTE, 3_000_001, found=False)
    assert names(sshd.upload_dir) == [NAME]
    assert content(sshd.upload_dir / NAME) == content(path)
    assert confirmed == sorted(confirmed)
    assert confirmed[-1] == 3_000_001


async def test_an_absolute_directory_is_taken_as_it_is(sshd: Sshd, zip_path: Path) -> None:
    delivered = await deliver(sshd.target(), zip_path, directory="/home/upload/ALMA/SIS/")
    assert delivered.remote_path == REMOTE


async def test_what_an_earlier_attempt_delivered_is_found_and_not_sent_again(
    sshd: Sshd, zip_path: Path
) -> None:
    await deliver(sshd.target(), zip_path)
    before = (sshd.upload_dir / NAME).stat()
    delivered = await deliver(sshd.target(), zip_path)
    assert delivered == Delivered(REMOTE, 300_000, found=True)
    after = (sshd.upload_dir / NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("suffix", [".old", ".handled"])
async def test_what_the_receiver_has_taken_is_not_sent_again(
    sshd: Sshd, zip_path: Path, suffix: str
) -> None:
    (sshd.upload_dir / f"{NAME}{suffix}").write_bytes(b"x")
    delivered = await deliver(sshd.target(), zip_path)
    assert delivered == Delivered(REMOTE, 300_000, found=True, taken_as=f"{NAME}{suffix}")
    assert names(sshd.upload_dir) == [f"{NAME}{suffix}"]


async def test_our_name_with_another_size_needs_an_operator(sshd: Sshd, zip_path: Path) -> None:
    (sshd.upload_dir / NAME).write_bytes(b"not ours")
    error = await failure(sshd.target(), zip_path)
    assert isinstance(error, NeedsOperator)
    assert error.reason is Reason.REMOTE_CONFLICT
    assert content(sshd.upload_dir / NAME) == b"not ours"
    assert names(sshd.upload_dir) == [NAME]


@pytest.mark.parametrize("name", [NAME, TEMPORARY])
async def test_a_folder_under_one_of_our_names_needs_an_operator(
    sshd: Sshd, zip_path: Path, name: str
) -> None:
    (sshd.upload_dir / name).mkdir()
    assert (await failure(sshd.target(), zip_path)).reason is Reason.REMOTE_CONFLICT
    assert names(sshd.upload_dir) == [name]


async def test_a_broken_off_upload_of_the_same_zip_starts_anew(sshd: Sshd, zip_path: Path) -> None:
    left = sshd.upload_dir / TEMPORARY
    left.write_bytes(b"longer than what is sent" * 20_000)
    sshd.own(left)
    await deliver(sshd.target(), zip_path)
    assert names(sshd.upload_dir) == [NAME]
    assert content(sshd.upload_dir / NAME) == content(zip_path)


async def test_temporary_files_of_ours_are_swept_and_no_others(sshd: Sshd, zip_path: Path) -> None:
    for name in (".gone.zip.part", ".other.zip.part", "gone.zip.part", "gone.zip"):
        (sshd.upload_dir / name).write_bytes(b"x")
    await deliver(sshd.target(), zip_path, stale=frozenset({"gone.zip", "never.zip"}))
    assert names(sshd.upload_dir) == [".other.zip.part", NAME, "gone.zip", "gone.zip.part"]


async def test_two_zips_go_over_one_connection(sshd: Sshd, zip_path: Path) -> None:
    async with connect(sshd.target()) as connection:
        for name in ("a.zip", "b.zip"):
            await connection.deliver(DIRECTORY, zip_path, name, frozenset(), ignore)
    assert names(sshd.upload_dir) == ["a.zip", "b.zip"]


async def test_a_name_that_is_not_text_does_not_hide_the_others(sshd: Sshd, zip_path: Path) -> None:
    odd = sshd.upload_dir / "caf\udce9.zip"
    odd.write_bytes(b"x")
    assert not (await deliver(sshd.target(), zip_path)).found


async def test_a_server_without_posix_rename_gets_a_plain_one(zip_path: Path) -> None:
    with running_sshd(sftp_args="-P posix-rename,fsync,statvfs,limits") as plain:
        delivered = await deliver(plain.target(), zip_path)
        assert not delivered.found
        assert names(plain.upload_dir) == [NAME]
        assert content(plain.upload_dir / NAME) == content(zip_path)


# What an operator must mend.


async def test_a_folder_that_is_not_there_needs_an_operator(sshd: Sshd, zip_path: Path) -> None:
    error = await failure(sshd.target(), zip_path, directory="~/upload/ALMA/nowhere")
    assert isinstance(error, NeedsOperator)
    assert error.reason is Reason.REMOTE_PATH
    assert "/home/upload/ALMA/nowhere" in error.hint
    assert error.facts == {"phase": "folder", "code": 2}


async def test_a_file_is_no_folder(sshd: Sshd, zip_path: Path) -> None:
    (sshd.upload_dir / "file").write_bytes(b"")
    error = await failure(sshd.target(), zip_path, directory=f"{DIRECTORY}/file")
    assert error.reason is Reason.REMOTE_PATH


@contextmanager
def mode(folder: Path, bits: int) -> Iterator[None]:
    before = folder.stat().st_mode & 0o777
    folder.chmod(bits)
    try:
        yield
    finally:
        folder.chmod(before)


async def test_a_folder_that_may_not_be_written_needs_an_operator(
    sshd: Sshd, zip_path: Path
) -> None:
    with mode(sshd.upload_dir, 0o555):
        error = await failure(sshd.target(), zip_path)
    assert error.reason is Reason.REMOTE_PERMISSION
    assert error.facts == {"phase": "open", "code": 3}


async def test_a_folder_that_may_not_be_listed_is_delivered_to(sshd: Sshd, zip_path: Path) -> None:
    stale = sshd.upload_dir / ".gone.zip.part"
    stale.write_bytes(b"x")
    with mode(sshd.upload_dir, 0o333):
        first = await deliver(sshd.target(), zip_path, stale=frozenset({"gone.zip", "no.zip"}))
        second = await deliver(sshd.target(), zip_path)
    assert (first.found, second.found) == (False, True)
    assert names(sshd.upload_dir) == [NAME]


async def test_a_conflict_shows_without_a_listing_too(sshd: Sshd, zip_path: Path) -> None:
    (sshd.upload_dir / NAME).write_bytes(b"not ours")
    with mode(sshd.upload_dir, 0o333):
        error = await failure(sshd.target(), zip_path)
    assert error.reason is Reason.REMOTE_CONFLICT


# What becomes of what was delivered.


@pytest.mark.parametrize("rights", [0o755, 0o333], ids=["listed", "listing forbidden"])
async def test_what_the_receiver_did_shows_and_nothing_is_touched(sshd: Sshd, rights: int) -> None:
    there = ["a.zip", "b.zip.old", "c.zip.handled", ".d.zip.part", "e.zip", "e.zip.old"]
    for name in there:
        (sshd.upload_dir / name).write_bytes(b"x")
    with mode(sshd.upload_dir, rights):
        async with connect(sshd.target()) as connection:
            asked = [f"{name}.zip" for name in "abcde"]
            found = await connection.fates(DIRECTORY, asked)
    assert found == {
        "a.zip": Fate(Pickup.WAITING),
        "b.zip": Fate(Pickup.PICKED_UP, "b.zip.old"),
        "c.zip": Fate(Pickup.PICKED_UP, "c.zip.handled"),
        "d.zip": Fate(Pickup.VANISHED),
        "e.zip": Fate(Pickup.WAITING),
    }
    assert names(sshd.upload_dir) == sorted(there)


async def test_an_ending_of_the_settings_is_asked_for_where_listing_is_forbidden(
    sshd: Sshd,
) -> None:
    (sshd.upload_dir / "a.zip.done").write_bytes(b"x")
    with mode(sshd.upload_dir, 0o333):
        async with connect(replace(sshd.target(), taken_suffixes=(".done",))) as connection:
            found = await connection.fates(DIRECTORY, ["a.zip"])
    assert found == {"a.zip": Fate(Pickup.PICKED_UP, "a.zip.done")}


async def test_a_missing_folder_needs_an_operator_when_one_looks(sshd: Sshd) -> None:
    async with connect(sshd.target()) as connection:
        with pytest.raises(NeedsOperator) as caught:
            await connection.fates("~/elsewhere", ["a.zip"])
    assert caught.value.reason is Reason.REMOTE_PATH


# What passes.


async def test_a_connection_dropped_in_mid_write_is_tried_again_and_then_works(
    sshd: Sshd, tmp_path: Path
) -> None:
    path = make_zip(tmp_path, LARGE)
    error = await failure(sshd.target(), path, progress=once(sshd.drop_sessions))
    assert isinstance(error, Transient)
    assert error.reason is Reason.CONNECTION_LOST
    assert error.facts["phase"] == "write"
    assert NAME not in names(sshd.upload_dir)
    await deliver(sshd.target(), path)
    assert names(sshd.upload_dir) == [NAME]
    assert content(sshd.upload_dir / NAME) == content(path)


@pytest.mark.parametrize(("idle", "total", "expired"), [(0.4, 60.0, "idle"), (60.0, 0.8, "total")])
async def test_a_server_that_freezes_in_mid_write_ends_in_time(
    sshd: Sshd, tmp_path: Path, idle: float, total: float, expired: str
) -> None:
    path = make_zip(tmp_path, LARGE)
    target = replace(sshd.target(), idle_timeout=idle, total_timeout=total)
    try:
        error = await failure(target, path, progress=once(sshd.pause))
    finally:
        sshd.resume()
    assert isinstance(error, Transient)
    assert error.reason is Reason.TIMEOUT
    assert error.facts == {"phase": "write", "deadline": expired}
    assert NAME not in names(sshd.upload_dir)


async def test_stopping_a_delivery_to_a_frozen_server_does_not_hang(
    sshd: Sshd, tmp_path: Path
) -> None:
    """A shutdown cancels; the connection is gone at once, whatever the server does."""
    frozen = asyncio.Event()

    def freeze() -> None:
        sshd.pause()
        frozen.set()

    path = make_zip(tmp_path, LARGE)
    task = asyncio.ensure_future(deliver(sshd.target(), path, progress=once(freeze)))
    try:
        await frozen.wait()
        task.cancel()
        async with asyncio.timeout(5):
            with pytest.raises(asyncio.CancelledError):
                await task
    finally:
        sshd.resume()


async def test_no_session_outlives_its_connection(sshd: Sshd, zip_path: Path) -> None:
    await deliver(sshd.target(), zip_path)
    wait_until(lambda: not sshd.sessions(), "the sessions end")


@contextmanager
def small_disk(folder: Path, size: str, owner: Sshd) -> Iterator[None]:
    """A file system of its own over a folder."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    assert mount
    assert umount
    subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    try:
        owner.own(folder)
        yield
    finally:
        subprocess.run([umount, "--lazy", str(folder)], check=True)


def may_mount() -> bool:
    """Whether this process holds CAP_SYS_ADMIN; unprivileged containers do not."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.split("CapEff:")[1].split()[0], 16)
    return bool(effective >> 21 & 1)


async def full_openssh(sshd: Sshd, tmp_path: Path) -> tuple[ServiceError, list[str]]:
    with small_disk(sshd.upload_dir, "1m", sshd):
        error = await failure(sshd.target(), make_zip(tmp_path, 3_000_000))
        return error, names(sshd.upload_dir)


async def full_hostile(sshd: Sshd, tmp_path: Path) -> tuple[ServiceError, list[str]]:
    error = await in_mood(tmp_path, Mood(room=1_000_000), 3_000_000)
    return error, names(tmp_path / "root")


@pytest.mark.parametrize("full", [full_hostile, *([full_openssh] if may_mount() else [])])
async def test_a_full_disk_is_called_full_and_what_was_sent_is_removed(
    sshd: Sshd,
    tmp_path: Path,
    full: Callable[[Sshd, Path], Awaitable[tuple[ServiceError, list[str]]]],
) -> None:
    """Where mounting is not allowed, the stand-in alone speaks for OpenSSH."""
    error, left = await full(sshd, tmp_path)
    assert isinstance(error, Transient)
    assert error.reason is Reason.REMOTE_FULL
    assert error.facts["phase"] == "write"
    assert left == []


# A server that misbehaves.


async def in_mood(tmp_path: Path, mood: Mood, size: int = 300_000) -> ServiceError:
    async with hostile_sftp(tmp_path, mood) as target:
        return await failure(target, make_zip(tmp_path, size), directory="~")


async def test_a_failure_that_nobody_explains_is_tried_again(tmp_path: Path) -> None:
    error = await in_mood(tmp_path, Mood(room=1_000_000, hides_room=True), 3_000_000)
    assert error.reason is Reason.REMOTE_FAILURE
    assert error.facts == {"phase": "write", "code": 4}
    assert names(tmp_path / "root") == []


async def test_a_size_that_differs_is_never_given_the_final_name(tmp_path: Path) -> None:
    mood = Mood(forgets_tail=True)
    error = await in_mood(tmp_path, mood)
    assert isinstance(error, Transient)
    assert error.reason is Reason.REMOTE_FAILURE
    assert mood.renames == []
    assert names(tmp_path / "root") == []


async def test_a_refused_rename_is_tried_again_and_leaves_nothing(tmp_path: Path) -> None:
    error = await in_mood(tmp_path, Mood(refuses_rename=True))
    assert isinstance(error, Transient)
    assert error.reason is Reason.REMOTE_FAILURE
    assert error.facts == {"phase": "rename", "code": 4}
    assert names(tmp_path / "root") == []


async def test_a_denied_rename_needs_an_operator_and_leaves_nothing(tmp_path: Path) -> None:
    error = await in_mood(tmp_path, Mood(denies_rename=True))
    assert error.reason is Reason.REMOTE_PERMISSION
    assert names(tmp_path / "root") == []


async def test_a_rename_whose_answer_was_lost_is_found_by_the_next_attempt(
    tmp_path: Path,
) -> None:
    mood = Mood(loses_rename_reply=True)
    path = make_zip(tmp_path, 300_000)
    async with hostile_sftp(tmp_path, mood) as target:
        error = await failure(target, path, directory="~")
        assert error.reason is Reason.CONNECTION_LOST
        delivered = await deliver(target, path, directory="~")
    assert delivered == Delivered(f"/{NAME}", 300_000, found=True)
    assert len(mood.renames) == 1


async def test_a_server_that_renames_and_says_no_has_delivered(tmp_path: Path) -> None:
    async with hostile_sftp(tmp_path, Mood(fails_after_rename=True)) as target:
        delivered = await deliver(target, make_zip(tmp_path, 300_000), directory="~")
    assert delivered == Delivered(f"/{NAME}", 300_000, found=False)


async def test_a_receiver_that_takes_the_file_before_we_look_has_it(tmp_path: Path) -> None:
    async with hostile_sftp(tmp_path, Mood(takes_at_once=".old")) as target:
        delivered = await deliver(target, make_zip(tmp_path, 300_000), directory="~")
    assert delivered == Delivered(f"/{NAME}", 300_000, found=False, taken_as=f"{NAME}.old")


async def test_a_file_that_is_not_there_after_its_rename_is_not_delivered(tmp_path: Path) -> None:
    error = await in_mood(tmp_path, Mood(swallows=True))
    assert isinstance(error, Transient)
    assert error.reason is Reason.REMOTE_FAILURE
    assert error.facts["phase"] == "stat"


# Our own side.


async def test_a_zip_of_ours_that_is_gone_is_our_fault(sshd: Sshd, tmp_path: Path) -> None:
    error = await failure(sshd.target(), tmp_path / "gone.zip")
    assert isinstance(error, Broken)


async def test_a_zip_that_shrinks_while_it_is_sent_is_never_delivered(
    sshd: Sshd, tmp_path: Path
) -> None:
    path = make_zip(tmp_path, LARGE)

    def shrink() -> None:
        path.write_bytes(b"")

    error = await failure(sshd.target(), path, progress=once(shrink))
    assert isinstance(error, Broken)
    assert names(sshd.upload_dir) == []
