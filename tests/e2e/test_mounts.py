"""The service on shares that are mounted over a network, while another client changes them."""

import json
import os
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from smbprotocol.open import ShareAccess

from support.service import Service, installation, unzip
from support.shares import FUSE_MOUNTS, KERNEL_MOUNTS, NetworkShare, Smbd
from support.sshd import Sshd
from support.xml import patrons, user, users

# More than the attributes of a file are cached for.
_SETTLE = "1100ms"
_OF_KERNEL = os.environ.get("TEST_MOUNTS") == "kernel"
_MOUNTS = KERNEL_MOUNTS if _OF_KERNEL else FUSE_MOUNTS
# What the holder of a file lets others do with it. rclone takes a file for another one once it
# could not be moved, so that only a kernel's mount shows what becomes of one that may be read.
_SHARING = (0, ShareAccess.FILE_SHARE_READ) if _OF_KERNEL else (0,)


@pytest.fixture(params=_MOUNTS)
def share(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NetworkShare]:
    with _MOUNTS[request.param](tmp_path / "mount") as share:
        yield share


@pytest.fixture
def service(share: NetworkShare, tmp_path: Path, sshd: Sshd) -> Iterator[Service]:
    inbox = {"path": str(share.mount), "settle": _SETTLE}
    with installation(tmp_path, sshd, inbox=inbox) as service:
        yield service


def _people(count: int) -> bytes:
    return users(*[user(person) for person in patrons(count)]).encode()


def _sent(service: Service) -> list[bytes]:
    """What arrived, in the order in which it was sent."""
    return [unzip(path)[1] for path in service.uploads()]


def _let_scans_pass(service: Service, seconds: float) -> None:
    """So long, as the service itself counts its looks at the share."""
    begun = service.metric("last_scan_timestamp_seconds")
    service.wait_for(
        lambda: service.metric("last_scan_timestamp_seconds") > begun + seconds, "scans pass"
    )


def _waiting(service: Service) -> list[str]:
    return [file["file"] for file in json.loads(service.get("/api/status"))["waiting"]]


def _unready(service: Service) -> set[str]:
    """The checks that do not hold."""
    try:
        answer = service.get("/readyz")
    except urllib.error.HTTPError as error:
        answer = error.read()
    return {name for name, check in json.loads(answer)["checks"].items() if not check["ok"]}


def test_a_file_that_grows_on_the_other_side_is_waited_for(
    service: Service, share: NetworkShare
) -> None:
    """No event tells of it: the scan finds it, and its last byte is what counts."""
    content = _people(60)
    service.start()
    woken = service.metric("watch_wakeups_total")
    with (share.served / "students.xml").open("wb", buffering=0) as file:
        for at in range(0, len(content), 1 + len(content) // 3):
            file.write(content[at : at + 1 + len(content) // 3])
            _let_scans_pass(service, 0.8)
            assert _waiting(service) == ["students.xml"]
    assert service.metric("watch_wakeups_total") == woken
    service.wait_for_states("archived")
    assert _sent(service) == [content]
    assert not list(share.served.glob("*.xml"))
    assert not list(share.served.glob(".sisdrop/work/*"))


@pytest.mark.parametrize("share", ["smb"], indirect=True)
@pytest.mark.parametrize("sharing", _SHARING)
def test_a_file_that_a_windows_program_holds_open_is_waited_for_and_stops_no_other(
    service: Service, share: NetworkShare, sharing: int
) -> None:
    service.start()
    assert isinstance(share.server, Smbd)
    (share.served / "locked.xml").write_bytes(_people(60))
    with share.server.held_open("locked.xml", sharing):
        (share.served / "other.xml").write_bytes(_people(61))
        service.wait_for_states("archived")
        service.wait_for(lambda: _waiting(service) == ["locked.xml"], "it is said to wait")
        assert service.metric("share_up") == 1
    service.wait_for_states("archived", "archived")
    assert _sent(service) == [_people(61), _people(60)]
    assert "share.gone" not in {line["event"] for line in service.log()}


def test_what_is_held_or_rejected_is_decided_and_found_on_the_other_side(
    service: Service, share: NetworkShare
) -> None:
    broken = _people(61).replace(b"</user>", b"</usr>", 1)
    service.configure({"inbox": {"settle": _SETTLE}, "guard": {"first_load": "hold"}})
    service.start()
    (share.served / "Students Fall.xml").write_bytes(_people(60))
    (share.served / "students.xml").write_bytes(broken)
    first, second = service.wait_for_states("held", "rejected")
    held = share.served / "held" / f"Students Fall.{first['id']}.xml"
    rejected = share.served / "rejected" / f"students.{second['id']}.xml"
    for path, content in ((held, _people(60)), (rejected, broken)):
        service.wait_for(path.with_suffix(".report.html").exists, "the report lies beside it")
        assert path.read_bytes() == content
    held.rename(share.served / "approved" / held.name)
    service.wait_for_states("archived", "rejected")
    service.wait_for(lambda: not list(share.served.glob("held/*")), "held is empty")
    assert not list(share.served.glob("approved/*"))
    assert _sent(service) == [_people(60)]


def test_while_the_file_server_is_away_all_else_goes_on_and_nothing_is_lost(
    service: Service, share: NetworkShare
) -> None:
    server = share.server
    service.start()
    content: list[bytes] = []
    for away, back in ((server.pause, server.resume), (server.stop, server.start)):
        before = len(content)
        content += [_people(60 + before), _people(61 + before)]
        service.sshd.stop()
        (share.served / "first.xml").write_bytes(content[-2])
        service.wait_for_states(*["archived"] * before, "queued")
        service.wait_for(lambda: not list(share.served.glob(".sisdrop/work/*")), "work is empty")

        away()
        (share.served / "second.xml").write_bytes(content[-1])
        service.wait_for(lambda: service.metric("share_up") == 0, "the share is known to be away")
        assert _unready(service) == {"share"}
        service.sshd.start()
        service.wait_for_states(*["archived"] * (before + 1))
        assert service.get("/livez")
        assert b"No file can be taken in" in service.get("/")

        back()
        service.wait_for_states(*["archived"] * (before + 2))
        service.wait_for(lambda: not _unready(service), "the service is ready again")
        assert service.metric("share_up") == 1
    assert _sent(service) == content
