import pytest
from lxml import etree

from sisdrop.model import Severity
from sisdrop.records.check import Checker, Chunk, ChunkBroken, Issue, Root, parse_under, stray_text
from sisdrop.records.framing import Frame, Gap
from support.refining import checker

ROOT = Root(b"<users>", b"</users>")
GOOD = b"<user><primary_id>T1</primary_id></user>"


def chunk(*records: bytes, root: Root = ROOT, line: int = 1) -> Chunk:
    made = Chunk(root)
    offset = 7
    for number, raw in enumerate(records, 1):
        name = raw[1:].split(b">")[0].split(b" ")[0].rstrip(b"/")
        made.add(Frame(number, offset, line, name, raw))
        offset, line = offset + len(raw), line + raw.count(b"\n")
    return made


def issues(*records: bytes, using: Checker | None = None, root: Root = ROOT) -> list[Issue]:
    found = (using or checker(rules=["none"])).check(chunk(*records, root=root)).issues
    return [issue for index in sorted(found) for issue in found[index]]


def only(record: bytes) -> tuple[str | None, str]:
    (issue,) = issues(GOOD, record, GOOD)
    return issue.element, issue.message


def test_good_records_have_no_issues() -> None:
    assert issues(GOOD, GOOD) == []


@pytest.mark.parametrize(
    ("record", "element", "sentence"),
    [
        (b"<expiry_date>31/12/2030</expiry_date>", "expiry_date",
         "is not a valid date (YYYY-MM-DD)"),
        (b"<expiry_date/>", "expiry_date", "is empty: fill it in, or leave the element out"),
        (b"<loans>many</loans>", "loans", "is not a whole number"),
        (b"<first_name>" + b"x" * 256 + b"</first_name>", "first_name",
         "is too long (at most 255 characters)"),
        (b"<colour>x</colour>", "colour", "stands in the wrong place or is not known here"),
        (b"<a:b xmlns:a='urn:a'/>", "b", "stands in the wrong place or is not known here"),
        (b"<first_name><b/></first_name>", "first_name",
         "holds elements where only text may stand"),
        (b"<contact_info>x</contact_info>", "contact_info",
         "holds text where only elements may stand"),
        (b"<first_name x='1'>y</first_name>", "first_name",
         "has an attribute that the schema does not know"),
        (b"<contact_info><emails><email/></emails></contact_info>", "contact_info/emails/email",
         "is missing a required element"),
        (b"<contact_info><phones/><emails/></contact_info>", "contact_info/emails",
         "stands in the wrong place or is not known here"),
        (b"<contact_info><emails><email preferred='TRUE'><email_address/><email_types/></email>%s"
         % b"</emails></contact_info>", "contact_info/emails/email",
         "attribute preferred is neither true nor false (lower case)"),
    ],
)  # fmt: skip
def test_schema_faults_name_the_element_and_a_constant_sentence(
    record: bytes, element: str, sentence: str
) -> None:
    path = f"user/{element}"
    assert only(b"<user>" + record + b"</user>") == (path, f"{path} {sentence}.")


@pytest.mark.parametrize(
    "record",
    [
        b"<user><loans>Secretname</loans></user>",
        b"<user><birth_date>Secretname</birth_date></user>",
        b"<user><fees>Secretname</fees><expiry_date>' Secretname'</expiry_date></user>",
        b"<user link='Secretname'><requests link='x'>Secretname</requests></user>",
        b"<user>Secretname</user>",
        b"<user><user_blocks><user_block segment_type='Secretname++'/></user_blocks></user>",
        b"<user><campus_code>" + b"Secretname" * 10 + b"</campus_code></user>",
        b"<user xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='Secretname'/>",
    ],
)
def test_no_value_of_a_record_gets_into_an_issue(record: bytes) -> None:
    found = issues(record)
    assert found
    assert "Secretname" not in repr(found)


def test_a_child_that_is_no_user_breaks_the_schema_and_hides_nothing_after_it() -> None:
    found = issues(b"<foo/>", GOOD, b"<user><x/></user>")
    assert [issue.element for issue in found] == ["foo", "user/x"]


def test_users_inside_users_are_no_record() -> None:
    assert only(b"<users><user/></users>")[0] == "users"


def test_a_schema_issue_names_the_line_of_the_element() -> None:
    made = chunk(b"<user>\n</user>\n", b"<user>\n\n<x/>\n</user>", line=10)
    (issue,) = checker(rules=["none"]).check(made).issues[1]
    assert issue.line == 14


def test_lines_are_the_same_when_records_are_looked_at_alone() -> None:
    made = chunk(b"<foo/>\n", b"<user>\n\n<x/>\n</user>", line=10)
    (issue,) = checker(rules=["none"]).check(made).issues[1]
    assert issue.line == 13


def test_a_rule_issue_names_the_line_of_the_record() -> None:
    found = checker().check(chunk(b"<user>\n</user>\n", b"<user>\n</user>", line=3)).issues
    assert {issue.line for issue in found[1]} == {5}


def test_a_root_with_bad_attributes_has_the_issue_and_its_records_do_not() -> None:
    root = Root(b"<users total_record_count='many'>", b"</users>", valid=False)
    (issue,) = checker().check_root(root, 2)
    assert (issue.element, issue.line) == ("users", 2)
    assert issue.message == "users attribute total_record_count is not a whole number."
    assert issues(GOOD, b"<user><x/></user>", root=root)[0].element == "user/x"


def test_a_schema_location_is_no_fault() -> None:
    tag = (
        b'<users xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        b' xsi:noNamespaceSchemaLocation="/nowhere/users.xsd" xsi:schemaLocation="urn:a /b">'
    )
    root = Root(tag, b"</users>")
    assert checker().check_root(root, 1) == []
    assert issues(GOOD, root=root) == []


def test_a_switched_off_schema_finds_nothing() -> None:
    off = checker({"schema.invalid": Severity.OFF}, rules=["none"])
    assert issues(b"<user><x/></user>", b"<foo/>", using=off) == []


def test_a_downgraded_schema_warns() -> None:
    lenient = checker({"schema.invalid": Severity.WARNING}, rules=["none"])
    (issue,) = issues(b"<user><x/></user>", using=lenient)
    assert issue.severity is Severity.WARNING


def test_a_user_group_must_be_one_of_those_configured() -> None:
    using = checker(user_groups=["STAFF"])
    record = b"<user><user_group>%s</user_group></user>"
    found = using.check(chunk(record % b"STAFF", record % b"staff", record % b" STAFF ")).issues
    unknown = [n for n, of in found.items() if any("user-group" in i.rule for i in of)]
    assert unknown == [1]


@pytest.mark.parametrize(
    "records",
    [
        [b"<user>&</user>"],
        [b"<user><!-- </user>"],
        [b"<user/><user/>"],
        [b"<user/></users><users><user/>"],
        [b"<user><![CDATA[</user>"],
    ],
)
def test_a_false_cut_never_passes(records: list[bytes]) -> None:
    with pytest.raises(ChunkBroken):
        checker().check(chunk(*records))


def test_entities_are_never_resolved_and_nothing_is_fetched() -> None:
    with pytest.raises(ChunkBroken):
        parse_under(ROOT, b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'>", 0)


def test_text_is_read_past_comments_and_cdata() -> None:
    element = parse_under(ROOT, b"<user>a<!-- x --><![CDATA[b]]><?p q?>c</user>", 1)
    assert etree.tostring(element[0]) == b"<user>abc</user>"


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (b" \n", []),
        (b" <!-- a --> <?b c?>\n", []),
        (b" a b <!-- c -->d", [b"a b", b"d"]),
        (b"<![CDATA[ <!-- ]]> <!-- x -->", [b"<![CDATA[ <!-- ]]>"]),
        (b"&#32;", [b"&#32;"]),
    ],
)
def test_text_between_records_is_told_from_comments(gap: bytes, text: list[bytes]) -> None:
    assert [gap[start:end] for start, end in stray_text(gap)] == text


def test_text_between_records_is_an_issue_of_no_record() -> None:
    made = chunk(GOOD)
    made.add(Gap(100, 4, b"\nstray\n"))
    checked = checker(rules=["none"]).check(made)
    assert checked.issues == {}
    assert [(i.element, i.line) for i in checked.general] == [("users", 5)]
