import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.inbox.share import FOLDERS, Busy, Share
from sisdrop.model import Signature
from support.breaking import fails_with, power_cut
from support.rows import file_id

ID = file_id()
NAME = "students.xml"


@pytest.fixture
def share(tmp_path: Path) -> Share:
    made = Share(tmp_path / "inbox")
    made.inbox.mkdir()
    made.adopt("0123")
    made.furnish("Drop files here.\n")
    return made


def drop(share: Share, name: str = NAME, content: bytes = b"<users/>") -> Path:
    path = share.inbox / name
    path.write_bytes(content)
    return path


# Identity.


def test_a_share_without_an_id_has_none(tmp_path: Path) -> None:
    assert Share(tmp_path).identity() is None
    (tmp_path / ".sisdrop").mkdir()
    assert Share(tmp_path).identity() is None
    (tmp_path / ".sisdrop" / "share-id").write_bytes(b" \n")
    assert Share(tmp_path).identity() is None


def test_a_share_is_adopted_once(tmp_path: Path) -> None:
    share = Share(tmp_path)
    chosen = share.adopt()
    assert len(chosen) == 32
    assert share.adopt() == chosen
    assert share.adopt("another") == chosen
    assert share.identity() == chosen


def test_a_share_takes_the_id_that_it_is_given(tmp_path: Path) -> None:
    assert Share(tmp_path).adopt("0123") == "0123"
    assert Share(tmp_path).identity() == "0123"


def test_an_id_in_odd_bytes_is_another_id_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / ".sisdrop").mkdir()
    (tmp_path / ".sisdrop" / "share-id").write_bytes(b"\xff\xfe\x00")
    assert Share(tmp_path).identity() not in (None, "0123")


def test_a_missing_inbox_is_gone_and_not_without_an_id(tmp_path: Path) -> None:
    with pytest.raises(Transient) as caught:
        Share(tmp_path / "nowhere").identity()
    assert caught.value.reason is Reason.SHARE_GONE
    with pytest.raises(Transient):
        Share(tmp_path / "nowhere").adopt("0123")
    assert not (tmp_path / "nowhere").exists()


def test_a_crash_while_adopting_leaves_an_id_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Share(tmp_path)
    with power_cut("os.fsync"):
        share.adopt("0123")
    assert share.identity() in (None, "0123")
    assert share.adopt("0123") == "0123"


def test_furnishing_twice_changes_nothing(share: Share) -> None:
    (share.inbox / "README.txt").write_text("ours, edited by a person")
    drop(share, "held/kept.xml")
    share.furnish("Drop files here.\n")
    assert (share.inbox / "README.txt").read_text() == "ours, edited by a person"
    assert (share.inbox / "held" / "kept.xml").exists()
    assert all((share.inbox / name).is_dir() for name in FOLDERS)
    assert share.claimed() == []


# Claim.


def test_a_claim_moves_the_file_into_work(share: Share) -> None:
    path = drop(share)
    share.claim(path, ID)
    assert not path.exists()
    assert share.work(ID).read_bytes() == b"<users/>"
    assert share.claimed() == [ID]


@pytest.mark.parametrize("raw", [b"a\nb.xml", b"\xff\xfe.xml", b"-rf.xml", b"x" * 255])
def test_any_name_can_be_claimed(share: Share, raw: bytes) -> None:
    path = drop(share, os.fsdecode(raw))
    share.claim(path, ID)
    assert share.claimed() == [ID]


@pytest.mark.parametrize("number", [errno.EBUSY, errno.ETXTBSY, errno.EAGAIN])
def test_a_file_that_somebody_holds_open_is_busy(
    share: Share, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = drop(share)
    monkeypatch.setattr(Path, "rename", fails_with(number))
    with pytest.raises(Busy):
        share.claim(path, ID)
    assert path.exists()


def test_a_file_that_is_gone_is_busy(share: Share) -> None:
    with pytest.raises(Busy):
        share.claim(share.inbox / NAME, ID)
    assert share.claimed() == []


def test_a_missing_work_folder_is_trouble_and_not_a_busy_file(share: Share) -> None:
    """Or the file would be waited for, without a word, for ever."""
    path = drop(share)
    share.work(ID).parent.rmdir()
    with pytest.raises(Transient) as caught:
        share.claim(path, ID)
    assert caught.value.reason is Reason.SHARE_GONE
    assert path.exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_no_right_to_move_is_the_operators(
    share: Share, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = drop(share)
    monkeypatch.setattr(Path, "rename", fails_with(number))
    with pytest.raises(NeedsOperator) as caught:
        share.claim(path, ID)
    assert caught.value.reason is Reason.SHARE_PERMISSION
    assert f"in {share.inbox};" in caught.value.hint


@contextmanager
def as_somebody_else(folder: Path) -> Iterator[None]:
    """The kernel itself says no: root becomes a user without rights, others lose theirs."""
    if os.geteuid() == 0:
        os.seteuid(65534)
    else:
        folder.chmod(0o555)
    try:
        yield
    finally:
        os.seteuid(os.getuid())
        folder.chmod(0o755)


def test_a_real_user_without_rights_is_told_so(share: Share) -> None:
    path = drop(share)
    with as_somebody_else(share.inbox), pytest.raises(NeedsOperator) as caught:
        share.claim(path, ID)
    assert caught.value.reason is Reason.SHARE_PERMISSION
    assert path.exists()


def test_a_claim_that_cannot_be_made_durable_is_done_and_said(
    share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(share)
    monkeypatch.setattr(os, "fsync", fails_with(errno.EIO))
    with pytest.raises(Transient):
        share.claim(path, ID)
    assert share.claimed() == [ID]


# Moves.


def test_moving_twice_is_moving_once(share: Share) -> None:
    drop(share, f".sisdrop/work/{ID}")
    for _ in range(2):
        share.move(share.work(ID), share.held(ID, NAME))
    assert share.held(ID, NAME).read_bytes() == b"<users/>"
    assert share.claimed() == []


def test_a_move_never_replaces_and_says_what_stands_in_the_way(share: Share) -> None:
    drop(share, f".sisdrop/work/{ID}", b"ours")
    share.held(ID, NAME).write_bytes(b"theirs")
    with pytest.raises(NeedsOperator) as caught:
        share.move(share.work(ID), share.held(ID, NAME))
    assert caught.value.reason is Reason.SHARE_PERMISSION
    assert f"stands in the way in {share.inbox / 'held'}" in caught.value.hint
    assert "students" not in caught.value.hint
    assert share.held(ID, NAME).read_bytes() == b"theirs"
    assert share.work(ID).read_bytes() == b"ours"


def test_a_share_that_goes_during_a_move_is_gone(
    share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(share, f".sisdrop/work/{ID}")
    monkeypatch.setattr(Path, "rename", fails_with(errno.ESTALE))
    with pytest.raises(Transient):
        share.move(share.work(ID), share.held(ID, NAME))


def test_removing_twice_is_removing_once(share: Share) -> None:
    path = drop(share)
    share.remove(path)
    share.remove(path)
    assert not path.exists()


def test_the_signature_of_what_lies_there(share: Share) -> None:
    path = drop(share)
    seen = path.stat()
    assert share.signature(path) == Signature(8, seen.st_mtime_ns, seen.st_ino)
    assert share.signature(share.inbox / "nothing.xml") is None


def test_the_signature_of_a_link_is_its_own(share: Share) -> None:
    path = drop(share)
    link = share.inbox / "link.xml"
    link.symlink_to(path)
    assert share.signature(link) != share.signature(path)


def test_a_signature_that_cannot_be_had_is_not_absence(
    share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "lstat", fails_with(errno.ESTALE))
    with pytest.raises(Transient):
        share.signature(share.inbox / NAME)


# Pages and reports.


def test_reports_lie_in_their_folder_for_the_group_and_nobody_else(share: Share) -> None:
    for text in ("first", "second"):
        share.write_reports(ID, NAME, text, "{}")
    html, json = share.reports(ID, NAME)
    assert (html.name, json.name) == (f"students.{ID}.html", f"students.{ID}.json")
    assert (html.read_text(), json.read_text()) == ("second", "{}")
    assert html.stat().st_mode & 0o007 == 0
    assert sorted(p.name for p in (share.inbox / "reports").iterdir()) == [html.name, json.name]


def test_the_folder_of_reports_comes_back_when_somebody_deleted_it(share: Share) -> None:
    (share.inbox / "reports").rmdir()
    share.write_reports(ID, NAME, "page", "{}")
    assert all(path.exists() for path in share.reports(ID, NAME))


def test_the_report_beside_a_file_is_not_a_name_that_the_file_could_have(share: Share) -> None:
    held = share.held(ID, NAME)
    share.write_report_beside(held, ID, NAME, "page")
    beside = share.report_beside(held, ID, NAME)
    assert beside.name == f"students.{ID}.report.html"
    assert beside.parent == held.parent
    assert beside.read_text() == "page"
    assert beside.stat().st_mode & 0o007 == 0
    assert share.report_beside(held, ID, "x.html") != share.held(ID, "x.html")


@pytest.mark.parametrize("stem", ["x" * 251, "é" * 125, "学" * 83, "a\nb", "con"])
def test_reports_of_files_with_any_name_can_be_written(share: Share, stem: str) -> None:
    name = f"{stem}.xml"
    share.write_reports(ID, name, "page", "{}")
    share.write_report_beside(share.rejected(ID, name), ID, name, "page")
    assert all(len(os.fsencode(path.name)) <= 255 for path in share.reports(ID, name))
    assert all(path.exists() for path in share.reports(ID, name))


def test_the_status_page_is_replaced_and_everybody_may_read_it(share: Share) -> None:
    share.write_status("old")
    share.write_status("new")
    page = share.inbox / "STATUS.html"
    assert page.read_text() == "new"
    assert page.stat().st_mode & 0o444 == 0o444


def test_a_full_share_keeps_the_old_status_page(
    share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    share.write_status("old")
    monkeypatch.setattr(os, "fsync", fails_with(errno.ENOSPC))
    with pytest.raises(Transient, match="full"):
        share.write_status("new")
    assert (share.inbox / "STATUS.html").read_text() == "old"


def test_each_outcome_has_its_own_place(share: Share) -> None:
    places = {share.work(ID), share.held(ID, NAME), share.rejected(ID, NAME)}
    assert len(places) == 3
    assert share.held(ID, NAME).name == f"students.{ID}.xml"


def test_a_file_is_recognised_by_its_bytes_and_by_nothing_else(share: Share) -> None:
    digest = hashlib.sha256(b"<users/>").hexdigest()
    path = drop(share)
    assert share.recognise(path, digest) == share.signature(path)
    os.utime(path, ns=(0, 0))
    assert share.recognise(path, digest) == share.signature(path)
    path.write_bytes(b"<users >")
    assert share.recognise(path, digest) is None
    path.unlink()
    assert share.recognise(path, digest) is None


def test_a_file_that_changes_while_it_is_looked_at_is_not_recognised(
    share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, digest = drop(share), hashlib.sha256(b"<users/>").hexdigest()

    def digest_then_change(changed: Path) -> str:
        changed.write_bytes(b"<users> </users>")
        return digest

    monkeypatch.setattr(share, "digest", digest_then_change)
    assert share.recognise(path, digest) is None
