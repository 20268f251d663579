import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sisdrop import durable
from support.breaking import fails_with, power_cut


def open_handles() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Writing.


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    durable.write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert listing(tmp_path) == ["report.html"]


def test_writing_again_replaces_what_was_there_and_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    durable.write_file(path, b"old, and longer")
    durable.write_file(path, b"new", 0o640)
    durable.write_file(path, b"new", 0o640)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert listing(tmp_path) == ["report.html"]


@pytest.mark.parametrize("where", ["os.fsync", "pathlib.Path.replace"])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_crash_leaves_the_old_content_or_the_new_and_never_a_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, before: bytes | None
) -> None:
    path = tmp_path / "report.html"
    if before is not None:
        path.write_bytes(before)
    with power_cut(where):
        durable.write_file(path, b"new")
    assert (path.read_bytes() if path.exists() else None) == before
    durable.write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert listing(tmp_path) == ["report.html"]


def test_the_content_is_on_disk_before_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(handle: int) -> None:
        steps.append("folder" if Path(f"/proc/self/fd/{handle}").is_dir() else "content")
        fsync(handle)

    def noted_replace(source: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    durable.write_file(tmp_path / "report.html", b"new")
    assert steps == ["content", "rename", "folder"]


def test_a_full_disk_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fails_with(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        durable.write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert listing(tmp_path) == ["report.html"]


@pytest.mark.parametrize("letter", ["a", "é", "€", "🎓"])
def test_the_longest_name_that_a_disk_takes_can_be_written(tmp_path: Path, letter: str) -> None:
    ending = ".20261123T190301Z-4f7c.html"
    stem = letter * ((255 - len(ending)) // len(letter.encode()))
    path = tmp_path / f"{stem}{ending}"
    durable.write_file(path, b"new")
    durable.write_file(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert listing(tmp_path) == [path.name]


def test_what_a_dead_process_left_is_replaced_whatever_it_is(tmp_path: Path) -> None:
    """Also a link that leads elsewhere, or a pipe that would block for ever."""
    path, left = tmp_path / "report.html", tmp_path / ".report.html.tmp"
    other = tmp_path / "other"
    other.write_bytes(b"other")
    leavings: list[Callable[[], object]] = [
        lambda: left.write_bytes(b"half"),
        lambda: left.symlink_to(other),
        lambda: left.hardlink_to(other),
        lambda: os.mkfifo(left),
    ]
    for leave in leavings:
        leave()
        durable.write_file(path, b"new")
        assert path.read_bytes() == b"new"
        assert listing(tmp_path) == ["other", "report.html"]
    assert other.read_bytes() == b"other"


def test_a_link_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    path, other = tmp_path / "report.html", tmp_path / "other"
    other.write_bytes(b"other")
    path.symlink_to(other)
    durable.write_file(path, b"new")
    assert not path.is_symlink()
    assert other.read_bytes() == b"other"


# Folders.


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES])
def test_a_filesystem_that_cannot_sync_a_folder_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", fails_with(number))
    durable.sync_folder(tmp_path)


def test_a_disk_that_fails_to_sync_a_folder_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", fails_with(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        durable.sync_folder(tmp_path)


def test_syncing_folders_keeps_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", fails_with(errno.EIO))
    before = open_handles()
    for _ in range(5):
        with pytest.raises(OSError, match="Input/output"):
            durable.sync_folder(tmp_path)
    assert open_handles() == before


# Moving.


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    source, target = tmp_path / "one" / "a.xml", tmp_path / "other" / "b.xml"
    source.write_bytes(b"bytes")
    return source, target


def test_a_move_done_twice_is_a_move_done(pair: tuple[Path, Path]) -> None:
    source, target = pair
    durable.move(source, target)
    durable.move(source, target)
    assert target.read_bytes() == b"bytes"
    assert not source.exists()


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_a_move_never_replaces(pair: tuple[Path, Path], kind: str) -> None:
    source, target = pair
    if kind == "file":
        target.write_bytes(b"theirs")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        durable.move(source, target)
    assert source.read_bytes() == b"bytes"
    if kind == "file":
        assert target.read_bytes() == b"theirs"


def test_nothing_to_move_is_said(pair: tuple[Path, Path]) -> None:
    source, target = pair
    source.unlink()
    with pytest.raises(FileNotFoundError):
        durable.move(source, target)


def test_a_folder_moves_whole(tmp_path: Path) -> None:
    (tmp_path / "outgoing").mkdir()
    (tmp_path / "outgoing" / "a.zip").write_bytes(b"zip")
    durable.move(tmp_path / "outgoing", tmp_path / "filed")
    assert (tmp_path / "filed" / "a.zip").read_bytes() == b"zip"


@pytest.mark.parametrize("where", ["pathlib.Path.rename", "os.fsync"])
def test_a_crash_leaves_the_file_under_exactly_one_name_and_again_finishes(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    source, target = pair
    with power_cut(where):
        durable.move(source, target)
    assert source.exists() != target.exists()
    durable.move(source, target)
    assert target.read_bytes() == b"bytes"


def test_a_move_is_made_durable_in_both_folders(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Any] = []
    monkeypatch.setattr(durable, "sync_folder", synced.append)
    source, target = pair
    durable.move(source, target)
    assert synced == [target.parent, source.parent]
