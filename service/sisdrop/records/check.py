"""Check the records of a chunk: what breaks the schema and the rules, and what each one is.

Nothing here remembers an earlier chunk, so chunks may be checked in any order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b

import xxhash
from lxml import etree

from sisdrop.model import Severity
from sisdrop.records.chunk import (
    Chunk,
    ChunkBroken,
    Root,
    Span,
    find_spans,
    may_hold_no_break_spaces,
    parse,
    parse_under,
    stray_text,
)
from sisdrop.records.facts import Facts, FactSheet, is_nested
from sisdrop.records.framing import is_crowded_record
from sisdrop.records.roots import RECORD
from sisdrop.records.rules import Rule, RuleSet
from sisdrop.records.schema import Schema
from sisdrop.records.schema_check import SchemaCheck, text_faults
from sisdrop.records.schema_faults import SchemaFault
from sisdrop.records.traits import Traits, TraitsReader

SCHEMA_RULE = "schema.invalid"
# Bounds what libxml2 does per chunk: the path of each error walks all earlier siblings.
MOST_RECORDS = 2_000
# Of a slice that is larger than usual, to be looked at before the parser makes it a hundred MB.
_LARGE = 1 << 20
_DIGEST = 8


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with one record (or with what stands between): what, how bad, where.

    `line` is that of the chunk, counted from 0.
    """

    rule: str
    severity: Severity
    message: str
    hint: str
    line: int
    element: str | None = None
    field: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A chunk and what is known of it; lists have an entry for each record, in order.

    `named`, `primaries` and `others` are those of `Facts`. `issues` are by place in the chunk,
    `stray` is where text stands between records. The digests `people` and `contents` are empty
    where nobody asked for them.
    """

    chunk: Chunk
    named: list[str]
    primaries: list[str]
    others: list[str]
    traits: list[Traits]
    issues: dict[int, list[Issue]]
    stray: list[Span]
    general: list[Issue]
    lines: int
    people: list[bytes]
    contents: list[bytes]


@dataclass(frozen=True, slots=True)
class Checker:
    """What records are checked by.

    With a `key`, records get digests that tell people and their content apart from file to file
    and mean nothing to those who do not have the key. Serves one thread at a time: take `fresh()`
    in each worker and keep it there.
    """

    schema: Schema
    rules: RuleSet
    today: date = date.min
    key: bytes = b""
    _keep_blanks: bool = field(init=False, repr=False, compare=False)
    _rule: Rule | None = field(init=False, repr=False, compare=False)
    _facts: FactSheet = field(init=False, repr=False, compare=False)
    _traits: TraitsReader = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        active, groups = self.rules.active, self.rules.user_groups
        # An operator's XPath may look at whitespace; nothing of ours does.
        object.__setattr__(self, "_keep_blanks", any(rule.xpath for rule in active))
        object.__setattr__(self, "_rule", self.rules.find(SCHEMA_RULE))
        object.__setattr__(self, "_facts", FactSheet(active))
        object.__setattr__(self, "_traits", TraitsReader(active, groups, self.today))

    def fresh(self) -> "Checker":
        """The same checker compiled again, for another thread."""
        return Checker(self.schema.fresh(), self.rules, self.today, self.key)

    def check_root(self, root: Root) -> list[Issue]:
        """What the schema says of the root's own attributes."""
        rule = self._rule
        if rule is None:
            return []
        faults = SchemaCheck(self.schema).root_faults(parse(root.tag + root.end))
        return [_schema_issue(rule, fault) for fault in faults]

    def check(self, chunk: Chunk) -> Checked:
        """Check a chunk whose records the framer has told apart.

        Raises:
            ChunkBroken: if it is not well-formed, or was cut in the wrong place.
        """
        element = self._parse(chunk.root, chunk.content)
        if len(element) != len(chunk.spans):
            raise ChunkBroken
        return self._checked(element, chunk, self._read(element, chunk.content))

    def check_slice(self, root: Root, content: bytes) -> Checked:
        """Check bytes that seem to be whole records.

        Raises:
            ChunkBroken: if they are not, or need a closer look.
        """
        if len(content) > _LARGE and is_crowded_record(content, 0, len(content)):
            raise ChunkBroken
        element = self._parse(root, content)
        facts = self._read(element, content)
        spans = find_spans(root, content, len(element), facts.filled)
        return self._checked(element, Chunk(root, content, spans), facts)

    def _parse(self, root: Root, content: bytes) -> etree._Element:
        element = parse_under(root, content, keep_blanks=self._keep_blanks)
        if len(element) > MOST_RECORDS:
            raise ChunkBroken
        return element

    def _read(self, element: etree._Element, content: bytes) -> Facts:
        return self._facts.read(element, padded=may_hold_no_break_spaces(content))

    def _reread(self, element: etree._Element, chunk: Chunk, facts: Facts, *, valid: bool) -> Facts:
        """The facts with all whitespace, where there is some in what is told."""
        # What our own schema takes has no elements there; looking costs.
        is_flat = valid and self._rule is not None and self.schema.is_builtin
        if self._keep_blanks or is_flat or not is_nested(element):
            return facts
        element = parse_under(chunk.root, chunk.content, keep_blanks=True)
        return self._read(element, chunk.content)

    def _checked(self, element: etree._Element, chunk: Chunk, facts: Facts) -> Checked:
        stray = list(_stray(chunk)) if facts.is_strewn else []
        faults = self._schema_faults(element, chunk, stray)
        facts = self._reread(element, chunk, facts, valid=not faults)
        traits = self._traits.read_all(facts.traits)
        if facts.users < len(traits):
            traits = [
                t if e.tag == RECORD else _NOBODY for t, e in zip(traits, element, strict=True)
            ]
        issues = _broken_rules(chunk, traits)
        for index, fault in faults:
            issues.setdefault(index, []).append(fault)
        schema = self._rule
        return Checked(
            chunk=chunk,
            named=facts.named,
            primaries=facts.primaries,
            others=facts.others,
            traits=traits,
            issues=issues,
            stray=stray,
            general=[_schema_issue(schema, f) for f in text_faults(chunk, stray)] if schema else [],
            lines=chunk.content.count(b"\n"),
            people=self._people(facts.primaries),
            contents=self._contents(chunk),
        )

    def _schema_faults(
        self, element: etree._Element, chunk: Chunk, stray: list[Span]
    ) -> list[tuple[int, Issue]]:
        rule = self._rule
        if rule is None:
            return []
        if stray:
            _drop_text(element)
        faults = SchemaCheck(self.schema).faults(element, chunk)
        return [(index, _schema_issue(rule, fault)) for index, fault in faults]

    def _people(self, primaries: list[str]) -> list[bytes]:
        return [person(self.key, primary) for primary in primaries] if self.key else []

    def _contents(self, chunk: Chunk) -> list[bytes]:
        """Not hashlib's: that lets go of the interpreter lock for each record, and waits for it."""
        if not self.key:
            return []
        seed = int.from_bytes(self.key[:_DIGEST], "big")
        view = memoryview(chunk.content)
        return [xxhash.xxh3_64_digest(view[start:end], seed) for start, end in chunk.spans]


_NOBODY = Traits("", 0, (), (), ())


def person(key: bytes, primary_id: str) -> bytes:
    """The digest of a person: eight bytes of keyed BLAKE2b of the comparable primary id."""
    return blake2b(primary_id.encode(), digest_size=_DIGEST, key=key).digest()


def issue_of(rule: Rule, line: int) -> Issue:
    """That a record, beginning at `line`, breaks a rule."""
    return Issue(
        rule.id, rule.severity, rule.message, rule.hint, line, field=rule.field, why=rule.why
    )


def _schema_issue(rule: Rule, fault: SchemaFault) -> Issue:
    message = f"{fault.element} {fault.sentence}."
    element, line = fault.element, fault.line
    return Issue(rule.id, rule.severity, message, rule.hint, line, element, why=rule.why)


def _broken_rules(chunk: Chunk, traits: Sequence[Traits]) -> dict[int, list[Issue]]:
    return {
        index: [issue_of(rule, line) for rule in one.broken]
        for index, one in enumerate(traits)
        if one.broken
        for line in (chunk.first_line(index),)
    }


def _stray(chunk: Chunk) -> Iterator[Span]:
    for at, end in chunk.gaps:
        for start, stop in stray_text(chunk.content[at:end]):
            yield at + start, at + stop


def _drop_text(root: etree._Element) -> None:
    root.text = None
    for record in root:
        record.tail = None
