"""Find out where and why a document is not acceptable as a whole: a second, short look at it.

`refine.py` knows only that something is wrong and up to where all was well. Here every suspect is
asked for its place: the bytes, the well-formedness, the framing, the root. The earliest wins.
"""

import re
from dataclasses import dataclass

from sisdrop.model import Fatal
from sisdrop.records.encoding import ByteFault, ByteWatch, foreign_declaration, guess, wide_encoding
from sisdrop.records.framing import BOM, CONSTRUCTS, Ailment, Framer, Trouble
from sisdrop.records.place import (
    LONGEST_CHARACTER,
    Source,
    blocks,
    character,
    excerpt,
    locate,
    read,
)
from sisdrop.records.wellformed import TEXTS, Break, Cause, find_break
from sisdrop.records.zip_directory import ZIP_MARKS

_HEAD = 1024
_CONSTRUCT = re.compile(rb"<!--|<!\[CDATA\[|<\?")
_DECLARATIONS = (b"<!doctype", b"<!entity", b"<!element", b"<!attlist", b"<!notation")
_NOT_WELL_FORMED = "xml.not-well-formed"
_FORBIDDEN = "xml.forbidden-construct"
_TOO_LARGE = "xml.record-too-large"
_TRUNCATED = "xml.truncated"
_TAG_DROPPED = "The export dropped an end tag, or was cut and continued: export the file again."
_EXPORT_AGAIN = "The export or the copy broke off: export the file again."


@dataclass(frozen=True, slots=True)
class Fault:
    """One suspect's claim: a rule of the closed list, the place, and the words for it."""

    rule: str
    offset: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Stop:
    """What refine knew when it stopped.

    All before `good` is well-formed and `good` stands directly under the root whose start tag is
    `root_tag` (empty: `good` is 0, the beginning). `records` came before `good`. What is wrong is
    not after `until`, if that is known. `mixed` says that UTF-8 beyond ASCII came before what is
    no UTF-8. `fault` is what refine has found itself; `suspect` is
    where to point when no other place can be found.
    """

    good: int = 0
    root_tag: bytes = b""
    records: int = 0
    max_piece: int = 0
    mixed: bool = False
    until: int | None = None
    trouble: Trouble | None = None
    fault: Fault | None = None
    suspect: Fault = Fault(_NOT_WELL_FORMED, 0, *TEXTS[Cause.QUOTE])


def diagnose(source: Source, stop: Stop) -> Fatal:
    """The earliest fault in the file.

    Raises:
        OSError: from reading.
    """
    fault = _judge_head(source) or _judge_rest(source, stop)
    line, column = locate(source, fault.offset)
    raw = character(source, fault.offset)
    return Fatal(
        rule=fault.rule,
        line=line,
        column=column,
        offset=fault.offset,
        bytes_hex=raw.hex(),
        message=fault.message,
        hint=fault.hint,
        record=_record_at(source, stop, fault.offset),
        excerpt=excerpt(source, fault.offset, raw),
    )


def _record_at(source: Source, stop: Stop, offset: int) -> int | None:
    """The ordinal of the record that an offset is in, or that begins there."""
    if stop.trouble is not None and stop.trouble.record_offset == offset:
        return stop.trouble.record
    framer = Framer(stop.max_piece)
    framer.feed(stop.root_tag)
    for block in blocks(source, stop.good, offset):
        framer.feed(block)
    framer.close()
    record = framer.trouble.record if framer.trouble is not None else None
    return None if record is None else stop.records + record


def _judge_head(source: Source) -> Fault | None:
    head = read(source, 0, _HEAD)
    if head.startswith(ZIP_MARKS):
        return Fault(
            "zip.not-one-file",
            0,
            "There is another zip in the zip, not XML.",
            "Zip the XML file itself, once, or drop the XML itself.",
        )
    if wide := wide_encoding(head):
        message = f"The file is in {wide}, not UTF-8."
        return Fault("xml.encoding", 0, message, "Let the export write UTF-8.")
    shift = len(BOM) * head.startswith(BOM)
    return judge_declaration(head[shift:], shift)


def judge_declaration(prolog: bytes, offset: int) -> Fault | None:
    """Whether the XML declaration that begins at `offset` names another encoding than UTF-8."""
    declared = foreign_declaration(prolog)
    if declared is None:
        return None
    return Fault(
        "xml.encoding",
        offset + declared,
        "The XML declaration names another encoding than UTF-8.",
        'Let the export write UTF-8 and declare encoding="UTF-8"; changing the declaration '
        "alone is not enough.",
    )


def _judge_rest(source: Source, stop: Stop) -> Fault:
    if not stop.root_tag and _is_blank(source):
        message = "The file is empty." if not read(source, 0, 1) else "The file is blank."
        return Fault("xml.empty", 0, message, "The export wrote no records: run it again.")
    until = _end_of_search(stop)
    found = _find_break(source, stop, until)
    upto = until if found is None else found.offset + LONGEST_CHARACTER
    faults = [
        _from_bytes(source, stop, upto),
        stop.fault,
        _from_break(source, stop, found),
        _from_trouble(source, stop, found),
    ]
    # min keeps the first of equals: the most telling one stands first.
    claims = [fault for fault in faults if fault is not None]
    return min(claims, key=lambda fault: fault.offset, default=stop.suspect)


_AT_END = frozenset({Cause.ENDED, Cause.UNCLOSED})


def _end_of_search(stop: Stop) -> int | None:
    """Up to where a break counts."""
    trouble = stop.trouble
    # Behind a piece that is too large nothing does; expat would keep all of a comment in memory.
    if trouble is None or trouble.ailment is not Ailment.TOO_LARGE:
        return stop.until
    return trouble.offset + stop.max_piece


def _find_break(source: Source, stop: Stop, until: int | None) -> Break | None:
    found = find_break(stop.root_tag, blocks(source, stop.good, until))
    if found is None:
        return None
    found = Break(stop.good + found.offset, found.cause)
    if until is None or found.cause not in _AT_END:
        return found
    # A break where we stopped reading is none of the file's, unless nothing closes what is open.
    return found if stop.until is None and _is_never_closed(source, found.offset) else None


def _is_blank(source: Source) -> bool:
    return not any(block.removeprefix(BOM).strip() for block in blocks(source, 0))


def _from_bytes(source: Source, stop: Stop, upto: int | None) -> Fault | None:
    watch = ByteWatch(offset=stop.good, mixed=stop.mixed)
    for block in blocks(source, stop.good, upto):
        watch.feed(block)
        if watch.fault is not None:
            return _byte_fault(watch.fault)
    return None


def _byte_fault(fault: ByteFault) -> Fault:
    if fault.control:
        return Fault(
            "xml.control-character",
            fault.offset,
            f"The character U+{ord(fault.raw.decode()):04X} stands here, which XML forbids.",
            "Let the export drop control characters from names and addresses.",
        )
    return Fault(
        "xml.encoding",
        fault.offset,
        f"The bytes here are not UTF-8; {guess(fault)}.",
        "Let the export write UTF-8, and convert every field that goes into it.",
    )


def _from_break(source: Source, stop: Stop, found: Break | None) -> Fault | None:
    if found is None:
        return None
    if (forgotten := _forgotten_end(source, stop, found)) is not None:
        return forgotten
    if found.cause is Cause.ENDED or (
        found.cause is Cause.UNCLOSED and not _hides_the_end(source, found.offset)
    ):
        return _truncated(source, stop)
    rule = _NOT_WELL_FORMED
    if found.cause is Cause.CHARACTER_REFERENCE:
        rule = "xml.control-character"
    elif found.cause is Cause.QUOTE and read(source, found.offset - 2, 2) == b"<!":
        return _declaration(source, found.offset - 2)
    return Fault(rule, found.offset, *TEXTS[found.cause])


def _forgotten_end(source: Source, stop: Stop, found: Break) -> Fault | None:
    """A record that was not closed: where the next one begins inside it, or where the root ends."""
    trouble = stop.trouble
    if trouble is None or trouble.record_offset is None or found.offset < trouble.record_offset:
        return None
    if found.cause not in _AT_END | {Cause.MISMATCH}:
        return None
    if trouble.nested is not None and trouble.nested < found.offset:
        return _nested(source, trouble, trouble.nested)
    if read(source, found.offset, 8) == b"</users>":
        message = f"{_has_no_end(source, trouble)}, or an element in it has no end tag."
        return Fault(_NOT_WELL_FORMED, found.offset, message, _TAG_DROPPED)
    return None


def _nested(source: Source, trouble: Trouble, at: int) -> Fault:
    message = f"{_has_no_end(source, trouble)}: another <user> begins inside it."
    return Fault(_NOT_WELL_FORMED, at, message, _TAG_DROPPED)


def _has_no_end(source: Source, trouble: Trouble) -> str:
    line = locate(source, trouble.record_offset or 0)[0]
    return f"Record {trouble.record} at line {line} has no </user>"


def _hides_the_end(source: Source, offset: int) -> bool:
    """Whether a comment or the like opens here that swallows the root's end tag."""
    return bool(_CONSTRUCT.match(read(source, offset, 9))) and _holds(source, offset, b"</users")


def _is_never_closed(source: Source, offset: int) -> bool:
    """Whether a comment or the like opens here and nothing closes it."""
    opener = _CONSTRUCT.match(read(source, offset, 9))
    return opener is not None and not _holds(source, offset, CONSTRUCTS[opener[0]])


def _holds(source: Source, offset: int, word: bytes) -> bool:
    """Whether a word stands somewhere from an offset on."""
    tail = b""
    for block in blocks(source, offset):
        tail = tail[-len(word) :] + block
        if word in tail:
            return True
    return False


def _truncated(source: Source, stop: Stop) -> Fault:
    end = stop.good + sum(map(len, blocks(source, stop.good)))
    trouble = stop.trouble
    before = stop.records if trouble is None else trouble.complete
    message = "The file ends before its root element is closed"
    if trouble is not None and trouble.record is not None and trouble.record_offset is not None:
        line = locate(source, trouble.record_offset)[0]
        message = f"The file ends inside record {trouble.record}, which begins at line {line}"
    if before:
        message += f"; record {before} is complete"
    return Fault(_TRUNCATED, end, message + ".", _EXPORT_AGAIN)


def _from_trouble(source: Source, stop: Stop, found: Break | None) -> Fault | None:
    trouble = stop.trouble
    if trouble is None:
        return None
    if trouble.ailment is Ailment.DECLARATION:
        return _declaration(source, trouble.offset)
    if trouble.ailment is not Ailment.TOO_LARGE or found is not None:
        return None
    if trouble.nested is not None:
        return _nested(source, trouble, trouble.nested)
    what = "A record" if trouble.record is not None else "What stands here"
    return Fault(
        _TOO_LARGE,
        trouble.offset,
        f"{what} is larger than a record may be.",
        "Look for a missing end tag, or ask the operator to raise validation.max_record_size.",
    )


def _declaration(source: Source, offset: int) -> Fault:
    head = read(source, offset, 32).lower()
    if not head.startswith(_DECLARATIONS):
        return Fault(_NOT_WELL_FORMED, offset, *TEXTS[Cause.LESS_THAN])
    if head.startswith(b"<!doctype html"):
        hint = "It is a web page, perhaps an error page that was saved instead of the export."
    else:
        hint = "Let the export write no DOCTYPE: Alma needs none, and it can hide other files."
    return Fault(_FORBIDDEN, offset, "A DOCTYPE or entity declaration stands here.", hint)
