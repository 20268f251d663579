"""Who is delivered: in runs or one by one, it comes out as a naive reading of the rules says."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sisdrop.errors import Broken
from sisdrop.model import Counts, Severity
from sisdrop.records.check import Checked, Checker, Issue, person
from sisdrop.records.chunk import Chunk, Root
from sisdrop.records.judge import Judge, Place
from sisdrop.records.rules import RuleSet, load_rules
from support.refining import TODAY, builtin_schema, checker

ROOT = Root(b"<users>", b"</users>")
ERROR, WARNING, OFF = Severity.ERROR, Severity.WARNING, Severity.OFF
SAME, TAKEN, REPEATED = (
    "alma.duplicate-primary-id",
    "alma.duplicate-identifier",
    "alma.identifier-repeated-in-record",
)


@dataclass(frozen=True)
class Given:
    """An invented record: its identifiers, and the severities of what a check found in it."""

    primary: str = ""
    others: tuple[str, ...] = ()
    found: tuple[Severity, ...] = ()
    missing: str | None = None


@dataclass
class Expected:
    """What becomes of records, told as plainly as it can be."""

    severities: Mapping[str, Severity]
    root_is_bad: bool = False
    erasing: Mapping[str, Collection[str]] | None = None
    met: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)
    delivered: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("delivered", "left_out", "duplicates", "warned"), 0)
    )
    rules: list[tuple[int, str]] = field(default_factory=list)

    def take(self, index: int, one: Given) -> None:
        """Decide about the next record."""
        primary = one.primary.casefold()
        values = [v for v in (primary, *(o.casefold() for o in one.others)) if v]
        issues = [(f"campus.{severity}", severity) for severity in one.found]
        if one.missing:
            issues.append(("campus.missing", WARNING))
        is_duplicate = primary != "" and primary in self.met
        self.met.add(primary)
        same = self.severities[SAME]
        if is_duplicate and same is not OFF:
            issues.append((SAME, same))
        if not (is_duplicate and same is ERROR):
            issues += self._about(primary, values)
        had = (self.erasing or {}).get(primary, ())
        if one.missing in had:
            issues.append(("alma.would-erase", ERROR))
        self.rules += [(index, rule) for rule, severity in issues if severity is not OFF]
        self._count(index, primary, values, dict(issues))

    def _about(self, primary: str, values: list[str]) -> list[tuple[str, Severity]]:
        issues = []
        if len(set(values)) < len(values):
            issues.append((REPEATED, self.severities[REPEATED]))
        may_return = self.severities[SAME] is not ERROR
        if any(v in self.owners and not (may_return and self.owners[v] == primary) for v in values):
            issues.append((TAKEN, self.severities[TAKEN]))
        return [(rule, severity) for rule, severity in issues if severity is not OFF]

    def _count(
        self, index: int, primary: str, values: list[str], issues: dict[str, Severity]
    ) -> None:
        if issues.get(SAME) is ERROR:
            self.counts["duplicates"] += 1
        elif ERROR in issues.values() or self.root_is_bad:
            self.counts["left_out"] += 1
        else:
            self.counts["delivered"] += 1
            self.counts["warned"] += bool(issues)
            self.delivered.append(index)
            for value in values:
                self.owners.setdefault(value, primary)


def digest(primary: str) -> bytes:
    return person(b"key", primary)


def rules_of(severities: Mapping[str, Severity]) -> RuleSet:
    return load_rules(["alma"], {"*": OFF, "alma.would-erase": ERROR, **severities}, [])


def checked(people: Sequence[Given], using: Checker) -> Checked:
    """What a check would say of these records, without checking anything."""
    raws = [b"<user n='%d'/>" % n for n in range(len(people))]
    starts = [sum(map(len, raws[:n])) for n in range(len(raws))]
    spans = tuple((start, start + len(raw)) for start, raw in zip(starts, raws, strict=True))
    blank = using.check(Chunk(ROOT, b"".join(raws), spans))
    issues = {index: issues for index, one in enumerate(people) if (issues := issues_of(one))}
    return Checked(
        chunk=blank.chunk,
        named=[one.primary for one in people],
        primaries=[one.primary.casefold() for one in people],
        others=["".join(f"\t{value.casefold()}" for value in one.others) for one in people],
        traits=blank.traits,
        issues=issues,
        stray=[],
        general=[],
        lines=0,
        people=[digest(one.primary.casefold()) for one in people],
        contents=[],
    )


def issues_of(one: Given) -> list[Issue]:
    found = [Issue(f"campus.{severity}", severity, "m", "h", 0) for severity in one.found]
    if one.missing:
        found.append(Issue("campus.missing", WARNING, "m", "h", 0, field=one.missing))
    return found


@dataclass(frozen=True)
class Sent:
    """The fields that people had in what was sent last."""

    fields: Mapping[str, Collection[str]]

    def fields_of(self, person: bytes) -> Collection[str]:
        """As `judge.Earlier` has it."""
        return next((f for p, f in self.fields.items() if digest(p) == person), ())


people = st.builds(
    Given,
    st.sampled_from(["", "a", "A", "b", "c", "d", "e"]),
    st.lists(st.sampled_from(["", "a", "b", "C", "x", "X", "y", "z"]), max_size=2).map(tuple),
    st.lists(st.sampled_from([ERROR, WARNING, WARNING]), max_size=1).map(tuple)
    | st.just(())
    | st.just(()),
    st.sampled_from([None, None, None, "city", "phone"]),
)
severities = st.fixed_dictionaries(
    {rule: st.sampled_from([ERROR, WARNING, OFF]) for rule in (SAME, TAKEN, REPEATED)}
)
AS_THEY_COME = {SAME: ERROR, TAKEN: ERROR, REPEATED: WARNING}
sent_last = st.none() | st.dictionaries(
    st.sampled_from("abc"), st.sets(st.sampled_from(["city", "phone"])), max_size=3
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.lists(people, max_size=8), max_size=4),
    st.just(AS_THEY_COME) | severities,
    st.sampled_from([False, False, False, True]),
    sent_last,
)
def test_runs_come_out_as_one_by_one(
    chunks: list[list[Given]],
    severity: dict[str, Severity],
    root_is_bad: bool,
    last: dict[str, set[str]] | None,
) -> None:
    using = Checker(builtin_schema(), rules_of(severity), TODAY, b"key")
    judge = Judge(using, Sent(last) if last is not None else None)
    if root_is_bad:
        judge.judge_root([Issue("campus.root", ERROR, "m", "h", 0)], 1)
    expected = Expected(severity, root_is_bad, last)
    kept, before = [], 0
    for chunk in chunks:
        made = checked(chunk, using)
        content, indices = judge.judge(made, Place(before * 100, 0, before))
        kept += [before + index for index in indices]
        left = [
            made.chunk.content[a:b] for n, (a, b) in enumerate(made.chunk.spans) if n in indices
        ]
        assert content == b"".join(left)
        for index, one in enumerate(chunk):
            expected.take(before + index, one)
        before += len(chunk)
    assert kept == expected.delivered
    assert judge.counts.frozen == Counts(total=before, yielded=0, **expected.counts)
    assert judge.tally.records == len(kept)
    told = [
        (example.record - 1, finding.rule)
        for finding in judge.findings.gathered()
        for example in finding.examples
        if example.record is not None
    ]
    assert sorted(told) == sorted(expected.rules)


def record(primary: str, inside: str = "") -> bytes:
    return f"<user><primary_id>{primary}</primary_id>{inside}</user>".encode()


BAD = record("T2", "<colour/>")
NOTHING_ELSE = {"alma.*": OFF, SAME: ERROR, TAKEN: ERROR}


def judged(
    content: bytes, place: Place, severity: Mapping[str, Severity] = NOTHING_ELSE
) -> tuple[Judge, bytes, list[int]]:
    using = checker(severity, rules=["alma"])
    judge = Judge(using)
    sent, kept = judge.judge(using.check_slice(ROOT, content), place)
    return judge, sent, kept


def test_places_are_those_of_the_file() -> None:
    content = record("T1") + b"\n" + BAD + b"\n\n" + record("t1") + b"\n" + record("T4")
    judge, sent, kept = judged(content, Place(1000, 50, 7))
    assert kept == [0, 3]
    assert sent == record("T1") + b"\n\n\n\n" + record("T4")
    start, second = 1000 + content.index(BAD), 1000 + content.index(record("t1"))
    assert list(judge.cuts) == [
        (start, start + len(BAD)),
        (second, second + len(record("t1"))),
    ]
    examples = {f.rule: f.examples[0] for f in judge.findings.gathered()}
    assert (examples["schema.invalid"].record, examples["schema.invalid"].line) == (9, 52)
    assert (examples[SAME].record, examples[SAME].line) == (10, 54)
    assert examples[SAME].primary_id == "t1"


def test_a_person_is_named_without_the_space_around_their_id() -> None:
    content = BAD.replace(b"T2", b" \xc2\xa0T2&#160;\n") + BAD.replace(b"T2", b"&#160;")
    judge, _, _ = judged(content, Place(0, 0, 0))
    (invalid,) = judge.findings.gathered()
    assert [example.primary_id for example in invalid.examples] == ["T2", None]


def test_findings_stand_in_the_order_of_the_file_however_it_is_cut() -> None:
    first, second = BAD, b"\ntext" + record("T3", "<x/>") + b"\n"
    at_once, _, _ = judged(first + second, Place(0, 0, 0))
    using = checker(NOTHING_ELSE, rules=["alma"])
    in_two = Judge(using)
    in_two.judge(using.check_slice(ROOT, first), Place(0, 0, 0))
    in_two.judge(using.check_slice(ROOT, second), Place(len(first), 0, 1))
    found = at_once.findings.gathered()
    assert found == in_two.findings.gathered()
    assert [finding.element for finding in found] == ["user/colour", "users", "user/x"]


def test_text_between_records_is_cut_out_with_them() -> None:
    content = record("T1") + b" one <!-- x -->" + BAD + b"two\n" + record("T3")
    judge, sent, kept = judged(content, Place(0, 0, 0))
    assert kept == [0, 2]
    assert sent == record("T1") + b"  <!-- x -->\n" + record("T3")
    assert [content[a:b] for a, b in judge.cuts] == [b"one", BAD, b"two"]


def test_text_stays_where_the_schema_only_warns() -> None:
    lenient = {**NOTHING_ELSE, "schema.invalid": WARNING}
    judge, sent, _ = judged(record("T1") + b"one" + BAD, Place(0, 0, 0), lenient)
    assert sent == record("T1") + b"one" + BAD
    assert not judge.cuts
    assert [finding.count for finding in judge.findings.gathered()] == [1, 1]


def test_who_was_left_out_still_counts_as_met_but_takes_no_identifier() -> None:
    card = (
        "<user_identifiers><user_identifier><id_type>B</id_type><value>1</value>"
        "</user_identifier></user_identifiers>"
    )
    content = BAD.replace(b"<colour/>", card.encode() + b"<colour/>") + record("T3", card)
    judge, _, kept = judged(content + record("T2"), Place(0, 0, 0))
    assert kept == [1]
    assert judge.counts.frozen == Counts(3, 1, 1, 1)


def test_a_cut_that_breaks_the_xml_is_never_sent() -> None:
    using = checker(NOTHING_ELSE, rules=["alma"])
    checked = using.check_slice(ROOT, record("T1") + BAD)
    start, end = checked.chunk.spans[1]
    wrong = Chunk(ROOT, checked.chunk.content, (checked.chunk.spans[0], (start + 1, end)))
    with pytest.raises(Broken) as caught:
        Judge(using).judge(replace(checked, chunk=wrong), Place(0, 0, 0))
    assert "T2" not in str(caught.value)


def test_all_may_be_left_out_and_nothing_may_come() -> None:
    judge, sent, kept = judged(BAD + BAD.replace(b"T2", b"T3"), Place(0, 0, 0))
    assert (sent, kept) == (b"", [])
    using = checker()
    assert judge.judge(using.check(Chunk(ROOT, b"\n", ())), Place(0, 0, 0)) == (b"\n", [])
