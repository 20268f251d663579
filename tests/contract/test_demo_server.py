"""The demo's server lets in what it must, and nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from sisdrop.delivery.demo_server import HOST, USER, serve_folder
from sisdrop.delivery.keys import generate_key
from sisdrop.delivery.session import Target, open_session
from sisdrop.errors import NeedsOperator, Reason
from support.targets import target_on


def target_of(folder: Path, port: int, key: str = "key", user: str = USER) -> Target:
    return target_on(port, user, folder / key, folder / "known_hosts")


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    (tmp_path / "root" / "upload").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("not for the account")
    generate_key(tmp_path / "other")
    public_key = generate_key(tmp_path / "key")
    async with serve_folder(tmp_path / "root", public_key, tmp_path / "known_hosts") as port:
        yield port


async def test_the_account_gets_in_with_its_key_and_starts_at_its_root(
    tmp_path: Path, port: int
) -> None:
    async with open_session(target_of(tmp_path, port)) as session:
        assert await session.sftp.realpath(".") == "/"
        assert "upload" in await session.sftp.listdir("/")


@pytest.mark.parametrize(("key", "user"), [("other", USER), ("key", "root")])
async def test_another_key_or_account_is_refused(
    tmp_path: Path, port: int, key: str, user: str
) -> None:
    with pytest.raises(NeedsOperator) as refused:
        async with open_session(target_of(tmp_path, port, key, user)):
            pytest.fail("it was let in")
    assert refused.value.reason is Reason.AUTH


async def test_no_other_way_in_is_offered(tmp_path: Path, port: int) -> None:
    pins = (tmp_path / "known_hosts").read_text()
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(
            HOST,
            port,
            username=USER,
            password="guess",  # noqa: S106 - the point is that it does not work
            client_keys=None,
            known_hosts=asyncssh.import_known_hosts(pins),
            config=None,
        )


async def test_nothing_outside_the_root_can_be_read(tmp_path: Path, port: int) -> None:
    async with open_session(target_of(tmp_path, port)) as session:
        for path in ("/../outside.txt", "../../outside.txt", str(tmp_path / "outside.txt")):
            assert not await session.sftp.exists(path)


async def test_no_command_can_be_run(tmp_path: Path, port: int) -> None:
    async with open_session(target_of(tmp_path, port)) as session:
        with pytest.raises(asyncssh.ChannelOpenError):
            await session.ssh.run("id")


async def test_each_start_has_a_host_key_of_its_own(tmp_path: Path, port: int) -> None:
    before = (tmp_path / "known_hosts").read_text()
    public_key = (tmp_path / "key.pub").read_text()
    async with serve_folder(tmp_path / "root", public_key, tmp_path / "known_hosts"):
        assert (tmp_path / "known_hosts").read_text().split()[2] != before.split()[2]
