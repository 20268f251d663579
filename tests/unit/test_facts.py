"""What libxslt writes down of a chunk."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sisdrop.model import Severity
from sisdrop.records.facts import Facts, FactSheet, comparable
from sisdrop.records.rule import Rule

SHEET = FactSheet([])


def facts(content: str, sheet: FactSheet = SHEET, *, padded: bool = True) -> Facts:
    return sheet.read(etree.fromstring(f"<users>{content}</users>"), padded=padded)


def person(primary: str, *others: str) -> str:
    """A record of these identifiers, whatever characters are in them."""
    record = etree.Element("user")
    etree.SubElement(record, "primary_id").text = primary
    listed = etree.SubElement(record, "user_identifiers")
    for other in others:
        etree.SubElement(etree.SubElement(listed, "user_identifier"), "value").text = other
    return etree.tostring(record, encoding="unicode")


def identity(primary: str, *others: str) -> list[str]:
    found = facts(person(primary, *others))
    return [*found.primaries, *found.others]


def test_there_is_a_line_for_each_child_whatever_it_is() -> None:
    found = facts("<user/>text<foo/><a:user xmlns:a='urn:a'/><user><user/></user>")
    assert (found.users, found.filled, found.is_strewn) == (2, 1, True)
    assert {len(found.traits), len(found.named), len(found.primaries), len(found.others)} == {4}


def test_nothing_is_told_of_nothing() -> None:
    nothing = Facts(
        users=0, filled=0, is_strewn=False, traits=[], named=[], primaries=[], others=[]
    )
    assert facts("") == facts(" \n ") == nothing


@pytest.mark.parametrize(
    ("content", "strewn"),
    [
        ("<user/> \n<user/>", False),
        ("<user/>&#32;<user/>", False),
        ("<user/><![CDATA[ ]]><user/>", False),
        ("<user>text</user>", False),
        ("<user/>x", True),
        ("x<user/>", True),
        ("<user/>&#160;", True),
    ],
)
def test_text_between_records_is_seen_and_text_in_them_is_not(content: str, strewn: bool) -> None:
    assert facts(content).is_strewn == strewn


def test_a_record_is_filled_when_it_holds_an_element() -> None:
    found = facts("<user/><user></user><user>text</user><user><x/></user>")
    assert (found.users, found.filled) == (4, 1)


def test_a_primary_id_is_told_as_it_stands_but_for_spaces() -> None:
    assert facts(person(" T\t 1\n")).named == ["T 1"]


def test_the_other_identifiers_are_told_with_a_tab_before_each() -> None:
    assert facts(person("T1", " B1\n", "", "b\t2")).others == ["\tb1\t\tb 2"]


def test_the_first_primary_id_counts() -> None:
    found = facts("<user><primary_id>A</primary_id><primary_id>B</primary_id></user>")
    assert (found.named, found.primaries, found.others) == (["A"], ["a"], [""])


def test_identifiers_elsewhere_are_none() -> None:
    inside = person("T2", "B2")
    found = facts(f"<user><value>x</value><primary_id>T1</primary_id>{inside}</user>")
    assert (found.named, found.others) == (["T1"], [""])


def test_text_is_told_past_comments_sections_and_elements() -> None:
    parser = etree.XMLParser(remove_comments=True)
    record = "<user><primary_id>T<!-- x --><![CDATA[1]]><b>2</b></primary_id></user>"
    root = etree.fromstring(f"<users>{record}</users>", parser)
    assert SHEET.read(root, padded=False).named == ["T12"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("T1", "t1"),
        (" T1\n", "t1"),
        ("\u00a0T1\u2003", "t1"),
        ("Test-É", "TEST-é"),
        ("Straße", "STRASSE"),
        ("\ufb01n", "FIN"),
        ("Ωmega", "\u2126MEGA"),
        ("İd", "i\u0307d"),
    ],
)
def test_identifiers_that_alma_takes_for_the_same_are_the_same(one: str, other: str) -> None:
    assert identity(one, "X") == identity(other, "x")


@pytest.mark.parametrize(
    ("one", "other"),
    [("T1", "T2"), ("T1", "T 1"), ("ID", "\u0131d"), ("e\u0301", "é"), ("A\u00a0B", "A B")],
)
def test_other_identifiers_are_not(one: str, other: str) -> None:
    assert identity(one) != identity(other)


SPACES = " \t\n\r"
VALUES = st.text(
    st.sampled_from("aAbIiİ\u0131ß\u017f\u03c3ς\u00a0\u2003\u0085\u2028\u3000;,01")
    | st.sampled_from(SPACES),
    max_size=6,
)


def expected(value: str) -> str:
    """XML's own spaces made one; all others count only inside; then without regard to case."""
    return re.sub(f"[{SPACES}]+", " ", value).strip().casefold()


@given(st.lists(st.tuples(VALUES, st.lists(VALUES, max_size=3)), max_size=4))
def test_every_value_comes_out_where_it_belongs(people: list[tuple[str, list[str]]]) -> None:
    found = facts("".join(person(primary, *others) for primary, others in people))
    assert found.primaries == [expected(primary) for primary, _ in people]
    assert [line.split("\t") for line in found.others] == [
        ["", *map(expected, others)] for _, others in people
    ]


@given(st.lists(VALUES.map(lambda v: re.sub(f"[{SPACES}]", "", v)), min_size=1, max_size=5))
def test_what_is_comparable_does_not_depend_on_its_neighbours(values: list[str]) -> None:
    assert comparable(values) == [line for value in values for line in comparable([value])]


@given(VALUES, VALUES, VALUES)
def test_a_line_of_traits_has_its_columns_whatever_is_in_them(
    group: str, status: str, label: str
) -> None:
    record = etree.Element("user")
    etree.SubElement(record, "user_group").text = group
    etree.SubElement(record, "status").text = status
    listed = etree.SubElement(etree.SubElement(record, "user_identifiers"), "user_identifier")
    etree.SubElement(listed, "id_type").text = label
    etree.SubElement(listed, "value").text = "x"
    (line,) = facts(etree.tostring(record, encoding="unicode")).traits
    columns = line.split("\t")
    spaced = [re.sub(f"[{SPACES}]+", " ", text).strip(" ") for text in (group, status, label)]
    assert [columns[0], columns[3], columns[-1].partition(";")[2]] == spaced
    assert len(columns) == 7


def test_values_may_be_huge() -> None:
    value = "x" * (9 << 20)
    found = facts(person(value, value))
    assert (found.named, found.others) == ([value], [f"\t{value}"])


RULES = [
    Rule("campus.a", Severity.ERROR, "m", "h", xpath="a"),
    Rule("campus.b", Severity.WARNING, "m", "h", xpath="b"),
    Rule("campus.c", Severity.WARNING, "m", "h", missing="city"),
]


def test_the_xpath_rules_that_a_record_breaks_are_told_by_their_ids() -> None:
    found = facts("<user><a/></user><user><b/><a/></user><user/><foo><a/></foo>", FactSheet(RULES))
    assert [line.split("\t")[4].split() for line in found.traits] == [
        ["campus.a"],
        ["campus.a", "campus.b"],
        [],
        [],
    ]


def test_a_rule_that_cannot_be_evaluated_is_never_passed_over() -> None:
    """Such a rule is refused at the start; if one gets through, no record passes for good."""
    sheet = FactSheet([Rule("campus.a", Severity.ERROR, "m", "h", xpath="a and count('x')")])
    assert len(facts("<user/>", sheet).traits) == 1
    with pytest.raises(etree.XSLTApplyError):
        facts("<user/><user><a>Secretname</a></user>", sheet)


def test_where_no_no_break_space_can_be_both_ways_find_the_same() -> None:
    content = person("T1", "B1", "") + "<user><last_name> </last_name></user><foo/>"
    assert facts(content, padded=False) == facts(content)
