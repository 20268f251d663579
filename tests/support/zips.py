"""Zips as people and their tools make them, and as nobody should."""

import io
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from typing_extensions import override

NIGHT = (2026, 11, 23, 2, 0, 0)
NEXT_NIGHT = (2026, 11, 24, 2, 0, 0)
_LOCAL_METHOD, _CENTRAL_METHOD = 8, 10
_LOCAL_FLAGS, _CENTRAL_FLAGS = 6, 8
_CENTRAL_CRC, _CENTRAL_PACKED, _CENTRAL_SIZE, _CENTRAL_OFFSET = 16, 20, 24, 42


@dataclass(frozen=True)
class How:
    """How a zip is made: compression, moment, comment, and what lies beside the file."""

    method: int = zipfile.ZIP_DEFLATED
    at: tuple[int, int, int, int, int, int] = NIGHT
    comment: bytes = b""
    beside: Mapping[str, bytes] | None = None
    streamed: bool = False
    wide: bool = False


def zipped(content: bytes | str, name: str = "students.xml", how: How | None = None) -> bytes:
    """A zip that holds this file, behind whatever lies beside it."""
    how = how or How()
    made: BinaryIO = _Unseekable() if how.streamed else io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.comment = how.comment
        for other, text in (how.beside or {}).items():
            archive.writestr(zipfile.ZipInfo(other, how.at), text)
        info = zipfile.ZipInfo(name, how.at)
        info.compress_type = how.method
        with archive.open(info, "w", force_zip64=how.wide) as entry:
            entry.write(content.encode() if isinstance(content, str) else content)
    made.seek(0)
    return made.read()


def bare(names: int) -> bytes:
    """A zip of so many empty files."""
    return zipped("", "0.xml", How(beside={f"{number}.xml": b"" for number in range(1, names)}))


def with_method(archive: bytes, method: int) -> bytes:
    """The same, said to be compressed by another method."""
    return _patched(archive, _LOCAL_METHOD, _CENTRAL_METHOD, "<H", method)


def with_flags(archive: bytes, flags: int) -> bytes:
    """The same with these flags, such as 1 for a password."""
    return _patched(archive, _LOCAL_FLAGS, _CENTRAL_FLAGS, "<H", flags)


def with_sizes(archive: bytes, size: int | None = None, packed: int | None = None) -> bytes:
    """The same with a directory that lies about sizes."""
    for at, value in ((_CENTRAL_SIZE, size), (_CENTRAL_PACKED, packed)):
        if value is not None:
            archive = _patched(archive, None, at, "<L", value)
    return archive


def with_checksum(archive: bytes, crc: int) -> bytes:
    """The same with another checksum in its directory."""
    return _patched(archive, None, _CENTRAL_CRC, "<L", crc)


def with_offset(archive: bytes, offset: int) -> bytes:
    """The same with a directory that looks for its file elsewhere."""
    return _patched(archive, None, _CENTRAL_OFFSET, "<L", offset)


def _patched(archive: bytes, local: int | None, central: int, form: str, value: int) -> bytes:
    """Both headers of the last file changed."""
    changed = bytearray(archive)
    at = archive.rindex(b"PK\x01\x02")
    struct.pack_into(form, changed, at + central, value)
    if local is not None:
        start = struct.unpack_from("<L", archive, at + _CENTRAL_OFFSET)[0]
        struct.pack_into(form, changed, start + local, value)
    return bytes(changed)


class _Unseekable(io.BytesIO):
    """A pipe, as far as the archiver knows: sizes and checksum follow the file."""

    @override
    def tell(self) -> int:
        raise OSError("a pipe has no place")

    @override
    def seekable(self) -> bool:
        return False
