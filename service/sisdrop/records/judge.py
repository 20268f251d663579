"""Decide, record by record in the order of the file, what is delivered and what is left out.

The only part of the check that remembers earlier records. Touches no disk and no clock.
"""

from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from sisdrop.errors import Broken, Reason
from sisdrop.model import Counts, Severity
from sisdrop.precedence import Precedence
from sisdrop.profile import Tally
from sisdrop.records.check import (
    SCHEMA_RULE,
    Checked,
    Checker,
    Issue,
    issue_of,
)
from sisdrop.records.chunk import ChunkBroken, Span, parse_under
from sisdrop.records.duplicates import Identity, Register
from sisdrop.records.findings import Findings

SAME_PERSON = "alma.duplicate-primary-id"
TAKEN = "alma.duplicate-identifier"
REPEATED = "alma.identifier-repeated-in-record"
ERASING = "alma.would-erase"
# Of fewer records, each is looked at by itself.
_SHORTEST_RUN = 4
# What may stand beside a record that is left out, so that nothing new arises where it stood.
_BEFORE, _AFTER = b"\t\n\r >", b"\t\n\r <"


@dataclass(slots=True)
class Tallies:
    """Counts of records while they grow."""

    delivered: int = 0
    left_out: int = 0
    duplicates: int = 0
    warned: int = 0
    yielded_to: Counter[str] = field(default_factory=Counter)

    @property
    def frozen(self) -> Counts:
        """The counts as the model has them."""
        yielded = self.yielded_to.total()
        total = self.delivered + self.left_out + self.duplicates + yielded
        return Counts(total, self.delivered, self.left_out, self.duplicates, yielded, self.warned)


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

    @property
    def digest(self) -> str:
        """What tells these ranges from others; empty where nothing is left out."""
        return blake2b(self.bounds, digest_size=16).hexdigest() if self.bounds else ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk stands in its file: bytes, lines and records before it."""

    offset: int
    lines: int
    records: int


class Earlier(Protocol):
    """What was sent last."""

    def fields_of(self, person: bytes) -> Collection[str]:
        """The fields that this person had in it; none if it did not hold the person."""
        ...


class Judge:
    """Judges chunk after chunk; `counts`, `findings`, `tally` and `cuts` grow on the way.

    With `earlier`, a record without a field that its person had there is left out, so that Alma
    keeps what it has. A person whom a stream of higher precedence lists is left to it, whatever
    else is wrong with the record. The checker must give digests of people for either.
    """

    def __init__(
        self,
        checker: Checker,
        earlier: Earlier | None = None,
        precedence: Precedence | None = None,
    ) -> None:
        self.counts = Tallies()
        self.findings = Findings()
        self.tally = Tally()
        self.cuts = Cuts()
        self._same_person = checker.rules.find(SAME_PERSON)
        self._taken = checker.rules.find(TAKEN)
        self._repeated = checker.rules.find(REPEATED)
        self._schema = checker.rules.find(SCHEMA_RULE)
        self._erasing = checker.rules.find(ERASING)
        self._earlier = earlier
        self._precedence = precedence or Precedence({})
        # To whom records of the chunk at hand are left, by their places.
        self._yielding: dict[int, str] = {}
        same = self._same_person
        self._drops_duplicates = same is not None and same.severity == Severity.ERROR
        self._register = Register(same_person_may_return=not self._drops_duplicates)
        self._root_is_bad = False

    def judge_root(self, issues: list[Issue], line: int) -> None:
        """Note what is wrong with the root: with an error there, nothing can be delivered."""
        for issue in issues:
            self.findings.add(issue, line, None)
        self._root_is_bad = any(issue.severity == Severity.ERROR for issue in issues)

    def judge(self, checked: Checked, place: Place) -> tuple[bytes, list[int]]:
        """Judge the next chunk; gives the bytes to be sent for it, and the records in them.

        Raises:
            Broken: if what is left after cutting is no XML any more (our bug, never the file's).
        """
        first_line = place.lines + 1
        for issue in checked.general:
            self.findings.add(issue, first_line + issue.line, None)
        self._yielding = self._precedence.winners(checked.people)
        kept = list(self._kept(checked, place))
        is_whole = len(kept) == len(checked.traits)
        traits = checked.traits
        self.tally.add(traits if is_whole else [traits[index] for index in kept])
        cut = self._cut(checked, kept)
        for start, end in cut:
            self.cuts.add(place.offset + start, place.offset + end)
        return _without(checked, cut, len(kept)), kept

    def _cut(self, checked: Checked, kept: list[int]) -> list[Span]:
        """What of a chunk is left out: records, and text between them."""
        is_error = self._schema is not None and self._schema.severity == Severity.ERROR
        stray = checked.stray if is_error else []
        if len(kept) == len(checked.traits):
            return stray
        left_out = set(range(len(checked.traits))).difference(kept)
        return sorted([*stray, *(checked.chunk.spans[index] for index in left_out)])

    def _kept(self, checked: Checked, place: Place) -> Iterator[int]:
        """The records that are delivered: taken in runs, and one by one where that cannot be."""
        doubtful = {i for i, issues in checked.issues.items() if self._is_doubtful(issues)}
        alone = doubtful | self._yielding.keys()
        for run in _runs(len(checked.traits), sorted(alone)):
            if run.start in alone:
                yield from self._kept_alone(checked, run, place)
            else:
                yield from self._kept_of(checked, run, place)

    def _kept_of(self, checked: Checked, run: range, place: Place) -> Iterator[int]:
        """Of a run that cannot be taken, its halves may be; few records stand in the way."""
        if self._take(checked, run, place):
            yield from run
        elif len(run) <= _SHORTEST_RUN or self._root_is_bad:
            yield from self._kept_alone(checked, run, place)
        else:
            half = len(run) // 2
            yield from self._kept_of(checked, run[:half], place)
            yield from self._kept_of(checked, run[half:], place)

    def _kept_alone(self, checked: Checked, run: range, place: Place) -> Iterator[int]:
        return (index for index in run if self._is_delivered(checked, index, place))

    def _is_doubtful(self, issues: list[Issue]) -> bool:
        """Whether they may leave a record out."""
        return any(
            issue.severity == Severity.ERROR or (self._earlier is not None and issue.field)
            for issue in issues
        )

    def _take(self, checked: Checked, run: range, place: Place) -> bool:
        """Deliver a run of records without errors, if none of their identifiers was met before."""
        if self._root_is_bad:
            return False
        records = slice(run.start, run.stop)
        if not self._register.take_all(checked.primaries[records], checked.others[records]):
            return False
        warned = [index for index in run if index in checked.issues]
        for index in warned:
            self._note(checked, index, place, checked.issues[index])
        self.counts.delivered += len(run)
        self.counts.warned += len(warned)
        return True

    def _is_delivered(self, checked: Checked, index: int, place: Place) -> bool:
        identity = Identity.read(checked.primaries[index], checked.others[index])
        is_duplicate = self._register.meet(identity)
        winner = self._yielding.get(index)
        if winner is not None and not (is_duplicate and self._drops_duplicates):
            self.counts.yielded_to[winner] += 1
            return False
        line = checked.chunk.first_line(index)
        issues = [
            *checked.issues.get(index, []),
            *self._identity_issues(line, identity, is_duplicate),
            *self._erasures(checked, index, line),
        ]
        self._note(checked, index, place, issues)
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

    def _note(self, checked: Checked, index: int, place: Place, issues: list[Issue]) -> None:
        who = checked.named[index].strip()
        for issue in issues:
            line = place.lines + 1 + issue.line
            self.findings.add(issue, line, place.records + index + 1, who)

    def _erasures(self, checked: Checked, index: int, line: int) -> Iterator[Issue]:
        if self._earlier is None or self._erasing is None or index not in checked.issues:
            return
        missing = {issue.field for issue in checked.issues[index] if issue.field}
        if missing and not missing.isdisjoint(self._earlier.fields_of(checked.people[index])):
            yield issue_of(self._erasing, line)

    def _identity_issues(
        self, line: int, identity: Identity, is_duplicate: bool
    ) -> Iterator[Issue]:
        if is_duplicate and self._same_person is not None:
            yield issue_of(self._same_person, line)
            if self._same_person.severity == Severity.ERROR:
                return
        if self._repeated is not None and identity.repeats:
            yield issue_of(self._repeated, line)
        if self._taken is not None and self._register.is_taken(identity):
            yield issue_of(self._taken, line)


def _runs(total: int, alone: list[int]) -> Iterator[range]:
    """All places in order, in ranges; some stand alone."""
    start = 0
    for place in alone:
        if place > start:
            yield range(start, place)
        yield range(place, place + 1)
        start = place + 1
    if start < total:
        yield range(start, total)


def _without(checked: Checked, cut: list[Span], records: int) -> bytes:
    """What is left of a chunk: well-formed by test, not by hope."""
    content = checked.chunk.content
    if not cut:
        return content
    kept, at = [], 0
    for start, end in cut:
        kept.append(content[at:start])
        at = end
    left = b"".join((*kept, content[at:]))
    try:
        _prove(checked, cut, left, records)
    except ChunkBroken:
        raise Broken(
            Reason.INTERNAL_ERROR, "leaving out records broke the XML; the file was not sent"
        ) from None
    return left


def _prove(checked: Checked, cut: list[Span], left: bytes, records: int) -> None:
    """See that what is left is well-formed and holds so many records.

    All was, so without a whole element that stood between tags or spaces it still is, and to parse
    that one is enough. Where text stands between records, what is left is parsed.

    Raises:
        ChunkBroken: if it is not.
    """
    root, content = checked.chunk.root, checked.chunk.content
    if checked.stray or not all(_stands_apart(content, span) for span in cut):
        parse_under(root, left, records)
        return
    for start, end in cut:
        parse_under(root, content[start:end], 1)


def _stands_apart(content: bytes, span: Span) -> bool:
    start, end = span
    return content[max(start - 1, 0) : start] in _BEFORE and content[end : end + 1] in _AFTER
