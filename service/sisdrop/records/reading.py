"""Take a file apart while it streams by: frame, check, judge, and pass on what is to be sent.

Blocks go in, XML to be sent comes out through `send`. At the first fault that condemns the whole
file it stops and says so in `stop`; `fatal.py` then finds the place.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sisdrop.records.check import (
    RESOURCE_LIMIT,
    Checker,
    Chunk,
    ChunkBroken,
    Root,
    parse,
    parse_under,
)
from sisdrop.records.encoding import ByteWatch
from sisdrop.records.fatal import Fault, Stop, judge_declaration
from sisdrop.records.framing import Closing, Epilog, Frame, Framer, Gap, Opening, Piece, Trouble
from sisdrop.records.judge import Judge
from sisdrop.records.roots import judge_root
from sisdrop.records.wellformed import TEXTS, Cause

_CHUNK = 512 << 10
# Bounds what libxml2 does per chunk: the path of each error walks all earlier siblings.
_CHUNK_RECORDS = 2_000
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True, slots=True)
class Beginning:
    """How the file begins and how what is sent begins: up to the end of the root's start tag."""

    opening: Opening
    prolog: bytes

    @property
    def end(self) -> int:
        """The offset after the root's start tag."""
        return self.opening.offset + len(self.opening.tag)


class Reading:
    """One pass over one file. Memory is bounded by one chunk and the register of identifiers."""

    def __init__(
        self, checker: Checker, max_record_size: int, send: Callable[[bytes], None]
    ) -> None:
        self.judge = Judge(checker)
        self.stop: Stop | None = None
        self.beginning: Beginning | None = None
        self._checker = checker
        self._send = send
        self._max_piece = max_record_size
        self._framer = Framer(max_record_size)
        self._watch = ByteWatch(thorough=False)
        self._chunk: Chunk | None = None
        self._good = 0
        self._records = 0

    def feed(self, block: bytes) -> None:
        """Take the next block of the file."""
        if self.stop is not None:
            return
        self._watch.feed(block)
        self._take(self._framer.feed(block))
        if self._watch.fault is not None:
            self._halt()

    def close(self) -> None:
        """Say that the file has ended."""
        if self.stop is None:
            self._take(self._framer.close())

    def _take(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if self.stop is None:
                self._take_one(piece)
        if self._framer.trouble is not None:
            self._halt(trouble=self._framer.trouble)

    def _take_one(self, piece: Piece) -> None:
        match piece:
            case Opening():
                self._open(piece)
            case Frame() | Gap():
                self._gather(piece)
            case Closing():
                self._end(piece)
            case Epilog():
                self._finish(piece)

    def _open(self, opening: Opening) -> None:
        end = b"" if opening.empty else b"</" + opening.name + b">"
        try:
            root = parse(opening.prolog + opening.tag + end)
        except ChunkBroken:
            self._halt(until=opening.offset + len(opening.tag))
            return
        if (fault := _judge_opening(opening, str(root.tag))) is not None:
            self._halt(fault=fault)
            return
        is_declared = opening.prolog[:6].rstrip() == b"<?xml"
        prolog = opening.prolog if is_declared else DECLARATION + opening.prolog
        self.beginning = Beginning(opening, prolog)
        bare = Root(opening.tag, end)
        issues = self._checker.check_root(bare, opening.line)
        self.judge.judge_root(issues)
        self._chunk = Chunk(Root(opening.tag, end, valid=not issues))
        self._good = self.beginning.end
        self._send(self.beginning.prolog + opening.tag)

    def _gather(self, piece: Frame | Gap) -> None:
        if self._chunk is None:
            return
        self._chunk.add(piece)
        if self._chunk.size >= _CHUNK or len(self._chunk.pieces) >= _CHUNK_RECORDS:
            self._flush()

    def _flush(self) -> None:
        chunk = self._chunk
        if chunk is None or not chunk.pieces:
            return
        try:
            checked = self._checker.check(chunk)
        except ChunkBroken as broken:
            self._halt(suspect=_suspect(chunk, broken.code), until=chunk.end)
            return
        self._send(self.judge.judge(chunk, checked))
        self._good = chunk.end
        self._records += len(chunk.frames)
        self._chunk = Chunk(chunk.root)

    def _end(self, closing: Closing) -> None:
        self._flush()
        if self.stop is not None:
            return
        if self._records == 0 and self.beginning is not None:
            message = "The file holds no records."
            hint = "The export found nobody: look at its selection, then run it again."
            offset = self.beginning.opening.offset
            self._halt(fault=Fault("xml.no-records", offset, message, hint))
            return
        self._send(closing.raw)

    def _finish(self, epilog: Epilog) -> None:
        try:
            parse(b"<users/>" + epilog.raw)
        except ChunkBroken:
            self._halt(suspect=Fault("xml.not-well-formed", epilog.offset, *TEXTS[Cause.JUNK]))
            return
        self._send(epilog.raw)

    def _halt(
        self,
        *,
        fault: Fault | None = None,
        suspect: Fault | None = None,
        until: int | None = None,
        trouble: Trouble | None = None,
    ) -> None:
        if self.stop is not None:
            return
        self.stop = Stop(
            good=self._good,
            root_tag=self.beginning.opening.tag if self.beginning is not None else b"",
            records=self._records,
            max_piece=self._max_piece,
            until=until if fault is None else fault.offset + 1,
            trouble=trouble,
            fault=fault,
            suspect=suspect or Fault("xml.not-well-formed", self._good, *TEXTS[Cause.QUOTE]),
        )


def _judge_opening(opening: Opening, tag: str) -> Fault | None:
    shift = opening.offset - len(opening.prolog)
    if (declared := judge_declaration(opening.prolog, shift)) is not None:
        return declared
    wrong = judge_root(tag)
    return Fault("xml.wrong-root", opening.offset, *wrong) if wrong else None


def _suspect(chunk: Chunk, code: int) -> Fault:
    """Where to point when expat has nothing against a chunk that libxml2 refused."""
    offset = chunk.pieces[0].offset
    for frame in chunk.frames:
        try:
            parse_under(chunk.root, frame.raw, 1)
        except ChunkBroken as broken:
            offset, code = frame.offset, broken.code
            break
    if code == RESOURCE_LIMIT:
        message = "A record holds a text of more than 10 MB, or elements nested too deeply."
        hint = "Look for a missing end tag, or for a field that holds a whole file."
        return Fault("xml.record-too-large", offset, message, hint)
    return Fault("xml.not-well-formed", offset, *TEXTS[Cause.QUOTE])
