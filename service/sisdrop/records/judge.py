"""Decide, record by record in the order of the file, what is delivered and what is left out.

The only part of the check that remembers earlier records. Touches no disk and no clock.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from sisdrop.errors import Broken, Reason
from sisdrop.model import Counts, Severity
from sisdrop.profile import Tally, text_of
from sisdrop.records.check import (
    SCHEMA_RULE,
    Checked,
    Checker,
    Chunk,
    ChunkBroken,
    Issue,
    issue_of,
    parse_under,
)
from sisdrop.records.duplicates import Identity, Register
from sisdrop.records.findings import Findings
from sisdrop.records.framing import Frame

SAME_PERSON = "alma.duplicate-primary-id"
TAKEN = "alma.duplicate-identifier"
REPEATED = "alma.identifier-repeated-in-record"


@dataclass(slots=True)
class Tallies:
    """Counts of records while they grow."""

    delivered: int = 0
    left_out: int = 0
    duplicates: int = 0
    warned: int = 0

    @property
    def frozen(self) -> Counts:
        """The counts as the model has them."""
        total = self.delivered + self.left_out + self.duplicates
        return Counts(total, self.delivered, self.left_out, self.duplicates, 0, self.warned)


@dataclass(slots=True)
class Cuts:
    """The byte ranges of the file that are left out, in order, sixteen bytes for each."""

    bounds: "array[int]" = field(default_factory=lambda: array("Q"))

    def __bool__(self) -> bool:
        return bool(self.bounds)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.bounds[::2], self.bounds[1::2], strict=True)

    def add(self, start: int, end: int) -> None:
        """Leave out the bytes from `start` up to `end`."""
        self.bounds.extend((start, end))


class Judge:
    """Judges chunk after chunk; `counts`, `findings`, `tally` and `cuts` grow on the way."""

    def __init__(self, checker: Checker) -> None:
        self.counts = Tallies()
        self.findings = Findings()
        self.tally = Tally(checker.today)
        self.cuts = Cuts()
        self._same_person = checker.rules.find(SAME_PERSON)
        self._taken = checker.rules.find(TAKEN)
        self._repeated = checker.rules.find(REPEATED)
        self._schema = checker.rules.find(SCHEMA_RULE)
        returning = self._same_person is None or self._same_person.severity != Severity.ERROR
        self._register = Register(checker.key, same_person_may_return=returning)
        self._root_is_bad = False

    def judge_root(self, issues: list[Issue]) -> None:
        """Note what is wrong with the root: with an error there, nothing can be delivered."""
        for issue in issues:
            self.findings.add(issue, None)
        self._root_is_bad = any(issue.severity == Severity.ERROR for issue in issues)

    def judge(self, chunk: Chunk, checked: Checked) -> bytes:
        """Judge the records of the next chunk; gives the bytes to be sent for it.

        Raises:
            Broken: if what is left after cutting is no XML any more (our bug, never the file's).
        """
        frames = chunk.frames
        cut = self._cut_text(checked)
        for index, (frame, record) in enumerate(zip(frames, list(checked.root), strict=True)):
            if not self._is_delivered(frame, record, checked.issues.get(index, [])):
                cut.append((frame.offset, frame.offset + len(frame.raw)))
                checked.root.remove(record)
        self.tally.add(checked.root)
        cut.sort()
        for start, end in cut:
            self.cuts.add(start, end)
        content = _without(cut, chunk)
        if cut:
            _prove(chunk, content, len(checked.root))
        return content

    def _cut_text(self, checked: Checked) -> list[tuple[int, int]]:
        for issue in checked.general:
            self.findings.add(issue, None)
        if self._schema is None or self._schema.severity != Severity.ERROR:
            return []
        return [(gap.offset + start, gap.offset + end) for gap, start, end in checked.stray]

    def _is_delivered(self, frame: Frame, record: etree._Element, issues: list[Issue]) -> bool:
        identity = _identity(record)
        is_duplicate = self._register.meet(identity)
        issues = [*issues, *self._identity_issues(frame, identity, is_duplicate)]
        for issue in issues:
            self.findings.add(issue, frame.ordinal, text_of(record.find("primary_id")))
        errors = {issue.rule for issue in issues if issue.severity == Severity.ERROR}
        if SAME_PERSON in errors:
            self.counts.duplicates += 1
            return False
        if errors or self._root_is_bad:
            self.counts.left_out += 1
            return False
        self.counts.delivered += 1
        self.counts.warned += bool(issues)
        self._register.keep(identity)
        return True

    def _identity_issues(
        self, frame: Frame, identity: Identity, is_duplicate: bool
    ) -> Iterator[Issue]:
        if is_duplicate and self._same_person is not None:
            yield issue_of(self._same_person, frame.line)
            if self._same_person.severity == Severity.ERROR:
                return
        if self._repeated is not None and identity.repeats:
            yield issue_of(self._repeated, frame.line)
        if self._taken is not None and self._register.is_taken(identity):
            yield issue_of(self._taken, frame.line)


def _identity(record: etree._Element) -> Identity:
    primary: str | None = None
    others: list[str | None] = []
    for child in record.iterchildren("primary_id", "user_identifiers"):
        if child.tag == "primary_id":
            primary = child.text
        else:
            identifiers = child.iterchildren("user_identifier")
            others += [value.text for one in identifiers for value in one.iterchildren("value")]
    return Identity.of(primary, others)


def _without(cut: list[tuple[int, int]], chunk: Chunk) -> bytes:
    content = b"".join(piece.raw for piece in chunk.pieces)
    if not cut:
        return content
    base = chunk.pieces[0].offset
    kept, at = [], 0
    for start, end in cut:
        kept.append(content[at : start - base])
        at = end - base
    return b"".join((*kept, content[at:]))


def _prove(chunk: Chunk, content: bytes, records: int) -> None:
    """Well-formed by test, not by hope."""
    try:
        parse_under(chunk.root, content, records)
    except ChunkBroken:
        raise Broken(
            Reason.INTERNAL_ERROR, "leaving out records broke the XML; the file was not sent"
        ) from None
