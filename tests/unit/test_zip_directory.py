import io
import secrets
import struct
import zipfile
import zlib

import pytest

from sisdrop.records.zip_directory import (
    DEFLATED,
    STORED,
    TAIL_BYTES,
    Entry,
    find_end,
    find_entry,
)
from sisdrop.records.zip_faults import ZipRefused
from support.zips import (
    How,
    bare,
    with_checksum,
    with_flags,
    with_method,
    with_offset,
    with_sizes,
    zipped,
)

CONTENT = b"<users>" + b"<user/>" * 1000 + b"</users>"
LARGE = 1 << 40
LITTER = {
    "__MACOSX/._students.xml": b"x",
    "export/": b"",
    "export/.DS_Store": b"x",
    "Thumbs.db": b"x",
    "export\\desktop.ini": b"x",
    "._students.xml": b"x",
}


def found(archive: bytes, max_size: int = LARGE) -> Entry:
    def read(offset: int, size: int) -> bytes:
        assert size <= 1 << 20
        return archive[offset : offset + size]

    return find_entry(read, len(archive), max_size)


def refusal(archive: bytes, max_size: int = LARGE) -> tuple[str, str]:
    with pytest.raises(ZipRefused) as caught:
        found(archive, max_size)
    fatal = caught.value.fatal
    assert (fatal.line, fatal.column, fatal.offset, fatal.bytes_hex) == (1, 1, 0, "")
    assert fatal.hint
    return fatal.rule, fatal.message


@pytest.mark.parametrize(
    ("how", "method"),
    [
        (How(), DEFLATED),
        (How(method=zipfile.ZIP_STORED), STORED),
        (How(comment=b"made at night"), DEFLATED),
        (How(comment=b"x" * 65535), DEFLATED),
        (How(comment=b"PK\x05\x06" * 1000), DEFLATED),
        (How(streamed=True), DEFLATED),
        (How(wide=True), DEFLATED),
        (How(beside=LITTER), DEFLATED),
    ],
)
def test_the_one_file_is_found_whatever_made_the_zip(how: How, method: int) -> None:
    archive = zipped(CONTENT, how=how)
    entry = found(archive)
    packed = archive[entry.start : entry.end]
    assert (entry.method, entry.size, entry.crc) == (method, len(CONTENT), zlib.crc32(CONTENT))
    unpacked = zlib.decompress(packed, -zlib.MAX_WBITS) if method == DEFLATED else packed
    assert unpacked == CONTENT


@pytest.mark.parametrize("masked", [True, False], ids=["needed", "not needed"])
def test_the_numbers_of_a_large_zip_are_read_from_their_own_records(masked: bool) -> None:
    archive = wide(zipped(CONTENT), masked=masked)
    with zipfile.ZipFile(io.BytesIO(archive)) as known:
        assert known.read("students.xml") == CONTENT
    assert found(archive) == found(zipped(CONTENT))


def test_a_large_file_without_its_large_numbers_is_damaged() -> None:
    assert refusal(with_sizes(zipped(CONTENT), size=0xFFFF_FFFF))[0] == "zip.unreadable"


@pytest.mark.parametrize(
    ("archive", "count"),
    [
        (zipped("", "a.xml", How(beside={"b.xml": b""})), "2 files"),
        (zipped("", "a.xml", How(beside={"A.xml": b"", "readme.txt": b"", **LITTER})), "3 files"),
        (bare(1000), "1,000 files"),
        (bare(1001), "too many files"),
        (bare(70_000), "too many files"),
        (zipped("", "a.xml", How(beside={"x" * 60_000 + f"{n}": b"" for n in range(20)})), "too "),
        (zipped("", "export/"), "no file"),
        (zipped("", "__MACOSX/a.xml", How(beside=LITTER)), "no file"),
        (b"PK\x05\x06" + bytes(18), "no file"),
    ],
)
def test_any_other_number_of_files_is_refused(archive: bytes, count: str) -> None:
    rule, message = refusal(archive)
    assert rule == "zip.not-one-file"
    assert count in message


@pytest.mark.parametrize("flags", [1, 1 | 8, 1 << 6 | 1, 1 << 13])
def test_a_password_is_named(flags: int) -> None:
    rule, message = refusal(with_flags(zipped(CONTENT), flags))
    assert rule == "zip.unreadable"
    assert "password" in message


@pytest.mark.parametrize("method", [1, 6, 9, 12, 14, 93, 99])
def test_another_compression_is_named(method: int) -> None:
    rule, message = refusal(with_method(zipped(CONTENT), method))
    assert rule == "zip.unreadable"
    assert "other than deflate" in message


def test_what_says_itself_that_it_is_too_large_is_not_unpacked() -> None:
    assert refusal(zipped(CONTENT), len(CONTENT) - 1)[0] == "zip.too-large"
    assert found(zipped(CONTENT), len(CONTENT)).size == len(CONTENT)


@pytest.mark.parametrize(
    ("size", "most"), [(16 << 20, 0), ((16 << 20) + 500, 33_555), (1 << 30, 2_147_483)]
)
def test_what_swells_beyond_measure_is_refused_once_it_could_do_harm(size: int, most: int) -> None:
    archive = zipped(secrets.token_bytes(3_000_000), how=How(method=zipfile.ZIP_STORED))
    if most:
        rule, message = refusal(with_sizes(archive, size, most))
        assert rule == "zip.too-large"
        assert "swells" in message
    assert found(with_sizes(archive, size, most + 1)).size == size


GOOD = zipped(CONTENT)
DIRECTORY = GOOD.index(b"PK\x01\x02")
DAMAGED = {
    "half": GOOD[: len(GOOD) // 2],
    "without its last byte": GOOD[:-1],
    "with something behind its end": GOOD + b"\0",
    "a mark alone": b"PK\x03\x04",
    "two, one behind the other": GOOD + GOOD,
    "bytes missing in the middle": GOOD[:50] + GOOD[51:],
    "text for a directory": GOOD[:DIRECTORY] + b"x" + GOOD[DIRECTORY + 1 :],
    "a file that is not where it should be": with_offset(GOOD, 1),
    "a file beyond the end": with_offset(GOOD, len(GOOD) + 100),
    "a file within the directory": with_offset(GOOD, DIRECTORY),
    "a file that runs into the directory": with_sizes(GOOD, packed=DIRECTORY),
    "headers that differ in method": GOOD[:8] + b"\0" + GOOD[9:],
    "a second disk": GOOD[:-18] + b"\x01" + GOOD[-17:],
    "more files than are listed": GOOD[:-14] + b"\x02\0\x02\0" + GOOD[-10:],
    "no file, and yet one is listed": GOOD[:-14] + b"\0\0\0\0" + GOOD[-10:],
    "a directory that is cut": GOOD[:-10] + struct.pack("<L", 46) + GOOD[-6:],
    "a directory that reaches beyond the end": GOOD[:-10] + struct.pack("<L", 1000) + GOOD[-6:],
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_zip_is_called_damaged(damage: str) -> None:
    rule, message = refusal(DAMAGED[damage])
    assert rule == "zip.unreadable"
    assert "damaged" in message


def test_a_wrong_checksum_is_found_only_by_unpacking() -> None:
    assert found(with_checksum(GOOD, 1)).crc == 1


# The end.


def test_the_end_is_found_whatever_the_comment() -> None:
    for comment in (b"", b"a", b"x" * 65535, b"PK\x05\x06", b"PK\x05\x06" + bytes(18)):
        archive = zipped(CONTENT, how=How(comment=comment))
        assert find_end(archive[-TAIL_BYTES:]) is not None
        assert all(find_end(archive[:end][-TAIL_BYTES:]) is None for end in cuts(archive, comment))


def cuts(archive: bytes, comment: bytes) -> list[int]:
    """Where to cut an archive: everywhere, or here and there in a long comment."""
    return [*range(len(archive) - len(comment)), *range(len(archive) - len(comment), len(archive),
            1 + len(comment) // 100)]  # fmt: skip


def test_marks_without_number_are_looked_through() -> None:
    assert find_end(b"PK\x05\x06" * (TAIL_BYTES // 4)) is None


def wide(archive: bytes, *, masked: bool = True) -> bytes:
    """The same zip in the form for more than 4 GiB; some archivers repeat numbers that fit."""
    at, end = archive.index(b"PK\x01\x02"), archive.rindex(b"PK\x05\x06")
    central = bytearray(archive[at:end])
    packed, size = struct.unpack_from("<2L", central, 20)
    struct.pack_into("<2L", central, 20, 0xFFFF_FFFF, 0xFFFF_FFFF)
    struct.pack_into("<L", central, 42, 0xFFFF_FFFF)
    # Another extra field stands before the one that is asked for.
    extra = struct.pack("<2H4s", 0x5455, 4, b"time") + struct.pack("<2H3Q", 1, 24, size, packed, 0)
    struct.pack_into("<H", central, 30, len(extra))
    directory = bytes(central) + extra
    record = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, 1, 1, len(directory), at)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, at + len(directory), 1)
    numbers = (0xFFFF, 0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF) if masked else (1, 1, len(directory), at)
    last = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, *numbers, 0)
    return archive[:at] + directory + record + locator + last


@pytest.mark.parametrize(
    ("change", "at"), [("no record where the locator says", 8), ("no locator", 0)]
)
def test_a_large_zip_without_its_own_records_is_damaged(change: str, at: int) -> None:
    archive = bytearray(wide(zipped(CONTENT)))
    locator = archive.rindex(b"PK\x06\x07")
    archive[locator + at] ^= 0xFF
    assert refusal(bytes(archive))[0] == "zip.unreadable"
