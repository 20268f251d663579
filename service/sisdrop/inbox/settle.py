"""Whether a file on the share is complete: decided from looks at it, on our own clock.

The share's clock is never compared with ours, and a file's age is never its mtime: an old mtime
says nothing (copies keep it), and a size that stands still may only mean that the writer pauses.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from sisdrop.model import Signature
from sisdrop.records import zip_directory

# A root's name may stand behind a long comment; where it is not in the head, only the tail counts.
HEAD_BYTES = 65536
TAIL_BYTES = max(65536, zip_directory.TAIL_BYTES)
LOOKS_NEEDED = 2

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
# Possessive (`++`): what a hostile file holds must not make a match try the same bytes again.
_PROLOG = re.compile(rb"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_ROOT = re.compile(rb"<([^\s/>!?]++)(?:[^>\"']|\"[^\"]*+\"|'[^']*+')*?(/?)>")
_ROOT_BEGUN = re.compile(rb"<([^\s/>!?]++)\s")
_LAST_TAG = re.compile(rb"</([^\s<>]+)\s*>\Z")


class Shape(StrEnum):
    """What the beginning and the end of a file say about the whole."""

    COMPLETE = "complete"
    CONDEMNED = "condemned"
    INCOMPLETE = "incomplete"


class Standing(StrEnum):
    """What may be done with a file now."""

    READY = "ready"
    CHANGING = "changing"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Look:
    """What has been seen of one file: `since` is the monotonic time of its last change."""

    signature: Signature
    since: float
    looks: int
    shape: Shape | None = None


def observe(before: Look | None, signature: Signature, now: float) -> Look:
    """Add one look at a file: any change of size, mtime or inode starts the count anew."""
    if before is None or before.signature != signature:
        return Look(signature, now, 1)
    return Look(signature, before.since, before.looks + 1, before.shape)


def is_quiet(look: Look, now: float, settle: float) -> bool:
    """Whether the file has stood still for `settle` seconds over at least two looks."""
    return look.looks >= LOOKS_NEEDED and now - look.since >= settle


def standing(look: Look, now: float, settle: float, incomplete_after: float) -> Standing:
    """What may be done with a file; one whose shape is not known yet may still be changing.

    A file that begins well and lacks its end is waited for, then judged all the same, so that
    the report carries the true finding.
    """
    if look.shape is None or not is_quiet(look, now, settle):
        return Standing.CHANGING
    if look.shape is Shape.INCOMPLETE and now - look.since < incomplete_after:
        return Standing.INCOMPLETE
    return Standing.READY


def due_in(look: Look, now: float, settle: float) -> float:
    """Seconds until this file could be quiet, if nobody touches it; 0 when it is already."""
    return max(0.0, look.since + settle - now)


def judge_shape(head: bytes, tail: bytes) -> Shape:
    """What the first and the last `HEAD_BYTES`/`TAIL_BYTES` of a quiet file say about it.

    A file whose beginning already condemns it is not waited for. A zip is complete when the
    record that ends it stands where it must.
    """
    if head.startswith(zip_directory.ZIP_MARKS):
        return Shape.INCOMPLETE if zip_directory.find_end(tail) is None else Shape.COMPLETE
    if head.startswith(_UTF16):
        return Shape.CONDEMNED
    if head.startswith(b"\0") and not head.strip(b"\0"):
        return Shape.INCOMPLETE  # the writer reserved the room and has not filled it yet
    body = head.removeprefix(_BOM)
    prolog = _PROLOG.match(body)
    rest = body[prolog.end() if prolog else 0 :]
    if not rest:
        blank = not body.strip() and not tail.removeprefix(_BOM).strip()
        return Shape.CONDEMNED if blank else _judge_tail(None, tail)
    return _judge_root(rest, tail)


def _judge_root(rest: bytes, tail: bytes) -> Shape:
    if not rest.startswith(b"<") or rest.startswith(b"<!DOCTYPE"):
        return Shape.CONDEMNED
    root = _ROOT.match(rest)
    if root is not None and root[1] == b"users" and root[2]:
        return Shape.COMPLETE
    begun = root or _ROOT_BEGUN.match(rest)
    if begun is not None and begun[1] != b"users":
        return Shape.CONDEMNED
    return _judge_tail(begun[1] if begun else None, tail)


def _judge_tail(root: bytes | None, tail: bytes) -> Shape:
    last = _LAST_TAG.search(_without_epilog(tail))
    if last is not None and root in (None, last[1]):
        return Shape.COMPLETE
    return Shape.INCOMPLETE


def _without_epilog(tail: bytes) -> bytes:
    """The tail without the whitespace, comments and instructions that may follow the root."""
    while True:
        tail = tail.rstrip()
        opening = {b"-->": b"<!--", b"?>": b"<?"}
        begun = next((o for c, o in opening.items() if tail.endswith(c)), None)
        if begun is None or begun not in tail:
            return tail
        tail = tail[: tail.rindex(begun)]
