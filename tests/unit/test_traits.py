"""What a record is, read from a line of facts."""

import tracemalloc
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sisdrop.model import Severity
from sisdrop.records.facts import FactSheet
from sisdrop.records.fields import NAMES, lacking, repeated, there, walked
from sisdrop.records.rule import FORMS, Rule
from sisdrop.records.rules import RuleSet
from sisdrop.records.traits import Traits, TraitsReader
from support.refining import TODAY, traits

NBSP = "\u00a0"
NO_RULES = RuleSet((), ())


def one(record: str, rules: RuleSet = NO_RULES) -> Traits:
    (found,) = traits(etree.fromstring(f"<users>{record}</users>"), rules, TODAY)
    return found


def dated(element: str, day: str) -> tuple[str, ...]:
    return one(f"<user><{element}>{day}</{element}></user>").states


@pytest.mark.parametrize(
    ("day", "is_past"),
    [
        ("2026-11-23", True),
        ("2026-11-24", False),
        (" 2026-11-23\n", True),
        ("2026-11-22Z", True),
        ("2026-11-22-05:00", True),
        ("2026-11-22T10:00:00", True),
        ("0001-01-01", True),
        ("9999-12-31", False),
        ("12026-01-01", False),
        ("2026-02-30", False),
        ("2026-00-00", False),
        ("2026-1-1", False),
        ("22/11/2026", False),
        ("-2026-01-01", False),
        ("yesterday", False),
        ("", False),
        (f"{NBSP}2026-11-22", False),
    ],
)
def test_a_date_is_past_from_its_own_day_on(day: str, is_past: bool) -> None:
    assert dated("expiry_date", day) == (("expired",) if is_past else ())
    assert dated("purge_date", day) == (("due_for_purge",) if is_past else ())


@pytest.mark.parametrize("status", ["INACTIVE", " Inactive\n", "inactive", "inACTIVE"])
def test_inactive_is_inactive_in_any_case(status: str) -> None:
    assert one(f"<user><status>{status}</status></user>").states == ("inactive",)


@pytest.mark.parametrize(
    "status", ["ACTIVE", "", "IN ACTIVE", "İNACTIVE", "\u0131nactive", "inactive."]
)
def test_anything_else_is_not(status: str) -> None:
    assert one(f"<user><status>{status}</status></user>").states == ()


@pytest.mark.parametrize(
    ("text", "group"),
    [
        (" STAFF\n", "STAFF"),
        (f"{NBSP}STAFF{NBSP}", "STAFF"),
        ("a\tb\n c", "a b c"),
        ("a;true;0false", "a;true;0false"),
        (f" {NBSP} ", ""),
        ("", ""),
    ],
)
def test_a_group_is_named_without_the_space_around_it(text: str, group: str) -> None:
    assert one(f"<user><user_group>{text}</user_group></user>").group == group


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("STAFF", True),
        (f" STAFF{NBSP}", True),
        ("staff", False),
        ("GUEST", False),
        ("", True),
        (NBSP, True),
    ],
)
def test_a_group_that_nobody_listed_is_unknown_and_a_blank_one_is_none(
    text: str, known: bool
) -> None:
    rule = Rule("alma.unknown-user-group", Severity.ERROR, "m", "h", check="unknown-user-group")
    rules = RuleSet((), (rule,), frozenset({"STAFF"}))
    assert (one(f"<user><user_group>{text}</user_group></user>", rules).broken == ()) == known


def labelled(*pairs: tuple[str, str]) -> tuple[str, ...]:
    listed = "".join(
        f"<user_identifier><id_type>{label}</id_type><value>{value}</value></user_identifier>"
        for label, value in pairs
    )
    return one(f"<user><user_identifiers>{listed}</user_identifiers></user>").types


def test_types_are_those_of_identifiers_with_a_value_each_once() -> None:
    assert labelled(("A", "1"), ("B", ""), ("A", "2"), (" C ", "3"), ("D", NBSP)) == ("A", "C")


def test_odd_labels_are_labels() -> None:
    assert labelled(
        ("a;b", "1"), ("true", "2"), ("4false;", "3"), ("x\ty", "4"), ("", "5"), (NBSP, "6")
    ) == (*("a;b", "true", "4false;", "x y"),)


def test_text_in_a_record_says_nothing() -> None:
    assert one("<user>text<primary_id>x</primary_id>&#9;more\n</user>").fields == 1


blank = st.sampled_from(["", " ", "\n\t", NBSP, f" {NBSP}", "\u2003", "x", "0", "false", ";", "é"])
preferred = st.sampled_from(["", ' preferred="true"', ' preferred=" 1 "', ' preferred="false"'])


def leaf(name: str) -> st.SearchStrategy[str]:
    return st.just("") | blank.map(lambda text: f"<{name}>{text}</{name}>")


def several(inner: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=most).map("".join)


types = st.sampled_from(["", "home", " Work ", "castle", "home  work", "SCHOOL"]).map(
    lambda word: f"<address_types><address_type>{word}</address_type></address_types>"
)
address = st.builds(
    "<address{}>{}{}{}{}{}</address>".format,
    *(preferred, leaf("line1"), leaf("city"), leaf("state_province"), leaf("postal_code"), types),
)
email = st.builds("<email{}>{}</email>".format, preferred, leaf("email_address"))
phone = leaf("phone_number").map("<phone>{}</phone>".format)
identifier = st.builds(
    "<user_identifier>{}{}</user_identifier>".format, leaf("id_type"), leaf("value")
)
statistic = leaf("statistic_category").map("<user_statistic>{}</user_statistic>".format)
records = st.builds(
    (
        "<user>{}{}{}{}{}{}{}<contact_info><addresses>{}</addresses><emails>{}</emails>"
        "<phones>{}</phones></contact_info><user_identifiers>{}</user_identifiers>"
        "<user_notes>{}</user_notes><user_blocks>{}</user_blocks>"
        "<user_statistics>{}</user_statistics></user>"
    ).format,
    *(leaf(name) for name in NAMES[:7]),
    *(several(inner) for inner in (address, email, phone, identifier)),
    *(several(st.just(f"<{name}/>"), 1) for name in ("user_note", "user_block")),
    several(statistic),
)
EVERY_FORM = tuple(
    Rule(f"campus.{form}-{place}", Severity.ERROR, "m", "h", **{form: name})
    for form in FORMS
    for place, name in enumerate(NAMES)
    if form != "several" or walked(name)
)


def asked(predicate: str, record: etree._Element) -> bool:
    return bool(etree.XPath(f"boolean({predicate})")(record))


@given(st.lists(records, max_size=3))
def test_a_line_tells_what_plain_xpath_finds(made: list[str]) -> None:
    root = etree.fromstring(f"<users>{''.join(made)}</users>")
    padded = NBSP in "".join(made)
    rules = RuleSet((), EVERY_FORM)
    for record, found in zip(root, traits(root, rules, TODAY, padded=padded), strict=True):
        has = {name for bit, name in enumerate(NAMES) if found.fields >> bit & 1}
        assert has == {name for name in NAMES if asked(there(name), record)}
        assert found.broken == tuple(r for r in EVERY_FORM if asked(str(r.predicate), record))


@given(records)
def test_fields_are_there_lacking_or_repeated_as_their_xpath_says(made: str) -> None:
    record = etree.fromstring(made)
    for name in NAMES:
        if walked(name):
            continue
        assert asked(there(name), record) != asked(lacking(name), record)
    for name in filter(walked, NAMES):
        if asked(repeated(name), record):
            assert asked(there(name), record) or asked(lacking(name), record)


def lines(count: int) -> list[str]:
    people = "".join(f"<user><user_group>G{n}</user_group></user>" for n in range(count))
    return FactSheet([]).read(etree.fromstring(f"<users>{people}</users>"), padded=False).traits


def test_more_kinds_of_records_than_are_remembered_are_read_all_the_same() -> None:
    reader = TraitsReader([], frozenset(), date.min)
    made = lines(9_000)
    for _ in range(2):
        assert [reader.read(line).group for line in made] == [f"G{n}" for n in range(9_000)]


def test_no_more_kinds_of_records_are_remembered() -> None:
    reader = TraitsReader([], frozenset(), date.min)
    made = lines(12_000)
    tracemalloc.start()
    for line in made:
        reader.read(line)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1 << 20


def test_kinds_that_are_alike_are_read_once() -> None:
    reader = TraitsReader([], frozenset(), date.min)
    (line,) = lines(1)
    assert reader.read(line) is reader.read(line)


def test_huge_lines_are_not_remembered() -> None:
    reader = TraitsReader([], frozenset(), date.min)
    tracemalloc.start()
    for n in range(100):
        (line,) = lines(1)
        assert reader.read(line.replace("G0", f"G{n}" * 100_000)).group.startswith(f"G{n}")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 << 20
