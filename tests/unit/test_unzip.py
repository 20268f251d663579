import secrets
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sisdrop.records.unzip import Unpacker
from sisdrop.records.zip_directory import DEFLATED, STORED, Entry
from support.zips import How, zipped

SMALL = b"<users><user/></users>\n"
# More than one block either way: noise does not shrink, and blanks shrink a thousand times.
LARGE = secrets.token_bytes(600_000) + b" " * 3_000_000 + secrets.token_bytes(600_000)
BLOCK = 256 << 10


def entry_of(archive: bytes, content: bytes, method: int = DEFLATED) -> Entry:
    start = 30 + len("students.xml")
    return Entry(start, archive.index(b"PK\x01\x02"), method, len(content), zlib.crc32(content))


def unpacked(archive: bytes, entry: Entry, step: int = BLOCK) -> tuple[list[bytes], Unpacker]:
    unpacker = Unpacker(entry)
    out: list[bytes] = []
    for at in range(0, len(archive), step):
        out += unpacker.feed(archive[at : at + step])
    out += unpacker.close()
    return out, unpacker


@pytest.mark.parametrize("step", [1, 7, 1000, BLOCK])
@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_the_file_comes_out_whole_however_the_zip_is_cut(step: int, method: int) -> None:
    archive = zipped(SMALL, how=How(method=method))
    out, unpacker = unpacked(archive, entry_of(archive, SMALL, method), step)
    assert b"".join(out) == SMALL
    assert unpacker.fault is None


@pytest.mark.parametrize("content", [LARGE, b" " * 5_000_000, b"", b"a"])
@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_no_block_is_larger_than_a_file_block(content: bytes, method: int) -> None:
    archive = zipped(content, how=How(method=method))
    out, unpacker = unpacked(archive, entry_of(archive, content, method))
    assert b"".join(out) == content
    assert max(map(len, out), default=0) <= BLOCK
    assert unpacker.fault is None


def wrong(content: bytes, archive: bytes, entry: Entry) -> tuple[Sequence[bytes], bytes]:
    """What comes out although something is wrong, and what is right."""
    out, unpacker = unpacked(archive, entry)
    assert unpacker.fault is not None
    assert unpacker.fault.rule == "zip.unreadable"
    return out, content


@pytest.mark.parametrize("method", [STORED, DEFLATED])
@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_a_wrong_checksum_is_a_fault(content: bytes, method: int) -> None:
    archive = zipped(content, how=How(method=method))
    entry = entry_of(archive, content, method)
    wrong(content, archive, replace(entry, crc=entry.crc ^ 1))


@pytest.mark.parametrize("method", [STORED, DEFLATED])
@pytest.mark.parametrize("lie", [-1, -20, 1])
@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_a_wrong_size_is_a_fault_and_no_more_than_promised_comes_out(
    content: bytes, lie: int, method: int
) -> None:
    archive = zipped(content, how=How(method=method))
    entry = replace(entry_of(archive, content, method), size=len(content) + lie)
    out, right = wrong(content, archive, entry)
    assert sum(map(len, out)) <= entry.size
    assert right.startswith(b"".join(out))


@pytest.mark.parametrize("content", [SMALL, LARGE])
@pytest.mark.parametrize("shift", [-1, 1, 5])
def test_a_stream_that_ends_elsewhere_than_promised_is_a_fault(content: bytes, shift: int) -> None:
    archive = zipped(content)
    entry = entry_of(archive, content)
    wrong(content, archive, replace(entry, end=entry.end + shift))


def test_what_is_no_stream_is_a_fault() -> None:
    archive = zipped(SMALL, how=How(method=zipfile.ZIP_STORED))
    out, _ = wrong(SMALL, archive, entry_of(archive, SMALL, DEFLATED))
    assert not b"".join(out)


def test_a_stream_that_was_cut_is_a_fault() -> None:
    archive = zipped(LARGE)[:700_000]
    unpacker = Unpacker(Entry(42, 700_000, DEFLATED, len(LARGE), zlib.crc32(LARGE)))
    out = [*unpacker.feed(archive), *unpacker.close()]
    assert LARGE.startswith(b"".join(out))
    assert unpacker.fault is not None
