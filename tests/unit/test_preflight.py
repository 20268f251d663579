"""What each point of the preflight says, and that looking leaves nothing behind."""

import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path, PurePath

import pytest
from typing_extensions import override

from sisdrop.build import LEDGER
from sisdrop.delivery.phases import Phase
from sisdrop.delivery.probe import ProbeResult
from sisdrop.delivery.session import Target
from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.inbox.names import is_ignored
from sisdrop.inbox.share import Share
from sisdrop.ledger import LAYOUT, Ledger
from sisdrop.lock import Lock
from sisdrop.preflight import identity
from sisdrop.preflight.answers import of_failure, of_result, unseen
from sisdrop.preflight.data import judge_mount, judge_room, read_layout
from sisdrop.preflight.folder import rehearse
from sisdrop.preflight.identity import Known, Standing, adopt, decide_standing, read_known
from sisdrop.preflight.mounts import Mount, find_mount
from sisdrop.preflight.point import Looker, Point, Unfit
from sisdrop.preflight.server import knocks_text, resolve
from sisdrop.preflight.share import list_inbox, skew_text
from sisdrop.preflight.walk import clock_point, user_point
from sisdrop.units import GIB

MOUNTINFO = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 0:50 / /inbox rw,relatime shared:7 - cifs //nas/sis rw,vers=3.1.1
41 27 0:51 / /data rw - nfs4 nas:/data rw
42 41 0:52 / /data/fast rw master:3 propagate_from:2 - xfs /dev/vdb rw
43 27 0:53 / /my\\040share rw - fuse.sshfs nas: rw
44 27 0:54 / /twice rw - ext4 /dev/vdc rw
45 44 0:55 / /twice rw - tmpfs tmpfs rw
a line that the kernel never wrote
"""
TARGET = Target(
    host="sftp.example.edu",
    port=2222,
    username="abcftp",
    key=None,
    passphrase_file=None,
    password_file=None,
    known_hosts=Path("/secrets/known_hosts"),
    connect_timeout=1.0,
    idle_timeout=1.0,
    total_timeout=1.0,
)
RIGHT = f"give user {os.geteuid()} (group {os.getegid()}) the right to use it"
RESULT = ProbeResult(
    server_version="SSH-2.0-Test",
    kex="curve25519-sha256",
    host_key="SHA256:abc (ssh-ed25519)",
    cipher="aes256-gcm@openssh.com",
    mac="none",
    home="/home",
    directory="/home/upload",
    extensions=("fsync", "limits"),
    block_size=1024,
    free_bytes=5 * GIB,
)


def looker(patience: float = 5.0) -> Looker:
    return Looker("the share", patience, "mount it again")


def raises(error: Exception) -> Callable[[], str]:
    def action() -> str:
        raise error

    return action


# Points.


def test_what_a_look_returns_is_good() -> None:
    assert looker().look("inbox", lambda: "is there") == Point("inbox", ok=True, detail="is there")


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (Unfit("mend it"), "mend it"),
        (NeedsOperator(Reason.AUTH, "ask the owner"), "ask the owner"),
        (Transient(Reason.SHARE_GONE, "check it", {"errno": "ESTALE"}), "check it (ESTALE)"),
        (OSError(5, "I/O error", "/inbox/x"), "the share cannot be used: EIO at /inbox/x"),
        (
            PermissionError(13, "denied", "/data/lock"),
            "the share cannot be used: EACCES at /data/lock; " + RIGHT,
        ),
        (TimeoutError(), "the share cannot be used: TimeoutError"),
    ],
)
def test_whatever_a_look_raises_becomes_a_bad_point(error: Exception, detail: str) -> None:
    assert looker().look("inbox", raises(error)) == Point("inbox", ok=False, detail=detail)


def test_a_place_that_hangs_is_given_up_after_the_first_look() -> None:
    share, thaw = looker(0.01), threading.Event()
    hung = share.look("inbox", lambda: str(thaw.wait(10)))
    assert not hung.ok
    assert "the share did not answer" in hung.detail
    assert "mount it again" in hung.detail
    later = share.look("share id", lambda: "never asked")
    assert later.detail == "not looked at, because the share does not answer"
    thaw.set()


# Mounts.


@pytest.mark.parametrize(
    ("path", "point", "kind"),
    [
        ("/etc", "/", "ext4"),
        ("/inbox/approved", "/inbox", "cifs"),
        ("/inboxes", "/", "ext4"),
        ("/data", "/data", "nfs4"),
        ("/data/fast/ledger", "/data/fast", "xfs"),
        ("/my share/x", "/my share", "fuse.sshfs"),
        ("/twice", "/twice", "tmpfs"),
    ],
)
def test_the_innermost_and_latest_mount_counts(path: str, point: str, kind: str) -> None:
    assert find_mount(PurePath(path), MOUNTINFO) == Mount(point, kind)


def test_without_mounts_nothing_is_claimed() -> None:
    assert find_mount(PurePath("/data"), "") is None
    assert "does not tell" in judge_mount(Path("/data"), None)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
def test_a_ledger_on_a_network_filesystem_is_at_risk(kind: str) -> None:
    with pytest.raises(Unfit, match="SQLite, which keeps the ledger, is at risk"):
        judge_mount(Path("/data"), Mount("/data", kind))


def test_a_ledger_on_a_disk_is_good() -> None:
    assert judge_mount(Path("/data"), Mount("/", "ext4")) == "/data lies on ext4 at /"


# The data volume.


@pytest.mark.parametrize(("free", "largest"), [(1 * GIB - 1, 0), (6 * GIB - 1, 3 * GIB), (0, 1)])
def test_too_little_room_is_bad(free: int, largest: int) -> None:
    with pytest.raises(Unfit, match=r"needed: free space, enlarge the volume"):
        judge_room(free, largest)


@pytest.mark.parametrize(("free", "largest"), [(1 * GIB, 0), (6 * GIB, 3 * GIB)])
def test_room_for_twice_the_largest_file_is_enough(free: int, largest: int) -> None:
    assert judge_room(free, largest).endswith("MiB free")


def test_the_layout_of_a_ledger_is_read_without_opening_it(tmp_path: Path) -> None:
    path = tmp_path / LEDGER
    assert read_layout(path) is None
    path.write_bytes(b"")
    assert read_layout(path) is None
    Ledger(path).close()
    assert read_layout(path) == LAYOUT


def test_looking_for_a_ledger_makes_none(tmp_path: Path) -> None:
    assert read_known(tmp_path) == Known()
    assert identity.is_lock_free(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_the_ledger_knows_is_read(tmp_path: Path) -> None:
    with Ledger(tmp_path / LEDGER) as ledger:
        ledger.remember("share_id", "aa")
        ledger.remember("new_share_id", "bb")
    assert read_known(tmp_path) == Known("aa", "bb")


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_bytes(b"this is no database" * 100)
    with pytest.raises(NeedsOperator) as caught:
        read_known(tmp_path)
    assert caught.value.reason is Reason.LEDGER_UNUSABLE


def test_looking_at_the_lock_gives_it_back(tmp_path: Path) -> None:
    with Lock(tmp_path) as lock:
        assert lock.acquire()
        assert not identity.is_lock_free(tmp_path)
    assert identity.is_lock_free(tmp_path)
    with Lock(tmp_path) as lock:
        assert lock.acquire()


# A probe file.


def test_a_probe_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    rehearse(tmp_path, "ab12", time.time)
    rehearse(tmp_path, "ab12", time.time, onward=tmp_path / "work")
    assert [path.name for path in tmp_path.rglob("*")] == ["work"]


def test_a_probe_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        rehearse(tmp_path, "ab12", time.time, onward=tmp_path / "missing")
    assert not list(tmp_path.iterdir())


def test_no_scan_takes_a_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its names, the temporary one included, are those of hidden files."""
    seen: list[str] = []
    rename = Path.rename

    def spy(self: Path, target: Path) -> Path:
        seen.extend([self.name, target.name])
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", spy)
    monkeypatch.setattr(Path, "replace", spy)
    rehearse(tmp_path, "ab12", time.time)
    assert len(seen) == 4
    assert all(is_ignored(name) for name in seen)


def test_a_probe_tells_how_far_the_clocks_differ(tmp_path: Path) -> None:
    ahead = rehearse(tmp_path, "ab12", lambda: time.time() - 300)
    assert 290 < ahead < 310
    assert "300 s ahead of ours" in skew_text(300.0)
    assert "121 s behind ours" in skew_text(-121.0)
    assert skew_text(119.0) == skew_text(-119.0) == "agrees with ours"


# The share.


def test_an_inbox_is_counted_and_weighed(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"x" * 10)
    (tmp_path / "b.xml").write_bytes(b"x" * 7)
    (tmp_path / ".hidden").write_bytes(b"x" * 99)
    (tmp_path / "held").mkdir()
    found = list_inbox(tmp_path)
    assert (found.files, found.largest) == (2, 10)


def test_an_inbox_that_is_missing_or_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match=r"is not there: mount the share, or mend inbox\.path"):
        list_inbox(tmp_path / "gone")
    (tmp_path / "file").touch()
    with pytest.raises(Unfit, match="is not a folder"):
        list_inbox(tmp_path / "file")


def test_a_sticky_inbox_of_somebody_else_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There only the owner of a file may rename it, so no dropped file could be claimed."""
    tmp_path.chmod(0o1777)
    list_inbox(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(Unfit, match="user 4242 cannot move the files that others drop"):
        list_inbox(tmp_path)


@pytest.mark.parametrize(
    ("known", "found", "standing"),
    [
        (Known(), None, Standing.NEW),
        (Known(intended="aa"), None, Standing.NEW),
        (Known(intended="aa"), "aa", Standing.NEW),
        (Known(), "aa", Standing.OTHER),
        (Known(intended="aa"), "bb", Standing.OTHER),
        (Known("aa", "aa"), None, Standing.UNMARKED),
        (Known("aa", "aa"), "aa", Standing.KNOWN),
        (Known("aa", "bb"), "bb", Standing.OTHER),
    ],
)
def test_share_and_ledger_either_know_each_other_or_not(
    known: Known, found: str | None, standing: Standing
) -> None:
    assert decide_standing(known, found) is standing


@pytest.mark.parametrize("standing", [Standing.OTHER, Standing.UNMARKED])
def test_a_changed_share_names_the_command_that_adopts_it(standing: Standing) -> None:
    with pytest.raises(Unfit, match="sisdrop check --adopt-share"):
        identity.explain(standing, Path("/inbox"))


# Adopting a share.


class Killed(BaseException):
    """The process dies here."""


class Mortal(Ledger):
    """Dies before the writes that are named, once."""

    dies_at = ""

    @override
    def remember(self, key: str, value: str) -> None:
        if key == self.dies_at:
            raise Killed
        super().remember(key, value)


class Doomed(Share):
    """Dies before or after the mark is written."""

    dies = ""

    @override
    def adopt(self, identity: str | None = None) -> str:
        if self.dies == "before":
            raise Killed
        found = super().adopt(identity)
        if self.dies == "after":
            raise Killed
        return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def standing(data: Path, inbox: Path) -> Standing:
    return decide_standing(read_known(data), Share(inbox).identity())


def prepare(data: Path, inbox: Path, known: str | None, found: str | None) -> None:
    with Ledger(data / LEDGER) as ledger:
        if known is not None:
            ledger.remember("share_id", known)
    if found is not None:
        Share(inbox).adopt(found)


CASES = [(None, None), ("aa", None), (None, "bb"), ("aa", "bb")]


@pytest.mark.parametrize(("known", "found"), CASES)
def test_after_adopting_share_and_ledger_know_each_other(
    data: Path, inbox: Path, known: str | None, found: str | None
) -> None:
    prepare(data, inbox, known, found)
    assert adopt(data, inbox).startswith("adopted")
    assert standing(data, inbox) is Standing.KNOWN
    assert Share(inbox).identity() == (found or known or read_known(data).share_id)
    assert adopt(data, inbox).startswith("nothing to adopt")


@pytest.mark.parametrize(("known", "found"), CASES)
@pytest.mark.parametrize("moment", ["new_share_id", "before", "after", "share_id"])
def test_adopting_may_die_anywhere_and_be_repeated(
    data: Path, inbox: Path, known: str | None, found: str | None, moment: str
) -> None:
    """What is left is as before, or complete, or what a service on a new share would finish."""
    prepare(data, inbox, known, found)
    before = standing(data, inbox)
    share = Doomed(inbox)
    share.dies = moment
    with Mortal(data / LEDGER) as ledger:
        ledger.dies_at = moment
        try:
            identity._adopt(ledger, share)
        except Killed:
            assert standing(data, inbox) in (before, Standing.KNOWN, Standing.NEW)
    adopt(data, inbox)
    assert standing(data, inbox) is Standing.KNOWN


def test_no_share_is_adopted_while_a_service_runs(data: Path, inbox: Path) -> None:
    prepare(data, inbox, "aa", "bb")
    with Lock(data) as lock:
        assert lock.acquire()
        with pytest.raises(Unfit, match="a service runs on this data folder; stop it first"):
            adopt(data, inbox)
    assert standing(data, inbox) is Standing.OTHER


# The way to the server.


@pytest.mark.parametrize(
    ("phase", "bad"),
    [
        (Phase.CONNECT, "algorithms"),
        (Phase.PINS, "host key"),
        (Phase.LOGIN, "login"),
        (Phase.FOLDER, "remote folder"),
        (Phase.OPEN, "remote file"),
        (Phase.WRITE, "remote file"),
        (Phase.RENAME, "remote file"),
        (Phase.STAT, "remote file"),
        (Phase.REMOVE, "remote file"),
    ],
)
def test_a_failure_is_told_at_the_point_of_its_phase(phase: Phase, bad: str) -> None:
    error = Transient(Reason.REMOTE_FAILURE, "show it to its owner", {"phase": phase, "code": 4})
    points = of_failure(error)
    names = [point.name for point in points]
    at = names.index(bad)
    assert names == [point.name for point in unseen("")]
    assert [point.ok for point in points] == [True] * at + [False] * (len(points) - at)
    assert points[at].detail == "show it to its owner (code 4)"
    for later in points[at + 1 :]:
        assert later.detail == f"not looked at, because {bad} above is bad"


def test_every_phase_of_a_delivery_belongs_to_a_point() -> None:
    for phase in Phase:
        points = of_failure(Transient(Reason.REMOTE_FAILURE, "hint", {"phase": phase}))
        assert [point.detail for point in points].count("hint") == 1


def test_what_was_agreed_with_the_server_is_told() -> None:
    points = {point.name: point.detail for point in of_result(RESULT, TARGET)}
    assert "curve25519-sha256" in points["algorithms"]
    assert "aes256-gcm@openssh.com" in points["algorithms"]
    assert "SHA256:abc" in points["host key"]
    assert "abcftp" in points["login"]
    assert points["remote folder"] == "/home/upload"
    assert "no posix-rename: plain rename is used" in points["server"]
    assert "5,120 MiB free" in points["server"]


def test_an_address_that_does_not_answer_is_told_beside_one_that_does() -> None:
    text = knocks_text(TARGET, {"192.0.2.1": None, "192.0.2.2": "ECONNREFUSED"})
    assert text == "2222 is open at 192.0.2.1; not at 192.0.2.2 (ECONNREFUSED)"


def test_a_port_that_nobody_opens_is_bad() -> None:
    with pytest.raises(Unfit, match=r"nothing answers at port 2222 of 192.0.2.2 \(ETIMEDOUT\)"):
        knocks_text(TARGET, {"192.0.2.2": "ETIMEDOUT"})


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example.edu"])
def test_a_name_that_is_none_is_bad(host: str) -> None:
    with pytest.raises(Unfit, match=r"cannot be resolved: check sftp\.host, DNS"):
        resolve(host, 22)


def test_every_address_of_a_host_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object, **__: object) -> list[object]:
        return [
            (socket.AF_INET6, 1, 6, "", ("2001:db8::1", 22, 0, 0)),
            (socket.AF_INET, 1, 6, "", ("192.0.2.1", 22)),
            (socket.AF_INET, 1, 6, "", ("192.0.2.1", 22)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert resolve("sftp.example.edu", 22) == ["2001:db8::1", "192.0.2.1"]


# Ourselves.


@pytest.mark.parametrize("year", [1970, 2010, 2200])
def test_a_clock_that_cannot_be_right_is_bad(year: int) -> None:
    assert not clock_point(datetime(year, 1, 2, tzinfo=UTC)).ok
    assert clock_point(datetime(2026, 11, 23, 19, 3, tzinfo=UTC)).detail == "2026-11-23 19:03 UTC"


def test_root_is_told_that_its_rights_prove_nothing() -> None:
    assert "run this as the user that the service runs as" in user_point(0, 0, []).detail
    assert user_point(1000, 2000, [2000, 44]).detail == "UID 1000, GID 2000, other groups 44"
