"""Find bytes that are not UTF-8, or that XML forbids, and guess how they came about.

Pure: works on blocks of bytes, whatever their size.
"""

import codecs
import re
from dataclasses import dataclass

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_DECLARATION = re.compile(rb"""<\?xml\s[^>]*?\bencoding\s*=\s*(["'])([^"'>]*)\1""")
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (b"\x00\x00\x00<", "UTF-32"),
    (b"<\x00\x00\x00", "UTF-32"),
    (b"\x00<", "UTF-16"),
    (b"<\x00", "UTF-16"),
)


@dataclass(frozen=True, slots=True)
class ByteFault:
    """A character that cannot stand in the file: its offset, its bytes, what it seems to be.

    `control` tells a character that XML forbids from bytes that are no UTF-8. `mixed` says that
    good UTF-8 beyond ASCII came before.
    """

    offset: int
    raw: bytes
    control: bool = False
    mixed: bool = False


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32, if the first bytes are of such a file."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def foreign_declaration(prolog: bytes) -> int | None:
    """Where an XML declaration at the start of `prolog` names another encoding than UTF-8."""
    found = _DECLARATION.match(prolog)
    if found is None or found[2].lower() == b"utf-8":
        return None
    return found.start(2)


class ByteWatch:
    """Looks at each byte once, up to the first fault.

    `mixed` says that good UTF-8 beyond ASCII came before the fault, or before `offset`.
    """

    def __init__(self, *, offset: int = 0, mixed: bool = False) -> None:
        self.fault: ByteFault | None = None
        self.mixed = mixed
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._at = offset  # of the next byte to come
        self._tail = b""  # of the block before, where U+FFFE may have begun

    @property
    def pending(self) -> bytes:
        """The beginning of a character whose end has not come yet."""
        return bytes(self._decoder.getstate()[0])

    def feed(self, block: bytes) -> None:
        """Look at the next block."""
        if self.fault is not None:
            return
        control, invalid = self._find_control(block), self._find_invalid(block)
        found = [fault for fault in (invalid, control) if fault is not None]
        self.fault = min(found, key=lambda fault: fault.offset, default=None)
        self._at += len(block)
        self._tail = (self._tail + block)[-2:]

    def _find_invalid(self, block: bytes) -> ByteFault | None:
        pending = self.pending
        try:
            text = self._decoder.decode(block)
        except UnicodeDecodeError as error:
            seen = pending + block
            self.mixed = self.mixed or not seen[: error.start].isascii()
            offset = self._at - len(pending) + error.start
            return ByteFault(offset, seen[error.start : error.end], mixed=self.mixed)
        self.mixed = self.mixed or not text.isascii()
        return None

    def _find_control(self, block: bytes) -> ByteFault | None:
        found = _CONTROL.search(self._tail + block)
        if found is None:
            return None
        return ByteFault(self._at - len(self._tail) + found.start(), found[0], control=True)


def as_windows_1252(raw: bytes) -> str | None:
    """The character that the first byte would be in Windows-1252, if there is one."""
    try:
        return raw[:1].decode("cp1252")
    except UnicodeDecodeError:
        return None


def guess(fault: ByteFault) -> str:
    """The likely story of bytes that are no UTF-8, as a sentence without a full stop."""
    first = fault.raw[0]
    if fault.raw.startswith(b"\xed"):
        return "it looks like half of a character pair, as a wrong UTF-16 conversion leaves it"
    if first in {0xC0, 0xC1}:
        return "it looks like the modified UTF-8 that some Java programs write"
    character = as_windows_1252(fault.raw)
    if character is None:
        return "it is no character in Windows-1252 either; the file may be damaged"
    story = f"it looks like Windows-1252, where this byte is \u201c{character}\u201d"
    if fault.mixed:
        return story + "; the text before is UTF-8, so two sources seem to be mixed"
    return story
