import hashlib
import os
import secrets
from pathlib import Path

import pytest

from sisdrop.records.source import ChangedError, Dropped, opened
from support.zips import How, with_checksum, zipped

XML = b"<users><user/></users>\n"
# Several blocks of 256 KiB, as a file and inside a zip.
LONG = b"<users>" + b"".join(b"<user>%d</user>" % n for n in range(200_000)) + b"</users>"
NOISE = secrets.token_hex(500_000).encode()
ROOM = 1 << 30


def dropped(folder: Path, content: bytes) -> Path:
    path = folder / "work"
    path.write_bytes(content)
    return path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("content", [XML, LONG, b""])
def test_a_file_is_read_as_it_is(tmp_path: Path, content: bytes) -> None:
    with opened(dropped(tmp_path, content), ROOM) as file:
        read = file.read()
        assert b"".join(read) == content
        assert (read.sha256, read.content_sha256, read.fault) == (digest(content), None, None)
        assert (file.is_zip, file.content_size) == (False, len(content))
        file.check_unchanged()


@pytest.mark.parametrize("content", [XML, LONG, NOISE, b""])
def test_of_a_zip_the_file_in_it_is_read_and_both_have_a_digest(
    tmp_path: Path, content: bytes
) -> None:
    archive = zipped(content, how=How(beside={"__MACOSX/._students.xml": NOISE}))
    with opened(dropped(tmp_path, archive), ROOM) as file:
        read = file.read()
        assert b"".join(read) == content
        assert (read.sha256, read.content_sha256) == (digest(archive), digest(content))
        assert read.fault is None
        assert (file.is_zip, file.content_size) == (True, len(content))
        file.check_unchanged()


@pytest.mark.parametrize("archive", [b"PK\x03\x04", zipped(NOISE)[:-1], b"PK\x03\x04" + NOISE])
def test_a_zip_that_cannot_be_read_has_its_digest_all_the_same(
    tmp_path: Path, archive: bytes
) -> None:
    with opened(dropped(tmp_path, archive), ROOM) as file:
        read = file.read()
        assert not list(read)
        assert (read.sha256, read.content_sha256) == (digest(archive), None)
        assert read.fault is not None
        assert read.fault.rule == "zip.unreadable"


def test_what_fails_only_at_its_end_has_no_digest_of_its_content(tmp_path: Path) -> None:
    archive = with_checksum(zipped(LONG), 1)
    with opened(dropped(tmp_path, archive), ROOM) as file:
        read = file.read()
        assert b"".join(read) == LONG
        assert (read.sha256, read.content_sha256) == (digest(archive), None)
        assert read.fault is not None


@pytest.mark.parametrize(
    ("content", "rule"), [(LONG, "xml.too-large"), (zipped(LONG), "zip.too-large")]
)
def test_nothing_comes_of_what_is_too_large(tmp_path: Path, content: bytes, rule: str) -> None:
    with opened(dropped(tmp_path, content), len(LONG) - 1) as file:
        read = file.read()
        assert not list(read)
        assert read.sha256 == digest(content)
        assert read.fault is not None
        assert read.fault.rule == rule


def test_progress_is_told_in_bytes_of_the_file_up_to_its_size(tmp_path: Path) -> None:
    for content in (LONG, zipped(LONG), zipped(NOISE), zipped(XML, how=How(beside={"._a": NOISE}))):
        told: list[int] = []
        with opened(dropped(tmp_path, content), ROOM) as file:
            list(file.read(told.append))
        assert told == sorted(set(told))
        assert told[-1] == len(content)
        assert len(told) == -(-len(content) // (256 << 10))


@pytest.mark.parametrize("content", [LONG, zipped(LONG)])
def test_any_part_can_be_read_again_in_any_order(tmp_path: Path, content: bytes) -> None:
    size = len(LONG)
    places = [0, 5, 300_000, 299_999, 3, size - 4, size, size + 10, 262_143, 262_144, 0]
    with opened(dropped(tmp_path, content), ROOM) as file:
        assert b"".join(file.read()) == LONG
        source = file.content()
        for place in places:
            source.seek(place)
            assert source.read(10) == LONG[place : place + 10]
            assert source.read(600_000) == LONG[place + 10 : place + 600_010]


def test_parts_can_be_read_again_of_a_zip_that_holds_nothing(tmp_path: Path) -> None:
    with opened(dropped(tmp_path, zipped(b"")), ROOM) as file:
        source = file.content()
        source.seek(0)
        assert source.read(10) == b""


@pytest.mark.parametrize("content", [LONG, zipped(NOISE)])
@pytest.mark.parametrize("size", [1000, 10_000_000])
def test_a_file_that_shrinks_or_grows_while_it_is_read_is_changed(
    tmp_path: Path, content: bytes, size: int
) -> None:
    path = dropped(tmp_path, content)
    with opened(path, ROOM) as file:
        blocks = iter(file.read())
        next(blocks)
        os.truncate(path, size)
        with pytest.raises(ChangedError):
            list(blocks)
        with pytest.raises(ChangedError):
            file.check_unchanged()
        assert file.now().size == size
        assert file.before.size == len(content)


def test_a_file_that_is_saved_again_is_changed(tmp_path: Path) -> None:
    path = dropped(tmp_path, XML)
    with opened(path, ROOM) as file:
        os.utime(path, ns=(0, file.before.mtime_ns + 1))
        with pytest.raises(ChangedError):
            file.check_unchanged()


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(dropped(tmp_path, XML))
    os.mkfifo(pipe)
    for path in (link, pipe, tmp_path, tmp_path / "nothing"):
        with pytest.raises(OSError, match=r"link|regular|directory|such"), opened(path, ROOM):
            pass


class Trickle:
    """A file on a share that hands out fewer bytes than it is asked for."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.fileno, self.seek, self.close = self._file.fileno, self._file.seek, self._file.close

    def read(self, size: int) -> bytes:
        """Eleven bytes at most."""
        return self._file.read(min(size, 11))


@pytest.mark.parametrize("content", [XML, zipped(XML, how=How(comment=b"c" * 300))])
def test_a_file_that_comes_in_drops_is_read_whole(tmp_path: Path, content: bytes) -> None:
    file = Trickle(dropped(tmp_path, content))
    source = Dropped(file, ROOM)  # type: ignore[arg-type]
    assert b"".join(source.read()) == XML
    part = source.content()
    part.seek(3)
    assert part.read(4) == XML[3:7]
    file.close()
