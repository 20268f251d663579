"""Who was in a file and what they had, without saying who: one sorted flat file of keyed digests.

Two rosters tell what a load changes, and one tells whether a person had a field, with none of the
patron data at hand. A line of JSON comes first: the format, the id of the key, the number of
entries, the names of fields and user groups. Then twenty-four bytes for each person of whom a
record is delivered, big-endian and sorted:

    8 bytes  digest of the person (keyed, of the comparable primary id)
    8 bytes  digest of the record's content (keyed)
    8 bytes  the high 16 bits are the number of the user group, the low 48 a mask of fields

The CRC-32 of all that, four bytes, ends it. No names and no identifiers are in it; group codes and
types of identifiers are as in the profile.
"""

import json
import mmap
import struct
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from typing_extensions import override

from sisdrop.durable import write_file, written
from sisdrop.errors import NeedsOperator, Reason

ROSTER = "roster.bin"
KEY = "roster.key"
KEY_BYTES = 32
MAX_FIELDS = 48
MAX_GROUPS = 1 << 16
_FORMAT = "sisdrop-roster/1"
_ENTRY = struct.Struct(">8s8sQ")
_WHOLE = struct.Struct(f"{_ENTRY.size}s")
_PERSON = 8
# As many groups as there may be, each with a code that nobody would type.
_LONGEST_HEADER = 16 << 20
_AT_ONCE = 4096 * _ENTRY.size
_BLOCK = 1 << 20
_CHECKSUM = 4

Entry = tuple[bytes, bytes, int]


class RosterUnusable(Exception):
    """The file is no roster, is damaged, or was made with another key."""


def load_key(data: Path, token: Callable[[int], bytes]) -> bytes:
    """The secret of this instance, 32 bytes; made by `token` at the first call.

    If killed here: the key is there whole, or not at all.

    Raises:
        NeedsOperator: `ledger_unusable` if what is there is no such key.
        OSError: if it can neither be read nor written.
    """
    path = data / KEY
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = token(KEY_BYTES)
        write_file(path, key)
    if len(key) != KEY_BYTES:
        raise NeedsOperator(
            Reason.LEDGER_UNUSABLE,
            f"{path} is damaged; restore it from the backup. Without it the next file of each"
            " stream cannot be compared person by person with the one before: if there is no"
            " backup, remove it",
        )
    return key


def key_id(key: bytes) -> str:
    """What tells rosters of one key from those of another, and says nothing of the key."""
    return blake2b(b"sisdrop roster", digest_size=8, key=key).hexdigest()


class RosterWriter:
    """Gathers entries in memory, 24 bytes for each, and writes them sorted.

    They are kept by the first byte of the person, so that only a part is sorted at a time.
    """

    def __init__(self, key: bytes) -> None:
        self._key_id = key_id(key)
        self._parts: list[bytes | bytearray] = [bytearray() for _ in range(256)]

    def add_all(
        self, people: Sequence[bytes], contents: Sequence[bytes], words: Sequence[int]
    ) -> None:
        """Take in records: parallel lists of digests of eight bytes, and of words."""
        parts, pack = self._parts, _ENTRY.pack
        for person, content, word in zip(people, contents, words, strict=True):
            parts[person[0]] += pack(person, content, word)

    def finish(self, path: Path, fields: Sequence[str], groups: Sequence[str]) -> None:
        """Write the roster; nothing may be added after.

        `fields` names the bits of a word, the lowest first, `groups` the numbers of user groups.
        Of several records of one person one is kept, whatever their order.

        If killed here: the complete roster under its name, or what was there before and perhaps a
        hidden temporary file beside it, which the next write of the same name replaces.

        Raises:
            ValueError: if there are more than 48 fields or 65,536 groups.
            OSError: when the disk says so; nothing is changed then.
        """
        if len(fields) > MAX_FIELDS or len(groups) > MAX_GROUPS:
            raise ValueError("more fields or groups than a roster has room for")
        for number, part in enumerate(self._parts):
            # One at a time takes the place of what it was made from.
            self._parts[number] = _sorted(part)
        header = {
            "format": _FORMAT,
            "key": self._key_id,
            "people": sum(map(len, self._parts)) // _ENTRY.size,
            "fields": list(fields),
            "groups": list(groups),
        }
        checksum = 0
        with written(path) as file:
            for part in (json.dumps(header).encode() + b"\n", *self._parts):
                checksum = zlib.crc32(part, checksum)
                file.write(part)
            file.write(checksum.to_bytes(_CHECKSUM, "big"))


def _sorted(part: bytes | bytearray) -> bytes:
    entries = sorted(entry for (entry,) in _WHOLE.iter_unpack(part))
    return b"".join({entry[:_PERSON]: entry for entry in entries}.values())


class _Header(NamedTuple):
    key_id: str
    people: int
    fields: tuple[str, ...]
    groups: tuple[str, ...]


class Roster:
    """A roster on disk. Close it when it is no longer needed.

    Memory does not grow with the file.

    Raises:
        RosterUnusable: if the file is not a whole roster of this format.
        OSError: if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_HEADER)
            try:
                header = _header(line)
            except (ValueError, RecursionError) as error:
                raise RosterUnusable(f"{path.name} is no roster of this version") from error
            self._count = header.people
            self._start = len(line)
            self._end = self._start + self._count * _ENTRY.size
            checksum = _checksum(file, self._end - self._start, zlib.crc32(line))
            if file.read(_CHECKSUM + 1) != checksum.to_bytes(_CHECKSUM, "big"):
                raise RosterUnusable(f"{path.name} is damaged")
            self._map = mmap.mmap(file.fileno(), self._end, access=mmap.ACCESS_READ)
        self.key_id, self.fields, self.groups = header.key_id, header.fields, header.groups

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @override
    def __repr__(self) -> str:
        return f"<roster of {self._count} people>"

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        """Person, content and word of each entry, sorted by person."""
        for at in range(self._start, self._end, _AT_ONCE):
            yield from _ENTRY.iter_unpack(self._map[at : min(at + _AT_ONCE, self._end)])

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def find(self, person: bytes) -> Entry | None:
        """The entry of a person, if the roster holds the person."""
        place = bisect_left(range(self._count), person, key=self._person)
        if place == self._count or self._person(place) != person:
            return None
        found: Entry = _ENTRY.unpack_from(self._map, self._start + place * _ENTRY.size)
        return found

    def fields_of(self, person: bytes) -> frozenset[str]:
        """The fields that a person had; none if the roster does not hold the person."""
        entry = self.find(person)
        return frozenset() if entry is None else frozenset(self.named(entry[2]))

    def named(self, word: int) -> list[str]:
        """The fields that a word names."""
        return [name for bit, name in enumerate(self.fields) if word >> bit & 1]

    def group(self, word: int) -> str:
        """The user group that a word names; empty for none."""
        number = word >> MAX_FIELDS
        return self.groups[number] if number < len(self.groups) else ""

    def _person(self, place: int) -> bytes:
        at = self._start + place * _ENTRY.size
        return self._map[at : at + _PERSON]


def _checksum(file: BinaryIO, size: int, checksum: int) -> int:
    """Go on with a checksum over so many bytes, or as many as there are."""
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        checksum = zlib.crc32(block, checksum)
        size -= len(block)
    return checksum


def _header(line: bytes) -> _Header:
    match json.loads(line):
        case {
            "format": format_,
            "key": str(key),
            "people": int(people),
            "fields": [*fields],
            "groups": [*groups],
        } if (
            format_ == _FORMAT
            and people >= 0
            and len(fields) <= MAX_FIELDS
            and all(isinstance(name, str) for name in (*fields, *groups))
        ):
            return _Header(key, people, tuple(fields), tuple(groups))
    raise ValueError(_FORMAT)
