import errno
import gzip
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sisdrop.archive import MANIFEST, ORIGINAL, ORIGINAL_ZIP, Archive, Changed, on_data
from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.model import FileRow, State
from sisdrop.roster import ROSTER
from support.breaking import fails_with, power_cut, system_error
from support.reports import refined
from support.rosters import Person, write
from support.rows import OTHER_DIGEST, a_row

CONTENT = b"<users><user/></users>" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
AT = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    (tmp_path / "outgoing").mkdir()
    return Archive(tmp_path)


def filed_row(**changes: Any) -> FileRow:
    """A file at its end, to be filed under its day."""
    row = a_row(State.ARCHIVED, filed_at=AT)
    return replace(row, **{"folder": Archive.place(row.id, AT), **changes})


def begun(archive: Archive, row: FileRow) -> Path:
    """A folder with what a read of the file leaves."""
    folder = archive.begin(row.id)
    archive.save_refined(row.id, refined())
    archive.bundle(row.id).write_bytes(b"zip")
    return folder


def enrolled(archive: Archive, row: FileRow) -> Path:
    """A folder with a roster of one person in it."""
    folder = begun(archive, row)
    return write(folder / ROSTER, {1: Person()})


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Under way.


def test_a_file_begins_with_an_empty_folder_of_its_own(archive: Archive, tmp_path: Path) -> None:
    row = a_row()
    begun(archive, row)
    folder = archive.begin(row.id)
    assert folder == tmp_path / "outgoing" / row.id
    assert listing(folder) == []
    assert folder.stat().st_mode & 0o777 == 0o700
    assert archive.under_way() == [row.id]


def test_the_zip_is_called_after_its_file(archive: Archive, tmp_path: Path) -> None:
    row = a_row()
    assert archive.bundle(row.id) == tmp_path / "outgoing" / row.id / f"{row.id}.zip"


def test_the_outcome_of_a_read_is_kept_as_it_was(archive: Archive) -> None:
    row = a_row()
    archive.begin(row.id)
    kept = refined()
    for _ in range(2):
        archive.save_refined(row.id, kept)
    assert archive.load_refined(row) == kept


def test_texts_are_kept_in_any_script(archive: Archive) -> None:
    row = a_row()
    archive.begin(row.id)
    archive.write_text(row.id, "report.html", "Größe 学生 🎓\n")
    assert archive.read_text(row, "report.html") == "Größe 学生 🎓\n"


def test_a_zip_that_is_not_sent_is_dropped_once(archive: Archive) -> None:
    row = a_row()
    begun(archive, row)
    archive.drop_bundle(row.id)
    archive.drop_bundle(row.id)
    assert not archive.bundle(row.id).exists()


# The original.


def test_the_original_is_kept_compressed_and_proven(archive: Archive) -> None:
    row = a_row()
    folder = archive.begin(row.id)
    for _ in range(2):
        archive.secure_original(row.id, io.BytesIO(CONTENT).read, DIGEST)
    assert gzip.decompress((folder / ORIGINAL).read_bytes()) == CONTENT
    assert listing(folder) == [ORIGINAL]
    assert archive.holds_original(row)


def test_an_original_that_is_a_zip_is_kept_as_it_is_and_proven(archive: Archive) -> None:
    row = a_row(content_sha256=OTHER_DIGEST)
    folder = archive.begin(row.id)
    with pytest.raises(Changed):
        archive.secure_original(row.id, io.BytesIO(b"other").read, DIGEST, zipped=True)
    assert not archive.holds_original(row)
    for _ in range(2):
        archive.secure_original(row.id, io.BytesIO(CONTENT).read, DIGEST, zipped=True)
    assert (folder / ORIGINAL_ZIP).read_bytes() == CONTENT
    assert listing(folder) == [ORIGINAL_ZIP]
    assert archive.holds_original(row)


def test_our_own_zip_is_not_taken_for_an_original_that_was_one(archive: Archive) -> None:
    row = a_row(content_sha256=OTHER_DIGEST)
    begun(archive, row)
    assert not archive.holds_original(row)


def test_only_the_very_bytes_of_a_file_are_held_by_its_folder(archive: Archive) -> None:
    row = a_row(sha256=DIGEST, content_sha256=OTHER_DIGEST)
    archive.begin(row.id)
    assert not archive.holds(row, DIGEST)
    archive.secure_original(row.id, io.BytesIO(CONTENT).read, DIGEST, zipped=True)
    assert archive.holds(row, DIGEST)
    assert not archive.holds(row, OTHER_DIGEST)


def test_the_same_bytes_are_kept_as_the_same_bytes(archive: Archive) -> None:
    kept = []
    for hours in (0, 1):
        row = a_row(hours=hours)
        archive.begin(row.id)
        archive.secure_original(row.id, io.BytesIO(CONTENT).read, DIGEST)
        kept.append((archive.outgoing(row.id) / ORIGINAL).read_bytes())
    assert kept[0] == kept[1]
    no_time = kept[0][4:8]
    assert no_time == bytes(4)


def test_other_bytes_are_refused_and_not_kept(archive: Archive) -> None:
    row = a_row()
    folder = archive.begin(row.id)
    with pytest.raises(Changed):
        archive.secure_original(row.id, io.BytesIO(CONTENT + b"\n").read, DIGEST)
    assert listing(folder) == []
    assert not archive.holds_original(row)


def test_other_bytes_do_not_replace_what_was_secured(archive: Archive) -> None:
    row = a_row()
    folder = archive.begin(row.id)
    archive.secure_original(row.id, io.BytesIO(CONTENT).read, DIGEST)
    with pytest.raises(Changed):
        archive.secure_original(row.id, io.BytesIO(b"other").read, DIGEST)
    assert gzip.decompress((folder / ORIGINAL).read_bytes()) == CONTENT


@pytest.mark.parametrize("where", ["os.fsync", "pathlib.Path.replace"])
def test_a_crash_while_securing_leaves_nothing_under_the_name_and_again_finishes(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    row = a_row()
    folder = archive.begin(row.id)
    source = io.BytesIO(CONTENT)
    with power_cut(where):
        archive.secure_original(row.id, source.read, DIGEST)
    assert not archive.holds_original(row)
    archive.secure_original(row.id, io.BytesIO(CONTENT).read, DIGEST)
    assert listing(folder) == [ORIGINAL]


def test_the_zip_counts_as_the_original_only_where_it_holds_the_same_bytes(
    archive: Archive,
) -> None:
    row = a_row()
    begun(archive, row)
    assert not archive.holds_original(row)
    same = a_row(identical=True)
    assert archive.holds_original(same)
    archive.drop_bundle(row.id)
    assert not archive.holds_original(same)


# Filing.


def test_a_folder_is_filed_under_its_utc_day(archive: Archive, tmp_path: Path) -> None:
    row = filed_row()
    begun(archive, row)
    assert archive.folder(row) == archive.outgoing(row.id)
    for _ in range(2):
        archive.file_away(row)
    assert archive.folder(row) == tmp_path / "archive" / "2026" / "11" / "23" / row.id
    assert archive.under_way() == []
    assert listing(archive.folder(row)) == sorted([f"{row.id}.zip", MANIFEST, "refined.json"])
    assert archive.load_refined(row) == refined()


def test_a_file_that_is_not_at_its_end_stays_where_it_is(archive: Archive) -> None:
    row = a_row(State.HELD)
    folder = begun(archive, row)
    archive.file_away(row)
    assert listing(folder) == sorted([f"{row.id}.zip", "refined.json"])


@pytest.mark.parametrize("where", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.rename"])
def test_a_crash_while_filing_leaves_the_folder_in_one_place_and_again_finishes(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str
) -> None:
    row = filed_row()
    begun(archive, row)
    with power_cut(where):
        archive.file_away(row)
    target = tmp_path / (row.folder or "")
    assert archive.outgoing(row.id).exists() != target.exists()
    assert archive.bundle(row.id).exists() or (target / f"{row.id}.zip").exists()
    archive.file_away(row)
    assert listing(target) == sorted([f"{row.id}.zip", MANIFEST, "refined.json"])


def test_a_crash_after_the_rename_is_a_folder_filed(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = filed_row()
    begun(archive, row)
    archive.write_manifest(row)
    monkeypatch.setattr(archive, "write_manifest", lambda _: None)
    with power_cut("os.fsync"):
        archive.file_away(row)
    archive.file_away(row)
    assert archive.under_way() == []
    assert MANIFEST in listing(archive.folder(row))


def test_the_manifest_holds_digests_counts_and_times_and_nobodys_data(archive: Archive) -> None:
    row = filed_row(name="Mouse, Minnie.xml", delivered_at=AT, remote_name="r.zip", bundle_size=3)
    begun(archive, row)
    archive.write_manifest(row)
    text = archive.read_text(row, MANIFEST)
    manifest = json.loads(text)
    assert manifest["format"] == "sisdrop-manifest/1"
    assert manifest["sha256"] == row.sha256
    assert manifest["filed_at"] == "2026-11-23T23:59:59+00:00"
    assert manifest["records"]["delivered"] == refined().counts.delivered
    assert not any(word in text for word in ("Mouse", "MOUSE", "Minnie"))


def test_the_size_of_the_archive_is_that_of_its_files(archive: Archive) -> None:
    assert archive.size() == 0
    row = filed_row()
    begun(archive, row)
    assert archive.size() == 0
    archive.file_away(row)
    assert archive.size() == sum(path.stat().st_size for path in archive.folder(row).iterdir())


def test_what_is_removed_meanwhile_does_not_count(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = filed_row()
    begun(archive, row)
    archive.file_away(row)
    monkeypatch.setattr(Path, "lstat", fails_with(errno.ENOENT))
    assert archive.size() == 0


# Rosters.


def has_roster(archive: Archive, row: FileRow) -> bool:
    roster = archive.roster(row)
    if roster is None:
        return False
    with roster:
        return len(roster) == 1


def test_the_roster_of_a_file_is_found_wherever_its_folder_is(archive: Archive) -> None:
    row = filed_row()
    assert not has_roster(archive, row)
    enrolled(archive, row)
    assert has_roster(archive, row)
    archive.file_away(row)
    assert has_roster(archive, row)
    archive.remove(row)
    assert not has_roster(archive, row)


def test_a_damaged_roster_is_none(archive: Archive) -> None:
    row = filed_row()
    enrolled(archive, row).write_bytes(b"x")
    assert archive.roster(row) is None


def test_a_roster_can_outlive_its_folder(archive: Archive) -> None:
    row = filed_row()
    enrolled(archive, row)
    archive.file_away(row)
    assert archive.kept_rosters() == []
    for _ in range(2):
        archive.keep_roster(row)
        archive.remove(row)
        assert archive.kept_rosters() == [row.id]
        assert has_roster(archive, row)
    for _ in range(2):
        archive.forget_roster(row.id)
        assert archive.kept_rosters() == []


def test_a_file_of_an_older_version_has_no_roster_to_keep(archive: Archive) -> None:
    row = filed_row()
    begun(archive, row)
    archive.file_away(row)
    archive.keep_roster(row)
    assert archive.kept_rosters() == []


@pytest.mark.parametrize("where", ["os.fsync", "pathlib.Path.replace"])
def test_a_crash_while_keeping_a_roster_loses_it_nowhere(archive: Archive, where: str) -> None:
    row = filed_row()
    enrolled(archive, row)
    archive.file_away(row)
    with power_cut(where):
        archive.keep_roster(row)
    assert has_roster(archive, row)
    archive.keep_roster(row)
    assert archive.kept_rosters() == [row.id]


# Removal.


def test_removing_twice_is_removing_once_and_touches_nothing_else(archive: Archive) -> None:
    rows = [filed_row(), filed_row(id="20261123T190301Z-beef", folder="archive/2026/11/23/beef")]
    for row in rows:
        begun(archive, row)
        archive.file_away(row)
    archive.remove(rows[0])
    archive.remove(rows[0])
    assert not archive.folder(rows[0]).exists()
    assert archive.holds_original(rows[1]) is False
    assert (archive.folder(rows[1]) / MANIFEST).exists()


def test_a_file_that_was_never_filed_has_nothing_to_remove(archive: Archive) -> None:
    row = a_row(State.HELD)
    begun(archive, row)
    archive.remove(row)
    assert archive.bundle(row.id).exists()


def test_a_crash_while_removing_is_finished_by_the_next_removal(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = filed_row()
    begun(archive, row)
    archive.file_away(row)
    with power_cut("os.rmdir"):
        archive.remove(row)
    archive.remove(row)
    assert not archive.folder(row).exists()


def test_the_place_of_a_folder_lies_in_the_archive() -> None:
    assert Archive.place("20261123T190301Z-4f7c", AT) == "archive/2026/11/23/20261123T190301Z-4f7c"


# Trouble.


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_volume_may_pass(tmp_path: Path, number: int) -> None:
    with pytest.raises(Transient) as caught, on_data(tmp_path):
        raise OSError(number, "text")
    assert caught.value.reason is Reason.DATA_FULL
    assert isinstance(Archive(tmp_path).fault(OSError(number, "text")), Transient)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_missing_rights_are_the_operators(tmp_path: Path, number: int) -> None:
    with pytest.raises(NeedsOperator) as caught, on_data(tmp_path):
        raise OSError(number, "text")
    assert caught.value.reason is Reason.LEDGER_UNUSABLE
    assert f"user {os.getuid()}" in caught.value.hint
    assert isinstance(Archive(tmp_path).fault(OSError(number, "text")), NeedsOperator)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN])
def test_a_volume_that_does_not_work_is_the_operators(tmp_path: Path, number: int) -> None:
    with pytest.raises(NeedsOperator) as caught, on_data(tmp_path):
        raise OSError(number, "text")
    assert caught.value.reason is Reason.LEDGER_UNUSABLE
    assert errno.errorcode[number] in caught.value.hint


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EEXIST, errno.ENOTDIR])
def test_what_says_nothing_of_the_volume_passes(tmp_path: Path, number: int) -> None:
    with pytest.raises(OSError, match="text"), on_data(tmp_path):
        raise OSError(number, "text")
    assert Archive(tmp_path).fault(OSError(number, "text")) is None


def full_steps(archive: Archive, row: FileRow) -> list[Callable[[], object]]:
    return [
        lambda: archive.begin(row.id),
        lambda: archive.save_refined(row.id, refined()),
        lambda: archive.secure_original(row.id, io.BytesIO(CONTENT).read, DIGEST),
        lambda: archive.write_text(row.id, "report.html", "page"),
        lambda: archive.write_manifest(row),
        lambda: archive.file_away(row),
        lambda: archive.keep_roster(row),
    ]


@pytest.mark.parametrize("step", range(7))
def test_every_write_says_when_the_volume_is_full(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    row = filed_row()
    enrolled(archive, row)
    with system_error("os.fsync", errno.ENOSPC), pytest.raises(Transient) as caught:
        full_steps(archive, row)[step]()
    assert caught.value.reason is Reason.DATA_FULL


def test_a_read_that_finds_nothing_is_a_bug(archive: Archive) -> None:
    with pytest.raises(FileNotFoundError):
        archive.load_refined(a_row())
    shutil.rmtree(archive.outgoing("").parent)
    with pytest.raises(FileNotFoundError):
        archive.under_way()
