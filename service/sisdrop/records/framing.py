"""Cut a stream of bytes into the root's start tag, its records and what stands between them.

In well-formed XML a raw `<` is always markup, except inside comments, CDATA sections and
processing instructions; `>` may also stand inside a quoted attribute value. The framer lexes
exactly that much. It does not decide what is well-formed: `check.py` parses what is cut here.

Offsets are bytes from the start of the file as dropped; lines and ordinals count from 1.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

BOM = b"\xef\xbb\xbf"
# A record of more tags and attributes than this is refused like one of too many bytes, and so is
# a gap of more comments: libxml2 walks all earlier siblings for the path of each error, which is
# quadratic, and each text between comments is an error.
MAX_MARKUP = 20_000
# It is parsed again with each chunk.
_LARGEST_ROOT_TAG = 64 << 10

_ATTRIBUTES = rb"""[^<>"']*+(?:"[^<"]*+"[^<>"']*+|'[^<']*+'[^<>"']*+)*+"""
_NAME = rb"""[^\s<>/!?=&"']++"""
_START_TAG = re.compile(rb"<(" + _NAME + rb")(" + _ATTRIBUTES + rb")>")
_PART_OF_START_TAG = re.compile(rb"<(?:" + _NAME + _ATTRIBUTES + rb"""(?:"[^<"]*+|'[^<']*+)?)?\Z""")
_END_TAG = re.compile(rb"</(" + _NAME + rb")\s*>")
_PART_OF_END_TAG = re.compile(rb"</(?:" + _NAME + rb"\s*)?\Z")
# What may hold anything, and what ends it.
CONSTRUCTS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_LONGEST_OPENER = 9


class Ailment(Enum):
    """Why the framer could not go on."""

    DECLARATION = auto()  # `<!` that is neither comment nor CDATA: a DOCTYPE or the like
    MARKUP = auto()  # a tag that is none, or the end tag of something else
    TEXT = auto()  # text before the root or anything but comments after it
    TOO_LARGE = auto()  # one record, gap, prolog, root tag or epilog is beyond its limit
    ENDED = auto()  # the bytes ended before the root did


@dataclass(frozen=True, slots=True)
class Opening:
    """The root's start tag and all that stands before it, the BOM left out of `prolog`."""

    offset: int
    line: int
    prolog: bytes
    tag: bytes
    name: bytes
    empty: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One child element of the root: a record, whatever its name."""

    ordinal: int
    offset: int
    line: int
    name: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """What stands between two records: whitespace, comments, instructions, stray text."""

    offset: int
    line: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Closing:
    """The root's end tag; empty when the root was `<users/>`."""

    offset: int
    line: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Epilog:
    """What follows the root: whitespace, comments, instructions. Only at the end of the bytes."""

    offset: int
    line: int
    raw: bytes


Piece = Opening | Frame | Gap | Closing | Epilog


@dataclass(frozen=True, slots=True)
class Trouble:
    """Where and why framing stopped, and the record it stopped in (`nested`: see `Framer`).

    `complete` is how many records came before.
    """

    ailment: Ailment
    offset: int
    record: int | None = None
    record_offset: int | None = None
    nested: int | None = None
    complete: int = 0


class _Stage(Enum):
    PROLOG = auto()
    BODY = auto()
    RECORD = auto()
    EPILOG = auto()


class _StoppedError(Exception):
    def __init__(self, ailment: Ailment, at: int) -> None:
        self.ailment = ailment
        self.at = at


@lru_cache(maxsize=64)
def _tokens(name: bytes) -> re.Pattern[bytes]:
    """The openers that matter inside an element of this name."""
    return re.compile(rb"<(?:!--|!\[CDATA\[|\?|/?" + re.escape(name) + rb"(?=[\s/>]))")


def is_crowded_record(content: bytes, start: int, end: int, most: int = MAX_MARKUP) -> bool:
    """Whether a record holds more tags and attributes than it may, or than `most`."""
    # What is too short for so many is not looked at: `<a></a>` is the shortest two.
    return end - start > 3 * most and _counted(content, start, end, b"<", b"=") > most


def holds_crowded_record(
    content: bytes, spans: Iterable[tuple[int, int]], most: int = MAX_MARKUP
) -> bool:
    """Whether one of the records is crowded."""
    large = [(start, end) for start, end in spans if end - start > 3 * most]
    return any(is_crowded_record(content, start, end, most) for start, end in large)


def is_crowded_gap(content: bytes, start: int, end: int) -> bool:
    """Whether a gap holds more comments, instructions and CDATA sections than it may."""
    return end - start > 3 * MAX_MARKUP and _counted(content, start, end, b"<!", b"<?") > MAX_MARKUP


def _counted(content: bytes, start: int, end: int, *marks: bytes) -> int:
    return sum(content.count(mark, start, end) for mark in marks)


class Framer:
    """Takes blocks of any size, gives pieces; the pieces do not depend on the blocks.

    `trouble` is set when it can go no further; from then on it gives nothing. The offset of the
    first element inside a record that bears the record's own name is kept as `nested`: in broken
    files it tells where an end tag was forgotten.
    """

    def __init__(self, max_piece: int) -> None:
        self.trouble: Trouble | None = None
        self.root: bytes | None = None
        self.ordinal = 0
        self._max_piece = max_piece
        self._stage = _Stage.PROLOG
        self._buffer = b""
        self._base = 0  # file offset of the buffer's first byte
        self._start = 0  # where the current piece begins
        self._at = 0  # no token begins between _start and here that was not seen
        self._line = 1  # the line of _start
        self._name = b""
        self._depth = 0
        self._nested: int | None = None

    @property
    def closed(self) -> bool:
        """Whether the root's end tag has been seen."""
        return self._stage is _Stage.EPILOG

    @property
    def at_rest(self) -> bool:
        """Whether all bytes so far were whole records and what stands between them."""
        return self._stage is _Stage.BODY and self._start == len(self._buffer)

    @property
    def offset(self) -> int:
        """How many bytes have been cut into pieces."""
        return self._base + self._start

    @property
    def lines(self) -> int:
        """How many line breaks were in them."""
        return self._line - 1

    def skip(self, length: int, lines: int, records: int) -> None:
        """Pass over whole records that somebody else has looked at; only at rest."""
        self._base += len(self._buffer) + length
        self._buffer = b""
        self._start = self._at = 0
        self._line += lines
        self.ordinal += records

    def feed(self, block: bytes) -> list[Piece]:
        """Take the next block and give the pieces that are complete by now."""
        if self.trouble is not None:
            return []
        self._buffer = self._buffer[self._start :] + block
        self._base += self._start
        self._at -= self._start
        self._start = 0
        return list(self._cut())

    def close(self) -> list[Piece]:
        """Say that no more bytes will come; gives the epilog, or sets `trouble`."""
        if self.trouble is not None:
            return []
        if not self.closed or self._at < len(self._buffer):
            at = self._start if self.closed else len(self._buffer)
            self.trouble = self._diagnose(Ailment.ENDED, at)
            return []
        return [Epilog(self._base + self._start, self._line, self._buffer[self._start :])]

    def _cut(self) -> Iterator[Piece]:
        steps = {
            _Stage.PROLOG: self._in_prolog,
            _Stage.BODY: self._in_body,
            _Stage.RECORD: self._in_record,
            _Stage.EPILOG: self._in_epilog,
        }
        try:
            while (pieces := steps[self._stage]()) is not None:
                yield from pieces
            self._check_size(len(self._buffer))
        except _StoppedError as stop:
            self.trouble = self._diagnose(stop.ailment, stop.at)

    def _diagnose(self, ailment: Ailment, at: int) -> Trouble:
        start = self._base + self._start
        if self._stage is _Stage.RECORD:
            before = self.ordinal - 1
            return Trouble(ailment, self._base + at, self.ordinal, start, self._nested, before)
        if ailment is Ailment.TOO_LARGE and self._begins_record():
            following = self.ordinal + 1
            return Trouble(ailment, self._base + at, following, start, complete=self.ordinal)
        return Trouble(ailment, self._base + at, complete=self.ordinal)

    def _begins_record(self) -> bool:
        """Whether the current piece begins with the start tag of a record."""
        head = self._buffer[self._start : self._start + 2]
        return self._stage is _Stage.BODY and head[:1] == b"<" and head[1:] not in b"!?/"

    @property
    def _bound(self) -> int:
        """Up to where one looks, so that it makes no difference how much of the rest is there."""
        return self._start + self._max_piece + 1

    def _in_prolog(self) -> list[Piece] | None:
        if self._base == 0 and self._at == 0:
            if len(self._buffer) < len(BOM) and BOM.startswith(self._buffer):
                return None
            self._at = len(BOM) if self._buffer.startswith(BOM) else 0
        at = self._find_tag(allow_text=False)
        if at is None or (tag := self._match_start(at)) is None:
            return None
        if tag.end() - at > _LARGEST_ROOT_TAG:
            raise _StoppedError(Ailment.TOO_LARGE, at)
        prolog = self._buffer[self._start : at]
        offset, line = self._base + at, self._line + prolog.count(b"\n")
        self.root, empty = tag[1], tag[2].endswith(b"/")
        opening = Opening(offset, line, prolog.removeprefix(BOM), tag[0], tag[1], empty)
        self._take(tag.end(), _Stage.EPILOG if empty else _Stage.BODY)
        closing = [Closing(self._base + self._start, self._line, b"")] if empty else []
        return [opening, *closing]

    def _in_body(self) -> list[Piece] | None:
        at = self._find_tag(allow_text=True)
        if at is None or at + 1 >= len(self._buffer):
            return None
        if at > self._start:
            self._check_size(at)
            if is_crowded_gap(self._buffer, self._start, at):
                raise _StoppedError(Ailment.TOO_LARGE, self._start)
            gap = Gap(self._base + self._start, self._line, self._take(at, _Stage.BODY))
            return [gap]
        if self._buffer[at + 1] == ord("/"):
            return self._end_root(at)
        return self._start_record(at)

    def _end_root(self, at: int) -> list[Piece] | None:
        tag = self._match_end(at)
        if tag is None:
            return None
        if tag[1] != self.root:
            raise _StoppedError(Ailment.MARKUP, at)
        offset, line = self._base + at, self._line
        return [Closing(offset, line, self._take(tag.end(), _Stage.EPILOG))]

    def _start_record(self, at: int) -> list[Piece] | None:
        tag = self._match_start(at)
        if tag is None:
            return None
        self.ordinal += 1
        self._name, self._nested = tag[1], None
        self._stage, self._depth, self._at = _Stage.RECORD, 1, tag.end()
        return [self._end_record(tag.end())] if tag[2].endswith(b"/") else []

    def _in_record(self) -> list[Piece] | None:
        search = _tokens(self._name).search
        while (token := search(self._buffer, self._at, self._bound)) is not None:
            self._at = token.start()
            end = self._pass_token(token.group())
            if end is None:
                return None
            if self._depth == 0:
                return [self._end_record(end)]
            self._at = end
        held_back = max(len(self._name) + 3, _LONGEST_OPENER)
        self._at = max(self._at, len(self._buffer) - held_back)
        return None

    def _pass_token(self, token: bytes) -> int | None:
        """The end of the construct or tag at `_at`; depth follows. None: not complete yet."""
        for opener, closer in CONSTRUCTS.items():
            if token == opener:
                return self._after(closer, self._at + len(opener))
        if token.startswith(b"</"):
            end = self._match_end(self._at)
            self._depth -= end is not None
            return end and end.end()
        tag = self._match_start(self._at)
        # An empty one ends where it begins, so it tells of no end tag.
        if tag is not None and not tag[2].endswith(b"/"):
            self._nested = self._base + self._at if self._nested is None else self._nested
            self._depth += 1
        return tag and tag.end()

    def _end_record(self, end: int) -> Frame:
        start = self._start
        # It has its end tag, so none was forgotten.
        self._nested = None
        self._check_size(end)
        if is_crowded_record(self._buffer, start, end):
            raise _StoppedError(Ailment.TOO_LARGE, start)
        offset, line = self._base + start, self._line
        return Frame(self.ordinal, offset, line, self._name, self._take(end, _Stage.BODY))

    def _in_epilog(self) -> list[Piece] | None:
        if self._find_tag(allow_text=False) is not None:
            raise _StoppedError(Ailment.TEXT, self._at)
        return None

    def _find_tag(self, *, allow_text: bool) -> int | None:
        """Where the next tag begins, past comments and instructions. None: more is needed."""
        bound = self._bound
        while (at := self._buffer.find(b"<", self._at, bound)) >= 0:
            self._refuse_text(at, allow_text=allow_text)
            self._at = at
            head = self._buffer[at : min(at + _LONGEST_OPENER, bound)]
            closer = next((c for o, c in CONSTRUCTS.items() if head.startswith(o)), None)
            if closer is None:
                return self._judge_opener(at, head)
            if closer == b"]]>" and not allow_text:
                raise _StoppedError(Ailment.TEXT, at)
            opener = next(o for o, c in CONSTRUCTS.items() if c == closer)
            end = self._after(closer, at + len(opener))
            if end is None:
                return None
            self._at = end
        end = min(len(self._buffer), bound)
        self._refuse_text(end, allow_text=allow_text)
        self._at = end
        return None

    def _judge_opener(self, at: int, head: bytes) -> int | None:
        if not head.startswith(b"<!") and head != b"<":
            return at
        if any(opener.startswith(head) for opener in CONSTRUCTS):
            return None
        raise _StoppedError(Ailment.DECLARATION, at)

    def _refuse_text(self, end: int, *, allow_text: bool) -> None:
        if allow_text:
            return
        between = self._buffer[self._at : end]
        if between.strip():
            raise _StoppedError(Ailment.TEXT, self._at + len(between) - len(between.lstrip()))

    def _after(self, closer: bytes, at: int) -> int | None:
        found = self._buffer.find(closer, at, self._bound)
        return None if found < 0 else found + len(closer)

    def _match_start(self, at: int) -> re.Match[bytes] | None:
        tag = _START_TAG.match(self._buffer, at, self._bound)
        if tag is None and not _PART_OF_START_TAG.match(self._buffer, at, self._bound):
            raise _StoppedError(Ailment.MARKUP, at)
        return tag

    def _match_end(self, at: int) -> re.Match[bytes] | None:
        tag = _END_TAG.match(self._buffer, at, self._bound)
        if tag is None and not _PART_OF_END_TAG.match(self._buffer, at, self._bound):
            raise _StoppedError(Ailment.MARKUP, at)
        return tag

    def _take(self, end: int, stage: _Stage) -> bytes:
        """Let the current piece end here and give its bytes."""
        self._check_size(end)
        raw = self._buffer[self._start : end]
        self._line += raw.count(b"\n")
        self._start = self._at = end
        self._stage = stage
        return raw

    def _check_size(self, end: int) -> None:
        if end - self._start > self._max_piece:
            raise _StoppedError(Ailment.TOO_LARGE, self._start)
