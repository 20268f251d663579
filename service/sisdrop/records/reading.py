"""Take a file apart while it streams by: frame, check, judge, and pass on what is to be sent.

Blocks go in, XML to be sent comes out through `send`. At the first fault that condemns the whole
file it stops and says so in `stop`; `fatal.py` then finds the place.

With a crew, slices are checked ahead of time. A slice is what the framer would have cut if the
framer stood between two records where it begins, and it parses under the root; else the framer
looks at it, and at what follows until it stands between two records again. So both ways find the
same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Self

from sisdrop.precedence import Precedence
from sisdrop.records.check import MOST_RECORDS, Checked, Checker
from sisdrop.records.chunk import (
    RESOURCE_LIMIT,
    Chunk,
    ChunkBroken,
    Root,
    parse,
    parse_under,
)
from sisdrop.records.crew import Crew, Slicer
from sisdrop.records.fatal import Fault, Stop, judge_declaration
from sisdrop.records.framing import Closing, Epilog, Frame, Framer, Gap, Opening, Piece, Trouble
from sisdrop.records.judge import Earlier, Judge, Place
from sisdrop.records.roots import judge_root
from sisdrop.records.wellformed import TEXTS, Cause

_CHUNK = 256 << 10
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True, slots=True)
class Beginning:
    """How the file begins and how what is sent begins: up to the end of the root's start tag."""

    opening: Opening
    prolog: bytes

    @classmethod
    def of(cls, opening: Opening) -> Self:
        """A file begins like this; what is sent has a declaration in any case."""
        is_declared = opening.prolog[:6].rstrip() == b"<?xml"
        return cls(opening, opening.prolog if is_declared else DECLARATION + opening.prolog)

    @property
    def end(self) -> int:
        """The offset after the root's start tag."""
        return self.opening.offset + len(self.opening.tag)


Observer = Callable[[Checked, Place, list[int]], None]


class Reading:
    """One pass over one file. Memory is bounded by some chunks and the register of identifiers.

    `observe` is told of each chunk, where it stands, and which of its records are delivered;
    `earlier` is what was sent last, where what is missing must not erase it, `precedence` says who
    is left to other streams.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one pass feeds all who look on
        self,
        checker: Checker,
        max_record_size: int,
        send: Callable[[bytes], None],
        crew: Crew | None = None,
        observe: Observer = lambda *_: None,
        earlier: Earlier | None = None,
        precedence: Precedence | None = None,
    ) -> None:
        self.judge = Judge(checker, earlier, precedence)
        self.stop: Stop | None = None
        self.beginning: Beginning | None = None
        self._checker = checker
        self._send = send
        self._crew = crew
        self._observe = observe
        self._max_piece = max_record_size
        self._framer = Framer(max_record_size)
        self._slicer = Slicer(max_record_size)
        self._root: Root | None = None
        self._gathered: list[Frame | Gap] = []
        self._size = 0  # of what is gathered
        self._good = 0
        self._records = 0
        self._mixed = False  # whether what is good holds more than ASCII

    def feed(self, block: bytes) -> None:
        """Take the next block of the file."""
        if self.stop is not None:
            return
        if self._crew is None or self._root is None:
            self._take(self._framer.feed(block))
        elif (content := self._slicer.feed(block)) is not None:
            self._crew.give(self._root, content)
            if self._crew.is_full:
                self._settle(*self._crew.take())

    def close(self) -> None:
        """Say that the file has ended."""
        self._catch_up()
        if self.stop is None:
            self._take(self._framer.close())

    def _catch_up(self) -> None:
        """Bring the framer to the end of all bytes so far."""
        while self._crew is not None and not self._crew.is_idle:
            self._settle(*self._crew.take())
        if self.stop is None:
            self._take(self._framer.feed(self._slicer.rest))
        self._slicer.rest = b""

    def _settle(self, content: bytes, checked: Checked | None) -> None:
        """Pass on a slice that was checked ahead, or have the framer look at it."""
        if self.stop is not None:
            return
        if checked is None or not self._framer.at_rest or self._is_too_large(checked.chunk):
            self._take(self._framer.feed(content))
            return
        self._flush()
        if self.stop is None:
            framer = self._framer
            self._pass(checked, Place(framer.offset, framer.lines, framer.ordinal))
            framer.skip(len(content), checked.lines, len(checked.traits))

    def _is_too_large(self, chunk: Chunk) -> bool:
        """Whether a piece is in it that the framer would stop at."""
        return len(chunk.content) > self._max_piece and any(
            end - start > self._max_piece for start, end in chain(chunk.spans, chunk.gaps)
        )

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
        self.beginning = Beginning.of(opening)
        issues = self._checker.check_root(Root(opening.tag, end))
        self.judge.judge_root(issues, opening.line)
        self._root = Root(opening.tag, end, valid=not issues)
        self._good = self.beginning.end
        self._send(self.beginning.prolog + opening.tag)

    def _gather(self, piece: Frame | Gap) -> None:
        self._gathered.append(piece)
        self._size += len(piece.raw)
        if self._size >= _CHUNK or len(self._gathered) >= MOST_RECORDS:
            self._flush()

    def _flush(self) -> None:
        if self._root is None or not self._gathered:
            return
        chunk, place = _chunk(self._root, self._gathered)
        self._gathered, self._size = [], 0
        try:
            checked = self._checker.check(chunk)
        except ChunkBroken as broken:
            # One byte more: that an ampersand stands alone shows in what follows.
            until = place.offset + len(chunk.content) + 1
            self._halt(suspect=_suspect(chunk, place, broken.code), until=until)
            return
        self._pass(checked, place)

    def _pass(self, checked: Checked, place: Place) -> None:
        content, kept = self.judge.judge(checked, place)
        self._send(content)
        self._observe(checked, place, kept)
        self._good = place.offset + len(checked.chunk.content)
        self._mixed = self._mixed or not checked.chunk.content.isascii()
        self._records += len(checked.traits)

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
            mixed=self._mixed,
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


def _chunk(root: Root, pieces: list[Frame | Gap]) -> tuple[Chunk, Place]:
    first = pieces[0]
    frames = [piece for piece in pieces if isinstance(piece, Frame)]
    spans = tuple(
        (frame.offset - first.offset, frame.offset - first.offset + len(frame.raw))
        for frame in frames
    )
    chunk = Chunk(root, b"".join(piece.raw for piece in pieces), spans)
    return chunk, Place(first.offset, first.line - 1, frames[0].ordinal - 1 if frames else 0)


def _suspect(chunk: Chunk, place: Place, code: int) -> Fault:
    """Where to point when expat has nothing against a chunk that libxml2 refused."""
    offset = place.offset
    for start, end in chunk.spans:
        try:
            parse_under(chunk.root, chunk.content[start:end], 1)
        except ChunkBroken as broken:
            offset, code = place.offset + start, broken.code
            break
    if code == RESOURCE_LIMIT:
        message = "A record holds a text of more than 10 MB, or elements nested too deeply."
        hint = "Look for a missing end tag, or for a field that holds a whole file."
        return Fault("xml.record-too-large", offset, message, hint)
    return Fault("xml.not-well-formed", offset, *TEXTS[Cause.QUOTE])
