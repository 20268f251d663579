"""Check a run of whole records: well-formed, valid, and what breaks the rules.

A chunk is `root start tag + records and what stands between + root end tag`, parsed as a document
of its own. That is exact, not heuristic. If each chunk is well-formed, what stands between its
root tags is balanced content; content after content is content again; so the whole file is
well-formed. If the file is not, some chunk is not. And a cut in the wrong place (at an end tag
inside a comment, say) leaves a chunk that does not parse, or one with another number of child
elements than frames: `ChunkBroken`, and the file is looked at again as a whole.

Nothing here remembers an earlier chunk, so chunks may be checked in any order.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from lxml import etree

from sisdrop.model import Severity
from sisdrop.profile import text_of
from sisdrop.records.framing import Frame, Gap
from sisdrop.records.roots import RECORD, ROOT
from sisdrop.records.rules import USER_GROUP, Rule, RuleSet
from sisdrop.records.schema import Schema
from sisdrop.records.schema_faults import (
    STRAY_TEXT,
    UNKNOWN_PLACE,
    SchemaFault,
    describe,
    place_of,
)

SCHEMA_RULE = "schema.invalid"
# Of what stands between records, all but comments and instructions (and whitespace) is text.
_NO_TEXT = re.compile(rb"<!--.*?-->|<\?.*?\?>|(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
# libxml2's code for a text of more than 10 MB, or elements nested too deeply.
RESOURCE_LIMIT = 114
# libxml2 keeps a line number in sixteen bits.
_MOST_LINES = 0xFFFF


class ChunkBroken(Exception):
    """A chunk is not well-formed, or was cut in the wrong place. `code` is libxml2's."""

    def __init__(self, code: int) -> None:
        super().__init__(f"libxml2 error {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with one record (or with what stands between): what, how bad, where."""

    rule: str
    severity: Severity
    message: str
    hint: str
    line: int
    element: str | None = None


@dataclass(frozen=True, slots=True)
class Root:
    """The root's start tag, the tag that ends it, and whether its attributes are valid."""

    tag: bytes
    end: bytes
    valid: bool = True


@dataclass(slots=True)
class Chunk:
    """Consecutive pieces under one root."""

    root: Root
    pieces: list[Frame | Gap] = field(default_factory=list)
    size: int = 0

    @property
    def frames(self) -> list[Frame]:
        """The records of the chunk."""
        return [piece for piece in self.pieces if isinstance(piece, Frame)]

    @property
    def gaps(self) -> list[Gap]:
        """What stands between them."""
        return [piece for piece in self.pieces if isinstance(piece, Gap)]

    @property
    def end(self) -> int:
        """The offset in the file after the last piece."""
        return self.pieces[-1].offset + len(self.pieces[-1].raw)

    def add(self, piece: Frame | Gap) -> None:
        """Append the next piece."""
        self.pieces.append(piece)
        self.size += len(piece.raw)


@dataclass(frozen=True, slots=True)
class Checked:
    """A chunk's records as elements, in order; issues by place in the chunk; ranges of text."""

    root: etree._Element
    issues: dict[int, list[Issue]]
    stray: list[tuple[Gap, int, int]]
    general: list[Issue]


def parse(document: bytes) -> etree._Element:
    """Parse one document without comments, instructions and entities; only elements are left.

    Raises:
        ChunkBroken: if it is not well-formed.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise ChunkBroken(getattr(error, "code", 0)) from None


def parse_under(root: Root, content: bytes, records: int) -> etree._Element:
    """Parse content under its root and make sure that it holds so many records.

    Raises:
        ChunkBroken: if it is not well-formed or holds another number of elements.
    """
    element = parse(root.tag + content + root.end)
    if len(element) != records:
        raise ChunkBroken(0)
    return element


@dataclass(frozen=True, slots=True)
class Checker:
    """What records are checked by. `key` keeps the digests of identifiers private to a run."""

    schema: Schema
    rules: RuleSet
    today: date = date.min
    key: bytes = b"sisdrop"

    def check_root(self, root: Root, line: int) -> list[Issue]:
        """What the schema says of the root's own attributes."""
        rule = self.rules.find(SCHEMA_RULE)
        if rule is None:
            return []
        entries = self._errors(parse(root.tag + root.end))
        return [_schema_issue(rule, describe(entry), line) for entry in entries]

    def check(self, chunk: Chunk) -> Checked:
        """Check one chunk.

        Raises:
            ChunkBroken: if it is not well-formed, or was cut in the wrong place.
        """
        content = b"".join(piece.raw for piece in chunk.pieces)
        frames = chunk.frames
        element = parse_under(chunk.root, content, len(frames))
        stray = [(gap, *span) for gap in chunk.gaps for span in stray_text(gap.raw)]
        issues = self._broken_rules(element, frames)
        if stray:
            _drop_text(element)
        for index, found in self._schema_issues(element, chunk, frames):
            issues.setdefault(index, []).append(found)
        for index, found in self._unknown_groups(element, frames):
            issues.setdefault(index, []).append(found)
        return Checked(element, issues, stray, self._text_issues(stray))

    def _schema_issues(
        self, element: etree._Element, chunk: Chunk, frames: list[Frame]
    ) -> list[tuple[int, Issue]]:
        """The schema's verdict: on all records at once if that can be told apart, else on each."""
        rule = self.rules.find(SCHEMA_RULE)
        if rule is None:
            return []
        if not chunk.root.valid:
            element.attrib.clear()
        entries = list(self._errors(element))
        places = [place for entry in entries if (place := place_of(entry)) is not None]
        above = chunk.root.tag.count(b"\n") + 1
        lines = sum(piece.raw.count(b"\n") for piece in chunk.pieces) + above if entries else 0
        if lines > _MOST_LINES or len(places) < len(entries):
            return [
                (index, issue)
                for index, frame in enumerate(frames)
                for issue in self._schema_issues_of(rule, chunk.root, frame)
            ]
        first = chunk.pieces[0].line - above
        return [
            (place, _schema_issue(rule, describe(entry), first + max(entry.line, above)))
            for place, entry in zip(places, entries, strict=True)
        ]

    def _schema_issues_of(self, rule: Rule, root: Root, frame: Frame) -> list[Issue]:
        """The schema's verdict on one record alone, so that no other record has a say in it."""
        element = parse_under(root, frame.raw, 1)
        if not root.valid:
            element.attrib.clear()
        if element[0].tag != RECORD:
            fault = SchemaFault(_plain(frame.name), UNKNOWN_PLACE, 0)
            return [_schema_issue(rule, fault, frame.line)]
        above = root.tag.count(b"\n") + 1
        faults = [describe(entry) for entry in self._errors(element)]
        return [_schema_issue(rule, f, frame.line + max(f.line - above, 0)) for f in faults]

    def _errors(self, element: etree._Element) -> Iterator[Any]:
        self.schema.validator.validate(element)
        # The stubs do not know that the log can be walked.
        log: Any = self.schema.validator.error_log
        return iter(log)

    def _text_issues(self, stray: list[tuple[Gap, int, int]]) -> list[Issue]:
        rule = self.rules.find(SCHEMA_RULE)
        if rule is None:
            return []
        fault = SchemaFault(ROOT, STRAY_TEXT, 0)
        return [
            _schema_issue(rule, fault, gap.line + gap.raw.count(b"\n", 0, start))
            for gap, start, _ in stray
        ]

    def _unknown_groups(
        self, element: etree._Element, frames: list[Frame]
    ) -> Iterator[tuple[int, Issue]]:
        rule = self.rules.find(USER_GROUP)
        if rule is None:
            return
        for index, record in enumerate(element):
            group = text_of(record.find("user_group"))
            if group and group not in self.rules.user_groups:
                yield index, issue_of(rule, frames[index].line)

    def _broken_rules(self, element: etree._Element, frames: list[Frame]) -> dict[int, list[Issue]]:
        issues: dict[int, list[Issue]] = {}
        broken = self.rules.broken(element)
        places = {record: index for index, record in enumerate(element)} if broken else {}
        for record, rule in broken:
            index = places[record]
            issues.setdefault(index, []).append(issue_of(rule, frames[index].line))
        return issues


def _schema_issue(rule: Rule, fault: SchemaFault, line: int) -> Issue:
    message = f"{fault.element} {fault.sentence}."
    return Issue(rule.id, rule.severity, message, rule.hint, line, fault.element)


def issue_of(rule: Rule, line: int) -> Issue:
    """That a record, beginning at `line`, breaks a rule."""
    return Issue(rule.id, rule.severity, rule.message, rule.hint, line)


def stray_text(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where text stands in a gap: from the first to after the last byte that is no space."""
    at = 0
    passed = [m.span() for m in _NO_TEXT.finditer(raw) if m[1] is None]
    for end, following in [*passed, (len(raw), len(raw))]:
        text = raw[at:end]
        if text.strip():
            yield at + len(text) - len(text.lstrip()), at + len(text.rstrip())
        at = following


def _drop_text(root: etree._Element) -> None:
    root.text = None
    for record in root:
        record.tail = None


def _plain(name: bytes) -> str:
    """An element's name without its prefix."""
    return name.decode("utf-8", "replace").rpartition(":")[2]
