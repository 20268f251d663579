"""`sisdrop check` against a real server: each fault shows at its point, with its fix."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sisdrop.preflight import Point, preflight
from sisdrop.preflight.walk import Walk
from sisdrop.settings import load_settings
from support.service import SISDROP, Service, installation
from support.sshd import Sshd, free_port, make_key

STRANGER = 54321


def look(service: Service, *, adopt_share: bool = False) -> dict[str, Point]:
    """The points of a check in this process, by name."""
    settings = load_settings(service.config, {})
    return {point.name: point for point in preflight(settings, adopt_share=adopt_share)}


def bad(points: dict[str, Point]) -> list[str]:
    """The names of the points that failed, without those that were only not looked at."""
    return [
        point.name
        for point in points.values()
        if not point.ok and not point.detail.startswith("not looked at")
    ]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# As a process.


def test_a_good_installation_is_told_point_by_point(service: Service) -> None:
    result = service.command("check")
    assert result.returncode == 0, result.stdout
    assert not result.stderr
    lines = result.stdout.splitlines()
    assert all(line.startswith("ok  ") for line in lines)
    names = [line.removeprefix("ok  ").partition(":")[0] for line in lines]
    assert [name for name in dict.fromkeys(names) if name != "no effect yet"] == [
        "settings", "user", "clock", "data folder", "data volume", "data space", "ledger", "lock",
        "inbox", "share id", "folders", "rights in inbox", "rights in .sisdrop/work",
        "rights in approved", "rights in held", "rights in rejected", "rights in reports",
        "claim", "share clock", "key", "pins", "DNS", "port", "algorithms", "host key", "login",
        "remote folder", "remote file", "server",
    ]  # fmt: skip


def test_a_check_leaves_nothing_behind_but_folders(service: Service) -> None:
    assert service.command("check").returncode == 0
    assert files(service.inbox) == ["README.txt"]
    assert not files(service.data)
    assert not service.zips()


def test_a_closed_port_ends_with_four_and_the_sentence(service: Service) -> None:
    port = free_port()
    service.configure({"sftp": {"port": port}})
    service.sshd.known_hosts.write_text(
        service.sshd.host_line(service.sshd.host_key).replace(str(service.sshd.port), str(port))
    )
    result = service.command("check", "--json")
    assert result.returncode == 4
    points = {point["name"]: Point(**point) for point in json.loads(result.stdout)}
    assert bad(points) == ["port"]
    assert "127.0.0.1 (ECONNREFUSED): the server is down, sftp.port is wrong" in (
        points["port"].detail
    )
    assert points["login"].detail == "not looked at, because port above is bad"


def test_a_folder_without_the_right_to_write_is_named(service: Service) -> None:
    """Root without its power over other people's files is a user like any other."""
    service.inbox.joinpath("held").mkdir()
    os.chown(service.inbox / "held", STRANGER, STRANGER)
    powerless = "-dac_override,-dac_read_search"
    result = subprocess.run(
        ["/usr/bin/setpriv", "--bounding-set", powerless, "--inh-caps", powerless, "--",
         SISDROP, "check", "--config", str(service.config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 4, result.stdout
    wrong = [line for line in result.stdout.splitlines() if line.startswith("BAD")]
    assert len(wrong) == 1
    assert wrong[0].startswith("BAD rights in held: user 0 (group 0) may not")
    assert wrong[0].endswith(f"{service.inbox}/held; give it that right on the share (EACCES)")
    assert "Traceback" not in result.stderr


def test_a_changed_share_is_adopted_only_while_no_service_runs(service: Service) -> None:
    service.start()
    assert "ok  lock: held: a service runs" in service.command("check").stdout
    mark = service.inbox / ".sisdrop" / "share-id"
    mark.write_text("restored\n")

    result = service.command("check", "--adopt-share")
    assert result.returncode == 4
    assert "BAD share id: a service runs on this data folder; stop it first" in result.stdout

    service.stop()
    result = service.command("check")
    assert result.returncode == 4
    assert "BAD share id" in result.stdout
    assert "sisdrop check --adopt-share" in result.stdout

    result = service.command("check", "--adopt-share")
    assert result.returncode == 0
    assert "the ledger took over the mark that stood on it" in result.stdout
    assert mark.read_text() == "restored\n"

    service.start()
    assert service.metric("share_up") == 1


def test_a_check_beside_a_running_service_disturbs_nothing(service: Service) -> None:
    service.start()
    before = [path for path in files(service.inbox) if path != "STATUS.html"]
    assert service.command("check").returncode == 0
    assert [path for path in files(service.inbox) if path != "STATUS.html"] == before
    assert not service.files()
    assert service.metric("unmatched_files") == 0
    assert not [line for line in service.log() if line["level"] in ("warning", "error")
                and line["event"] != "setting.without_effect"]  # fmt: skip


# In this process.


def test_a_key_that_is_not_installed_shows_at_the_login(service: Service, sshd: Sshd) -> None:
    sshd.authorize(sshd.other_key)
    points = look(service)
    assert bad(points) == ["login"]
    assert "has the server's owner installed our public key" in points["login"].detail
    assert points["host key"].ok
    assert points["remote folder"].detail == "not looked at, because login above is bad"


def test_a_refused_login_is_tried_once(tmp_path: Path, sshd: Sshd) -> None:
    """Two folders are two sessions, but a second refusal could lock the account."""
    streams = [
        {"name": "students", "match": ["s*.xml"], "directory": "~/one"},
        {"name": "employees", "match": ["e*.xml"], "directory": "~/two"},
    ]
    sshd.authorize(sshd.other_key)
    before = sshd.log().count("Failed publickey")
    with installation(tmp_path, sshd, streams=streams) as service:
        assert bad(look(service)) == ["login"]
    assert sshd.log().count("Failed publickey") == before + 1


def test_another_host_key_shows_both_fingerprints(service: Service, sshd: Sshd) -> None:
    other = sshd.base / f"other_{free_port()}"
    make_key(other)
    sshd.pin(other)
    points = look(service)
    assert bad(points) == ["host key"]
    assert points["host key"].detail.count("SHA256:") == 2
    assert "Ask the server's owner, by another channel" in points["host key"].detail


def test_a_host_that_is_not_pinned_is_not_called(service: Service, sshd: Sshd) -> None:
    sshd.known_hosts.write_text("")
    points = look(service)
    assert bad(points) == ["pins"]
    assert "pins no key for" in points["pins"].detail
    assert points["login"].detail == "not looked at, because pins above is bad"


def test_a_key_that_others_can_read_is_not_used(
    tmp_path: Path, service: Service, sshd: Sshd
) -> None:
    key = tmp_path / "key"
    shutil.copy(sshd.key, key)
    key.chmod(0o644)
    settings = load_settings(service.config, {"SISDROP_SFTP__KEY": str(key)})
    points = {point.name: point for point in preflight(settings)}
    assert bad(points) == ["key"]
    assert "make it 0400, 0440, 0600 or 0640" in points["key"].detail


def test_each_remote_folder_is_looked_at(tmp_path: Path, sshd: Sshd) -> None:
    streams = [
        {"name": "students", "match": ["s*.xml"]},
        {"name": "employees", "match": ["e*.xml"], "directory": "~/upload/elsewhere"},
    ]
    with installation(tmp_path, sshd, streams=streams) as service:
        found = preflight(load_settings(service.config, {}))
    folders = [point for point in found if point.name == "remote folder"]
    assert [point.ok for point in folders] == [True, False]
    assert "/home/upload/elsewhere is no folder on 127.0.0.1" in folders[1].detail
    assert "mend sftp.directory" in folders[1].detail


def test_a_remote_folder_without_the_right_to_write_is_named(service: Service, sshd: Sshd) -> None:
    os.chown(sshd.upload_dir, 0, 0)
    try:
        points = look(service)
    finally:
        sshd.own(sshd.upload_dir)
    assert bad(points) == ["remote file"]
    assert f"{sshd.user} has no right for phase open" in points["remote file"].detail


def test_a_missing_inbox_is_not_made(service: Service) -> None:
    service.inbox.rmdir()
    points = look(service)
    assert bad(points) == ["inbox"]
    assert "is not there: mount the share, or mend inbox.path" in points["inbox"].detail
    assert points["share id"].detail.startswith("not looked at")
    assert not service.inbox.exists()
    assert points["remote file"].ok


def test_an_unmounted_share_gets_nothing_written_on_it(service: Service) -> None:
    """The empty folder under a mount point must stay empty."""
    assert look(service, adopt_share=True)["share id"].ok
    shutil.rmtree(service.inbox)
    service.inbox.mkdir()
    points = look(service)
    assert bad(points) == ["share id"]
    assert "does not carry the mark that the ledger knows" in points["share id"].detail
    assert points["rights in inbox"].detail == (
        "not looked at, because nothing is written on a share that may be the wrong one"
    )
    assert not list(service.inbox.iterdir())

    assert look(service, adopt_share=True)["share id"].detail.endswith(
        "it now carries the ledger's mark"
    )
    assert look(service)["share id"].detail.endswith("is the share that the ledger knows")


def test_a_damaged_ledger_is_told_and_the_share_left_alone(service: Service) -> None:
    (service.data / "ledger.sqlite3").write_bytes(b"no database at all" * 100)
    points = look(service)
    assert bad(points) == ["ledger"]
    assert "cannot be read or written" in points["ledger"].detail
    assert points["share id"].detail == "not looked at, because the ledger cannot be read"
    assert not list(service.inbox.iterdir())


def test_a_data_folder_that_is_a_file_is_told(service: Service) -> None:
    service.data.rmdir()
    service.data.write_text("in the way")
    points = look(service)
    assert "data folder" in bad(points)
    assert "EEXIST" in points["data folder"].detail or "ENOTDIR" in points["data folder"].detail


def test_a_name_without_address_is_told(service: Service) -> None:
    settings = load_settings(service.config, {"SISDROP_SFTP__HOST": "no-such-host.invalid"})
    service.sshd.known_hosts.write_text(
        service.sshd.host_line(service.sshd.host_key).replace("127.0.0.1", "no-such-host.invalid")
    )
    points = {point.name: point for point in preflight(settings)}
    assert bad(points) == ["DNS"]
    assert "check sftp.host, DNS and the network policy" in points["DNS"].detail


@pytest.fixture
def stranger() -> Iterator[Path]:
    """A folder in the open, while this process has the rights of a user without a name."""
    base = Path(tempfile.mkdtemp(prefix="sisdrop-check-"))
    base.chmod(0o777)
    try:
        yield base
    finally:
        shutil.rmtree(base)


def test_the_user_who_lacks_a_right_is_named_by_number(stranger: Path, sshd: Sshd) -> None:
    with installation(stranger, sshd) as service:
        settings = load_settings(service.config, {})
        walk = Walk(settings)
        service.data.chmod(0o700)
        os.setresgid(STRANGER, STRANGER, 0)
        os.setresuid(STRANGER, STRANGER, 0)
        try:
            points = {point.name: point for point in walk.points(adopt_share=False)}
        finally:
            os.setresuid(0, 0, 0)
            os.setresgid(0, 0, 0)
    assert f"UID {STRANGER}, GID {STRANGER}" in points["user"].detail
    assert {"data folder", "ledger", "key"} <= {*bad(points)}
    assert f"user {STRANGER}" in points["data folder"].detail
    assert str(service.data) in points["data folder"].detail
    assert f"cannot be read by UID {STRANGER}" in points["key"].detail
