"""Find the one file in a zip. Its directory is read within bounds, and nothing in it is trusted.

What systems and archivers add by themselves beside the file is passed over: folders, `__MACOSX/`,
`.DS_Store`, `._` files, `Thumbs.db`, `desktop.ini`.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sisdrop.records import zip_faults
from sisdrop.records.zip_faults import ZipRefused

ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06")
STORED, DEFLATED = 0, 8

_END = struct.Struct("<4s4H2LH")
_LOCATOR_64 = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_MARK, _CENTRAL_MARK, _LOCAL_MARK = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_LOCATOR_64_MARK, _END_64_MARK = b"PK\x06\x07", b"PK\x06\x06"
_MASK_16, _MASK_32 = 0xFFFF, 0xFFFF_FFFF
_EXTRA_HEAD = struct.Struct("<2H")
_WIDE_FIELDS = 1
# Encrypted, strongly encrypted, with a masked directory.
_SECRET = 1 << 0 | 1 << 6 | 1 << 13

# The record at the end may carry a comment of this length.
TAIL_BYTES = _END.size + _MASK_16
# One file and what systems add beside it; a directory beyond this is not read.
_MOST_ENTRIES = 1_000
_LARGEST_DIRECTORY = 1 << 20
# Patron XML shrinks 40 to 160 times, the same record over and over up to 260 times, and deflate
# cannot do more than 1,032 times.
_HIGHEST_RATIO = 500
_HARMLESS = 16 << 20

_LITTER = (b".ds_store", b"thumbs.db", b"desktop.ini")

Read = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the file lies in the zip, from byte `start` to `end`, and what it must be unpacked."""

    start: int
    end: int
    method: int
    size: int
    crc: int


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the directory says of one entry; `offset` is that of its local header."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def find_end(tail: bytes) -> int | None:
    """Where in the last bytes of a file the record stands that ends a zip; None if it ends none.

    Only a record whose comment reaches exactly to the end counts: its four letters may also stand
    in what is compressed, or in the comment.
    """
    at = tail.rfind(_END_MARK)
    while at >= 0:
        if len(tail) - at >= _END.size:
            comment = _END.unpack_from(tail, at)[-1]
            if at + _END.size + comment == len(tail):
                return at
        at = tail.rfind(_END_MARK, 0, at + len(_END_MARK) - 1)
    return None


def find_entry(read: Read, size: int, max_size: int) -> Entry:
    """The one file in a zip of `size` bytes.

    `read` gives the bytes at an offset, at most so many, and none beyond the end.

    Raises:
        ZipRefused: if there is not exactly one file, if it cannot be unpacked, or if it would be
            larger than `max_size` bytes or swell beyond what patron files do.
        OSError: from reading.
    """
    start, length, count = _directory(read, size)
    if count > _MOST_ENTRIES or length > _LARGEST_DIRECTORY:
        raise ZipRefused(zip_faults.holds_too_many())
    listed = list(_listed(_exactly(read, start, length)))
    if len(listed) != count:
        raise ZipRefused(zip_faults.damaged())
    files = [entry for entry in listed if not _is_litter(entry.name)]
    if not files:
        raise ZipRefused(zip_faults.holds_nothing())
    if len(files) > 1:
        raise ZipRefused(zip_faults.holds_several(len(files)))
    _judge(files[0], max_size)
    return _locate(read, files[0], start)


def _directory(read: Read, size: int) -> tuple[int, int, int]:
    """Where the directory starts, its length in bytes, and how many entries it lists."""
    tail_start = max(0, size - TAIL_BYTES)
    tail = read(tail_start, TAIL_BYTES)
    at = find_end(tail)
    if at is None:
        raise ZipRefused(zip_faults.damaged())
    _, *numbers, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    # Some archivers write the record for large zips although the numbers fit without it.
    numbers, end = _wide_end(read, end) or (numbers, end)
    disk, first_disk, here, count, length, start = numbers
    # Right before the end, or it is the directory of a zip that another one was appended to.
    if disk or first_disk or here != count or start + length != end:
        raise ZipRefused(zip_faults.damaged())
    return start, length, count


def _wide_end(read: Read, end: int) -> tuple[list[int], int] | None:
    """The numbers in the record for large zips, if there is one before the last, and its place."""
    locator = read(max(0, end - _LOCATOR_64.size), _LOCATOR_64.size)
    if len(locator) != _LOCATOR_64.size or not locator.startswith(_LOCATOR_64_MARK):
        return None
    at = _LOCATOR_64.unpack(locator)[2]
    mark, _, _, _, *numbers = _END_64.unpack(_exactly(read, at, _END_64.size))
    return (numbers, at) if mark == _END_64_MARK else None


def _listed(directory: bytes) -> Iterator[_Listed]:
    at = 0
    while at < len(directory):
        if len(directory) - at < _CENTRAL.size:
            raise ZipRefused(zip_faults.damaged())
        mark, *fields = _CENTRAL.unpack_from(directory, at)
        _, _, flags, method, _, _, crc, packed, size, *lengths, _, _, _, offset = fields
        texts_at = at + _CENTRAL.size
        at = texts_at + sum(lengths)
        if mark != _CENTRAL_MARK or at > len(directory):
            raise ZipRefused(zip_faults.damaged())
        extra_at = texts_at + lengths[0]
        name = directory[texts_at:extra_at]
        extra = directory[extra_at : extra_at + lengths[1]]
        size, packed, offset = _widened(extra, size, packed, offset)
        yield _Listed(name, flags, method, crc, packed, size, offset)


def _widened(extra: bytes, *fields: int) -> tuple[int, ...]:
    """The fields, each that is masked replaced by its eight bytes in the extra field."""
    masked = fields.count(_MASK_32)
    wide = _wide_fields(extra) if masked else ()
    if len(wide) < masked:
        raise ZipRefused(zip_faults.damaged())
    following = iter(wide)
    return tuple(next(following) if field == _MASK_32 else field for field in fields)


def _wide_fields(extra: bytes) -> tuple[int, ...]:
    """The numbers of eight bytes in the part of the extra field that is for large zips."""
    while len(extra) >= _EXTRA_HEAD.size:
        kind, length = _EXTRA_HEAD.unpack_from(extra)
        part, extra = extra[_EXTRA_HEAD.size :][:length], extra[_EXTRA_HEAD.size + length :]
        if kind == _WIDE_FIELDS:
            return struct.unpack_from(f"<{len(part) // 8}Q", part)
    return ()


def _is_litter(name: bytes) -> bool:
    path = name.replace(b"\\", b"/").lower()
    base = path.rpartition(b"/")[2]
    return not base or path.startswith(b"__macosx/") or base.startswith(b"._") or base in _LITTER


def _judge(file: _Listed, max_size: int) -> None:
    if file.flags & _SECRET:
        raise ZipRefused(zip_faults.encrypted())
    if file.method not in (STORED, DEFLATED):
        raise ZipRefused(zip_faults.compressed_otherwise())
    if file.size > max_size:
        raise ZipRefused(zip_faults.too_large())
    if file.size > _HARMLESS and file.size > _HIGHEST_RATIO * file.packed:
        raise ZipRefused(zip_faults.swells())


def _locate(read: Read, file: _Listed, directory: int) -> Entry:
    mark, _, _, method, *_, name, extra = _LOCAL.unpack(_exactly(read, file.offset, _LOCAL.size))
    start = file.offset + _LOCAL.size + name + extra
    end = start + file.packed
    if mark != _LOCAL_MARK or method != file.method or end > directory:
        raise ZipRefused(zip_faults.damaged())
    return Entry(start, end, file.method, file.size, file.crc)


def _exactly(read: Read, offset: int, size: int) -> bytes:
    content = read(offset, size)
    if len(content) != size:
        raise ZipRefused(zip_faults.damaged())
    return content
