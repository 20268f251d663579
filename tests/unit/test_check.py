import pytest

from sisdrop.model import Severity
from sisdrop.records.check import MOST_RECORDS, Checked, Checker, Issue, person
from sisdrop.records.chunk import Chunk, ChunkBroken, Root
from sisdrop.records.framing import MAX_MARKUP, Frame, Framer
from support.refining import TODAY, builtin_rules, builtin_schema, checker
from support.xml import Patron, patrons, user

ROOT = Root(b"<users>", b"</users>")
GOOD = b"<user><primary_id>T1</primary_id></user>"


def chunk(*pieces: bytes, root: Root = ROOT) -> Chunk:
    """A chunk of records, and of gaps: whatever does not begin with a tag."""
    spans, at = [], 0
    for raw in pieces:
        if raw.startswith(b"<"):
            spans.append((at, at + len(raw)))
        at += len(raw)
    return Chunk(root, b"".join(pieces), tuple(spans))


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
    made = chunk(b"<user>\n</user>", b"\n", b"<user>\n\n<x/>\n</user>")
    (issue,) = checker(rules=["none"]).check(made).issues[1]
    assert issue.line == 4


def test_lines_are_the_same_when_records_are_looked_at_alone() -> None:
    made = chunk(b"<foo/>", b"\n", b"<user>\n\n<x/>\n</user>")
    (issue,) = checker(rules=["none"]).check(made).issues[1]
    assert issue.line == 3


def test_a_rule_issue_names_the_line_of_the_record() -> None:
    found = checker().check(chunk(b"<user>\n</user>", b"\n", b"<user>\n</user>")).issues
    assert {issue.line for issue in found[1]} == {2}


def test_a_root_with_bad_attributes_has_the_issue_and_its_records_do_not() -> None:
    root = Root(b"<users total_record_count='many'>", b"</users>", valid=False)
    (issue,) = checker().check_root(root)
    assert issue.element == "users"
    assert issue.message == "users attribute total_record_count is not a whole number."
    assert issues(GOOD, b"<user><x/></user>", root=root)[0].element == "user/x"


def test_a_schema_location_is_no_fault() -> None:
    tag = (
        b'<users xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        b' xsi:noNamespaceSchemaLocation="/nowhere/users.xsd" xsi:schemaLocation="urn:a /b">'
    )
    root = Root(tag, b"</users>")
    assert checker().check_root(root) == []
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


def test_text_between_records_is_an_issue_of_no_record() -> None:
    checked = checker(rules=["none"]).check(chunk(GOOD, b"\nstray\n"))
    assert checked.issues == {}
    assert [(i.element, i.line) for i in checked.general] == [("users", 1)]


KEYED = Checker(builtin_schema(), builtin_rules(), TODAY, b"a key for this test")


def framed(content: bytes, root: Root = ROOT) -> Chunk:
    """The chunk that the framer makes of some content."""
    pieces = Framer(1 << 30).feed(root.tag + content + root.end)
    shift = len(root.tag)
    spans = [
        (piece.offset - shift, piece.offset - shift + len(piece.raw))
        for piece in pieces
        if isinstance(piece, Frame)
    ]
    return Chunk(root, content, tuple(spans))


def seen(checked: Checked) -> tuple[object, ...]:
    """All that a check yields, in a form that can be compared."""
    traits = [(t.group, t.fields, t.types, t.states, t.broken) for t in checked.traits]
    return (
        checked.chunk,
        (checked.named, checked.primaries, checked.others, traits, checked.issues),
        (checked.stray, checked.general, checked.lines),
        (checked.people, checked.contents),
    )


FULL = b"".join(user(person).encode() + b"\n" for person in patrons(3))
WARNED = user(Patron(primary_id="T9", preferred=False)).strip().encode()
BAD = user(Patron(primary_id="T8", expiry="tomorrow", extra="<colour/>")).strip().encode()
SLICES = {
    "plain": FULL.rstrip(),
    "trailing space": FULL,
    "leading space": b"\n\t " + FULL,
    "faults": FULL + BAD + b"\n" + WARNED,
    "CRLF": (FULL + BAD).replace(b"\n", b"\r\n"),
    "one line": (FULL + BAD).replace(b"\n", b""),
    "comment between": FULL + b"<!-- </user> --> <!-- <user> -->" + BAD,
    "comment within": FULL.replace(b"<last_name>", b"<!-- </user> --><last_name>") + BAD,
    "CDATA within": BAD.replace(b"Testperson", b"<![CDATA[</user>]]>"),
    "CDATA between": GOOD + b"<![CDATA[ <user> ]]>" + BAD,
    "blank CDATA between": GOOD + b"<![CDATA[ ]]>" + BAD,
    "reference between": GOOD + b"&#32;\n&#x0a;" + BAD,
    "instruction between": GOOD + b"<?x </user> ?>" + BAD,
    "instruction within": BAD.replace(b"<last_name>", b"<?x </user>?><last_name>"),
    "space in an end tag": GOOD + BAD.replace(b"</user>", b"</user >") + GOOD,
    "break in every end tag": (GOOD + BAD).replace(b"</user>", b"</user\n>"),
    "space and comment": GOOD.replace(b"</user>", b"<!--</user>--></user >") + BAD,
    "a record that a comment pretends to begin": BAD.replace(
        b"</user>", b"<!-- </user> <user --></user >"
    )
    + GOOD,
    "the same after an empty one": b"<user/><user><x/><!-- </user> <user --></user>",
    "empty elements": b"<user/>" + GOOD + b"<user  />\n<user a='>'/>",
    "an empty one first": b"<user/>" + GOOD,
    "an empty one last": GOOD + b"<user/>",
    "text alone in a record": GOOD + b"<user>text</user>" + GOOD,
    "nested": b"<user>" + GOOD + b"</user>" + GOOD,
    "nested, space in the outer end tag": b"<user>" + GOOD + b"</user >" + GOOD,
    "nested empty": b"<user><user/></user>" + GOOD,
    "foreign": GOOD + b"<foo><primary_id>T1</primary_id></foo>" + BAD,
    "foreign only": b"<foo/><bar></bar>",
    "names that begin alike": b"<users><user><x/></user></users><user_group/>" + GOOD,
    "namespaces": b'<a:user xmlns:a="urn:a"><a:b/></a:user><user xmlns="urn:a"><b/></user>' + BAD,
    "stray text": b"one" + GOOD + b"\ntwo\n\n" + BAD + b" three ",
    "stray text and space": GOOD + b"x &#32;" + GOOD + b"&#32;" + GOOD,
    "no-break space between": GOOD + "\u00a0".encode() + BAD,
    "no-break space by number": BAD.replace(b"Testville", b"&#160;"),
    "no-break space": BAD.replace(b"Testville", "\u00a0".encode()),
    "attributes": b"<user a='>' b=\"/>'\" ><x/></user>",
    "nothing": b"",
    "only space": b" \n ",
    "only a comment": b"<!-- <user></user> -->",
    "many lines": b"\n" * 70_000 + GOOD + BAD,
    "as many as may be": b"<user><x/></user>" * MOST_RECORDS,
}


@pytest.mark.parametrize("content", SLICES.values(), ids=SLICES)
def test_a_slice_yields_what_the_framers_chunk_yields(content: bytes) -> None:
    assert seen(KEYED.check_slice(ROOT, content)) == seen(KEYED.check(framed(content)))


def test_a_slice_under_a_bad_root_yields_the_same() -> None:
    root = Root(b"<users total_record_count='x'>\n", b"</users>", valid=False)
    content = FULL + BAD
    assert seen(KEYED.check_slice(root, content)) == seen(KEYED.check(framed(content, root)))


CLOSER_LOOK = {
    "no end": b"<user><x>",
    "the end of the root": GOOD + b"</users>",
    "another root": GOOD + b"</users><users>" + GOOD,
    "a cut in a comment": b"<user><!-- </user>",
    "the rest of a comment": b" --></user>" + GOOD,
    "a document type": b"<!DOCTYPE users>" + GOOD,
    "an entity": b"<user>&nbsp;</user>",
    "too many records": b"<user/>" * (MOST_RECORDS + 1),
    "too many tags in a record": b"<user>" + b"<x/>" * MAX_MARKUP + b"</user>" + GOOD,
    "too much in CDATA": b"<user><x><![CDATA[" + b"<ab" * MAX_MARKUP + b"]]></x></user>" + GOOD,
}


@pytest.mark.parametrize("content", CLOSER_LOOK.values(), ids=CLOSER_LOOK)
def test_what_needs_a_closer_look_is_no_slice(content: bytes) -> None:
    with pytest.raises(ChunkBroken):
        KEYED.check_slice(ROOT, content)


def test_as_many_tags_as_a_record_may_have_are_no_trouble() -> None:
    record = b"<user>" + b"<x/>" * (MAX_MARKUP - 2) + b"</user>"
    assert len(checker(rules=["none"]).check_slice(ROOT, record + GOOD).traits) == 2


def test_digests_need_a_key() -> None:
    checked = checker().check(chunk(GOOD))
    assert (checked.people, checked.contents) == ([], [])


def test_a_person_is_the_same_whatever_the_case_and_the_space_around() -> None:
    ids = ["Straße1", " STRASSE1\n", "strasse1\u2003", "strasse2"]
    records = [f"<user><primary_id>{one}</primary_id></user>".encode() for one in ids]
    first, *others = KEYED.check(chunk(*records)).people
    assert [other == first for other in others] == [True, True, False]
    assert first == person(KEYED.key, "strasse1")


def test_people_and_contents_mean_nothing_under_another_key() -> None:
    other = Checker(builtin_schema(), builtin_rules(), TODAY, b"another key")
    mine, theirs = KEYED.check(chunk(GOOD)), other.check(chunk(GOOD))
    assert mine.people != theirs.people
    assert mine.contents != theirs.contents


def test_a_record_has_the_same_digests_wherever_it_stands() -> None:
    alone = KEYED.check(chunk(GOOD))
    among = KEYED.check(chunk(b"<user/>", b"\n", GOOD, b"x", b"<user/>"))
    assert (among.people[1], among.contents[1]) == (alone.people[0], alone.contents[0])


def test_what_is_no_user_has_no_traits_and_breaks_no_rule_but_the_schemas() -> None:
    inside = b"<user_group>STAFF</user_group><status>INACTIVE</status>"
    checked = checker().check(chunk(b"<foo>" + inside + b"</foo>", b"<user>" + inside + b"</user>"))
    foreign, ours = checked.traits
    assert (foreign.group, foreign.fields, foreign.states, foreign.broken) == ("", 0, (), ())
    assert (ours.group, ours.states) == ("STAFF", ("inactive",))
    assert {issue.rule for issue in checked.issues[0]} == {"schema.invalid"}


def test_an_issue_says_which_field_it_misses() -> None:
    record = user(Patron(omit=frozenset({"last_name"}))).strip().encode()
    found = issues(record.replace(b"<city>Testville</city>", b""), using=checker())
    fields = {issue.rule: issue.field for issue in found}
    assert fields == {"ishare.last-name": "last_name", "ishare.city": "city"}


def test_an_empty_chunk_is_nothing() -> None:
    checked = KEYED.check(chunk())
    assert (checked.traits, checked.issues, checked.people) == ([], {}, [])


def test_a_fresh_checker_finds_the_same() -> None:
    assert seen(KEYED.fresh().check(chunk(BAD))) == seen(KEYED.check(chunk(BAD)))
