"""The way in, against a real OpenSSH: who is let in, who is trusted, and what ends in time."""

import asyncio
import os
import pwd
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from sisdrop.delivery.phases import is_account_failure
from sisdrop.delivery.probe import probe
from sisdrop.delivery.scan import scan_host_key
from sisdrop.delivery.session import Target
from sisdrop.delivery.sftp import connect
from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient
from support.hostile_sftp import Mood, hostile_sftp
from support.sshd import Sshd, free_port, running_sshd

DIRECTORY = "~/upload/ALMA/SIS"
OPENS_IT = "open sesame"


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    with running_sshd() as server:
        yield server


@pytest.fixture
def target(sshd: Sshd) -> Target:
    sshd.authorize(sshd.key)
    sshd.pin(sshd.host_key)
    return sshd.target()


async def failure(target: Target) -> ServiceError:
    """How connecting fails; it always is the account's failure, and it comes in time."""
    async with asyncio.timeout(10):
        with pytest.raises(ServiceError) as caught:
            async with connect(target):
                pass
    assert is_account_failure(caught.value)
    return caught.value


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


async def test_the_right_key_opens_the_account(target: Target) -> None:
    async with connect(target) as connection:
        assert await connection.fates(DIRECTORY, []) == {}


async def test_a_key_that_is_not_installed_needs_an_operator(sshd: Sshd, target: Target) -> None:
    error = await failure(replace(target, key=sshd.other_key))
    assert isinstance(error, NeedsOperator)
    assert error.reason is Reason.AUTH
    assert error.facts["phase"] == "login"


async def test_a_rotated_key_is_read_at_the_next_connect(
    sshd: Sshd, target: Target, tmp_path: Path
) -> None:
    key = write(tmp_path / "id", sshd.key.read_text())
    async with connect(replace(target, key=key)):
        pass
    sshd.authorize(sshd.other_key)
    key.write_text(sshd.other_key.read_text())
    async with connect(replace(target, key=key)):
        pass


async def test_exactly_one_key_is_offered_whatever_lies_around(
    sshd: Sshd, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key in `~/.ssh`, an agent and an ssh_config that would let us in all count for nothing."""
    (tmp_path / ".ssh").mkdir()
    write(tmp_path / ".ssh" / "id_ed25519", sshd.key.read_text())
    write(tmp_path / ".ssh" / "config", "Port 1\nUser nobody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with agent_socket(tmp_path / "agent") as asked:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        before = sshd.log().count("Failed publickey")
        assert (await failure(replace(target, key=sshd.other_key))).reason is Reason.AUTH
        assert sshd.log().count("Failed publickey") - before <= 1
        assert not asked


@asynccontextmanager
async def agent_socket(path: Path) -> AsyncIterator[list[str]]:
    """A socket where an agent would be; yields who asked."""
    asked: list[str] = []

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append("somebody")
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield asked


async def test_a_uid_without_name_and_home_can_connect(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    async with connect(target):
        pass


async def test_a_host_key_that_is_not_pinned_stops_us_and_shows_both_fingerprints(
    sshd: Sshd, target: Target
) -> None:
    old = sshd.host_key
    try:
        new = sshd.rotate_host_key()
        error = await failure(target)
    finally:
        sshd.use_host_key(old)
    assert error.reason is Reason.HOST_KEY
    for path in (old, new):
        public = asyncssh.read_public_key(f"{path}.pub")
        assert public.get_fingerprint("sha256") in error.hint
    assert str(target.known_hosts) in error.hint


async def test_a_pin_of_another_type_still_shows_what_the_server_offers(
    sshd: Sshd, target: Target
) -> None:
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
    sshd.known_hosts.write_text(f"[{sshd.host}]:{sshd.port} {other}")
    error = await failure(target)
    assert error.reason is Reason.HOST_KEY
    offered = asyncssh.read_public_key(f"{sshd.host_key}.pub").get_fingerprint("sha256")
    assert offered in error.hint


async def test_the_next_pin_lets_a_rotated_host_key_pass(sshd: Sshd, target: Target) -> None:
    old = sshd.host_key
    try:
        new = sshd.rotate_host_key()
        sshd.pin(old, new)
        async with connect(target):
            pass
    finally:
        sshd.use_host_key(old)
    async with connect(target):
        pass


async def test_a_host_without_a_pin_is_never_talked_to(
    sshd: Sshd, target: Target, tmp_path: Path
) -> None:
    log = sshd.log()
    empty = write(tmp_path / "known_hosts", "# nothing yet\n")
    error = await failure(replace(target, known_hosts=empty))
    assert error.reason is Reason.HOST_KEY
    assert str(empty) in error.hint
    assert sshd.log() == log


async def test_a_closed_port_is_tried_again(target: Target) -> None:
    port = free_port()
    known = target.known_hosts.read_text().replace(str(target.port), str(port))
    target.known_hosts.write_text(known)
    error = await failure(replace(target, port=port))
    assert isinstance(error, Transient)
    assert error.reason is Reason.CONNECT


async def test_a_name_that_does_not_exist_is_tried_again(target: Target, tmp_path: Path) -> None:
    key = target.known_hosts.read_text().split(maxsplit=1)[1]
    known = write(tmp_path / "known_hosts", f"nowhere.invalid {key}")
    error = await failure(replace(target, host="nowhere.invalid", port=22, known_hosts=known))
    assert error.reason is Reason.CONNECT
    assert "resolved" in error.hint


async def test_what_does_not_speak_ssh_is_tried_again(target: Target) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2000)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        known = target.known_hosts.read_text().replace(str(target.port), str(port))
        target.known_hosts.write_text(known)
        error = await failure(replace(target, port=port))
    assert error.reason is Reason.CONNECT


async def test_a_frozen_server_ends_the_connect_in_time(sshd: Sshd, target: Target) -> None:
    sshd.pause()
    try:
        error = await failure(replace(target, connect_timeout=0.3))
    finally:
        sshd.resume()
    assert error.reason is Reason.TIMEOUT
    assert error.facts == {"phase": "connect", "deadline": "connect"}


async def test_a_server_that_starts_no_sftp_ends_in_time(tmp_path: Path) -> None:
    async with hostile_sftp(tmp_path, Mood(says_nothing=True)) as target:
        error = await failure(replace(target, connect_timeout=1.0))
    assert error.reason is Reason.TIMEOUT
    assert error.facts["phase"] == "login"


async def test_a_password_opens_the_account_when_its_file_is_set(tmp_path: Path) -> None:
    password_file = write(tmp_path / "password", f"{OPENS_IT}\n")
    async with hostile_sftp(tmp_path, Mood(password=OPENS_IT)) as target:
        with_password = replace(target, key=None, password_file=password_file)
        async with connect(with_password):
            pass
        password_file.write_text("wrong\n")
        assert (await failure(with_password)).reason is Reason.AUTH


async def test_a_key_is_never_followed_by_a_password(tmp_path: Path) -> None:
    password_file = write(tmp_path / "password", f"{OPENS_IT}\n")
    async with hostile_sftp(tmp_path, Mood(password=OPENS_IT)) as target:
        assert (await failure(replace(target, password_file=password_file))).reason is Reason.AUTH


async def test_a_probe_tells_what_was_agreed_and_leaves_nothing(sshd: Sshd, target: Target) -> None:
    result = await probe(target, DIRECTORY, "0123abcd")
    assert result.directory == "/home/upload/ALMA/SIS"
    assert result.home == "/home"
    assert result.cipher == "aes256-gcm@openssh.com"
    assert "curve25519" in result.kex or "mlkem" in result.kex or "sntrup" in result.kex
    assert result.extensions == ("fsync", "limits", "posix-rename", "statvfs")
    assert result.server_version.startswith("SSH-2.0-OpenSSH")
    fingerprint = asyncssh.read_public_key(f"{sshd.host_key}.pub").get_fingerprint("sha256")
    assert result.host_key == f"{fingerprint} (ssh-ed25519)"
    assert result.free_bytes is not None
    assert result.free_bytes > 0
    assert list(sshd.upload_dir.iterdir()) == []


async def test_a_probe_that_may_not_rename_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    async with hostile_sftp(tmp_path, Mood(denies_rename=True)) as target:
        with pytest.raises(NeedsOperator) as caught:
            await probe(target, "/", "0123abcd")
    assert caught.value.reason is Reason.REMOTE_PERMISSION
    assert list((tmp_path / "root").iterdir()) == []


async def test_a_scan_shows_the_keys_and_never_logs_in(sshd: Sshd) -> None:
    logins = sshd.log().count("publickey")
    found = await scan_host_key(sshd.host, sshd.port, 10.0)
    assert [key.line for key in found] == [sshd.host_line(sshd.host_key).strip()]
    public = asyncssh.read_public_key(f"{sshd.host_key}.pub")
    assert [key.fingerprint for key in found] == [public.get_fingerprint("sha256")]
    assert [key.algorithm for key in found] == ["ssh-ed25519"]
    assert sshd.log().count("publickey") == logins


async def test_a_scan_of_nothing_says_so() -> None:
    with pytest.raises(Transient) as caught:
        await scan_host_key("127.0.0.1", free_port(), 10.0)
    assert caught.value.reason is Reason.CONNECT


async def test_a_scan_of_a_frozen_server_ends_in_time(sshd: Sshd) -> None:
    sshd.pause()
    try:
        with pytest.raises(Transient) as caught:
            await scan_host_key(sshd.host, sshd.port, 0.3)
    finally:
        sshd.resume()
    assert caught.value.reason is Reason.TIMEOUT
