import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from sisdrop.errors import ConfigError
from sisdrop.records.schema import BUILTIN, load_schema
from support.user_table import ONE_OF_EACH, ROWS, Attribute, Row, children, document, smallest

BUILT_IN = load_schema(None)
COMPOUND = [row for row in ROWS.values() if not row.simple]
SIMPLE = [row for row in ROWS.values() if row.simple]
INSIDE = [row for row in ROWS.values() if row.parent]
ATTRIBUTES = [(row, attribute) for row in ROWS.values() for attribute in row.attributes]
# Two bytes in UTF-8: lengths count characters.
LETTER = "é"
NO_LIMIT = 5000

ACCEPTED = {
    "string": ["", " ", "x", "Zoë Ångström 图书馆"],
    "date": ["2026-05-31", "2026-05-31Z", "2026-05-31-05:00", "9999-12-31", "12026-01-01"],
    "dateTime": ["2026-05-31T12:00:00", "2026-05-31T12:00:00.5Z", "2026-05-31T12:00:00-05:00"],
    "boolean": ["true", "false", "1", "0", " true "],
    "int": ["0", "-1", "+7", "2147483647", "-2147483648"],
    "long": ["0", "-1", "9223372036854775807"],
    "float": ["0", "-1.5", "1e3", "INF", "NaN"],
}
REFUSED = {
    "string": [],
    "date": [
        *("", "20260531", "05/31/2026", "2026-5-31", "2026-02-30", "2026-05-31T00:00:00"),
        *("--Z", "2026-13-01", "tomorrow", "2026-05-31 ", " 2026-05-31"),
    ],
    "dateTime": ["", "2026-05-31", "2026-05-31 12:00:00", "2026-05-31T24:01:00", "noon"],
    "boolean": ["", "TRUE", "True", "yes", "2", "t"],
    "int": ["", "1.0", "x", "2147483648", "-2147483649", "1 000"],
    "long": ["", "1.0", "x", "9223372036854775808"],
    "float": ["", "x", "1,5", "inf"],
}


def valid(root: etree._Element) -> bool:
    return BUILT_IN.validator.validate(root)


def name_of(value: object) -> str | None:
    match value:
        case Row():
            return value.path.removeprefix("users/")
        case Attribute():
            return f"@{value.name}"
        case _:
            return None


def parent_with(row: Row, times: int) -> etree._Element:
    """A document whose parent of `row` holds it `times` times."""
    root, element = document(row.path)
    parent = element.getparent()
    assert parent is not None
    place = parent.index(element)
    parent.remove(element)
    for _ in range(times):
        parent.insert(place, smallest(row))
    return root


@pytest.mark.parametrize("row", ROWS.values(), ids=name_of)
def test_every_element_of_the_table_is_accepted_where_it_stands(row: Row) -> None:
    assert valid(document(row.path)[0])


@pytest.mark.parametrize("row", INSIDE, ids=name_of)
def test_an_element_may_stand_as_often_as_the_table_says_and_no_more(row: Row) -> None:
    assert valid(parent_with(row, 0)) == (row.lowest == 0)
    assert valid(parent_with(row, row.highest or 7))
    if row.highest:
        assert not valid(parent_with(row, row.highest + 1))


def with_all_children(row: Row) -> tuple[etree._Element, etree._Element]:
    root, element = document(row.path)
    for child in list(element):
        element.remove(child)
    element.extend(smallest(child) for child in children(row.path))
    return root, element


@pytest.mark.parametrize("row", [r for r in COMPOUND if r.content == "all"], ids=name_of)
def test_children_of_an_all_stand_in_any_order(row: Row) -> None:
    root, element = with_all_children(row)
    assert valid(root)
    for _ in range(len(element)):
        element.append(element[0])
        assert valid(root)
    element.extend(list(element)[::-1])
    assert valid(root)


@pytest.mark.parametrize("row", [r for r in COMPOUND if r.content == "sequence"], ids=name_of)
def test_children_of_a_sequence_stand_in_the_order_of_the_table(row: Row) -> None:
    root, element = with_all_children(row)
    assert valid(root)
    for place in range(len(element) - 1):
        element.insert(place, element[place + 1])
        assert not valid(root)
        element.insert(place, element[place + 1])
        assert valid(root)


@pytest.mark.parametrize("row", [r for r in SIMPLE if r.content == "string"], ids=name_of)
def test_a_text_may_be_as_long_as_the_table_says_and_no_longer(row: Row) -> None:
    root, element = document(row.path)
    element.text = LETTER * (row.max_length or NO_LIMIT)
    assert valid(root)
    element.text += LETTER
    assert valid(root) == (row.max_length is None)


@pytest.mark.parametrize("row", SIMPLE, ids=name_of)
def test_a_text_is_of_the_type_that_the_table_says(row: Row) -> None:
    root, element = document(row.path)
    for text in ACCEPTED[row.content]:
        element.text = text
        if len(text) <= (row.max_length or NO_LIMIT):
            assert valid(root), text
    for text in REFUSED[row.content]:
        element.text = text
        assert not valid(root), text


@pytest.mark.parametrize(("row", "attribute"), ATTRIBUTES, ids=name_of)
def test_an_attribute_is_of_the_type_and_length_that_the_table_says(
    row: Row, attribute: Attribute
) -> None:
    root, element = document(row.path)
    assert valid(root), "every attribute is optional"
    values = ACCEPTED[attribute.type]
    if attribute.type == "string":
        values = ["", "x", LETTER * (attribute.max_length or NO_LIMIT)]
    for value in values:
        element.set(attribute.name, value)
        assert valid(root), value
    refused = REFUSED[attribute.type]
    if attribute.max_length:
        refused = [LETTER * (attribute.max_length + 1)]
    for value in refused:
        element.set(attribute.name, value)
        assert not valid(root), value


@pytest.mark.parametrize("row", ROWS.values(), ids=name_of)
def test_what_the_table_does_not_name_is_refused(row: Row) -> None:
    root, element = document(row.path)
    unknown = etree.SubElement(element, "favourite_colour")
    assert not valid(root)
    element.remove(unknown)
    element.set("colour", "green")
    assert not valid(root)
    del element.attrib["colour"]
    assert valid(root)
    if not row.simple:
        element.text = "stray"
        assert not valid(root)


@pytest.mark.parametrize("kind", ONE_OF_EACH)
def test_the_table_has_every_type_that_is_tried(kind: str) -> None:
    used = {row.content for row in SIMPLE} | {attribute.type for _, attribute in ATTRIBUTES}
    assert kind in used


USER = "<users><user>{}</user></users>"
CONTACT = USER.format("<contact_info>{}</contact_info>")
ADDRESS = CONTACT.format("<addresses>{}</addresses>")
EMAIL = CONTACT.format("<emails>{}</emails>")
TYPES = "<email_types/>"
MAIL = "<email_address>a@example.org</email_address>"
NOTE = USER.format("<user_notes><user_note><note_type>OTHER</note_type>{}</user_note></user_notes>")
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

VALID = {
    "no user": "<users/>",
    "empty user": "<users><user/></users>",
    "lone user": "<user><primary_id>x</primary_id></user>",
    "same primary_id twice": "<users>" + 2 * "<user><primary_id>x</primary_id></user>" + "</users>",
    "empty primary_id": USER.format("<primary_id/>"),
    "two preferred emails": EMAIL.format(2 * f'<email preferred="true">{MAIL}{TYPES}</email>'),
    "two preferred addresses": ADDRESS.format(
        2 * '<address preferred="1"><address_types/></address>'
    ),
    "unknown type codes": ADDRESS.format(
        "<address><address_types><address_type>castle</address_type></address_types></address>"
    ),
    "address with types only": ADDRESS.format("<address><address_types/></address>"),
    "empty identifier value": USER.format(
        "<user_identifiers><user_identifier><id_type>BARCODE</id_type><value/></user_identifier>"
        "</user_identifiers>"
    ),
    "empty statistic_category": USER.format(
        "<user_statistics><user_statistic><statistic_category/></user_statistic></user_statistics>"
    ),
    "empty email_address": EMAIL.format(f"<email><email_address/>{TYPES}</email>"),
    "roles, password, any segment": USER.format(
        "<password>x</password><user_roles><user_role/></user_roles><user_notes>"
        '<user_note segment_type="anything"><note_type/><user_viewable>1</user_viewable>'
        "<popup_note>0</popup_note></user_note></user_notes>"
    ),
    "schema location on the root": f'<users {XSI} xsi:schemaLocation="urn:x x.xsd"/>',
    "total_record_count": '<users total_record_count="3"/>',
}
INVALID = {
    "address without types": ADDRESS.format("<address><line1>x</line1></address>"),
    "email without types": EMAIL.format(f"<email>{MAIL}</email>"),
    "phone without types": CONTACT.format(
        "<phones><phone><phone_number>1</phone_number></phone></phones>"
    ),
    "phones before emails": CONTACT.format("<phones/><emails/>"),
    "emails before addresses": CONTACT.format("<emails/><addresses/>"),
    "unknown element": USER.format("<jobDescription>x</jobDescription>"),
    "unknown attribute": '<users><user colour="green"/></users>',
    "repeated element": USER.format(2 * "<last_name>x</last_name>"),
    "empty expiry_date": USER.format("<expiry_date/>"),
    "empty status_date": USER.format("<status_date/>"),
    "empty start_date": ADDRESS.format("<address><start_date/><address_types/></address>"),
    "preferred TRUE": EMAIL.format(f'<email preferred="TRUE">{MAIL}{TYPES}</email>'),
    "preferred empty": EMAIL.format(f'<email preferred="">{MAIL}{TYPES}</email>'),
    "force_password_change FALSE": USER.format(
        "<force_password_change>FALSE</force_password_change>"
    ),
    "empty is_researcher": USER.format("<is_researcher/>"),
    "namespaced root": '<users xmlns="urn:x"><user/></users>',
    "root Users": "<Users/>",
    "root userRecords": "<userRecords/>",
    "stray text between users": "<users><user/>stray<user/></users>",
    "identifier without value": USER.format(
        "<user_identifiers><user_identifier><id_type>x</id_type></user_identifier></user_identifiers>"
    ),
    "note without user_viewable": NOTE.format("<popup_note>true</popup_note>"),
    "note without popup_note": NOTE.format("<user_viewable>true</user_viewable>"),
    "256 characters": USER.format(f"<last_name>{256 * 'x'}</last_name>"),
    "users inside users": "<users><users/></users>",
    "total_record_count not a number": '<users total_record_count="many"/>',
}


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
def test_what_the_schema_lets_pass_although_a_rule_may_not(text: str) -> None:
    assert valid(etree.fromstring(text))


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_what_the_schema_refuses(text: str) -> None:
    assert not valid(etree.fromstring(text))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_schema_does_not_judge_the_encoding(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{declared}"?><user><last_name>Zoë</last_name></user>'
    assert valid(etree.fromstring(text.encode(encoding)))


def test_a_record_cannot_bring_a_schema_of_its_own(tmp_path: Path) -> None:
    lax = tmp_path / "lax.xsd"
    lax.write_text(SCHEMA.format('<xs:element name="other"/>'))
    valid(etree.fromstring(f'<users {XSI} xsi:noNamespaceSchemaLocation="{lax}"/>'))
    assert not valid(etree.fromstring(f'<other {XSI} xsi:noNamespaceSchemaLocation="{lax}"/>'))


SCHEMA = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">\n{}\n</xs:schema>'
OTHERS = SCHEMA.format('<xs:include schemaLocation="parts/user.xsd"/><xs:element name="users"/>')


def test_the_built_in_schema_is_named_with_its_digest() -> None:
    digest = hashlib.sha256(BUILTIN.read_bytes()).hexdigest()
    assert BUILT_IN.label == f"builtin sha256:{digest}"


@pytest.fixture
def in_two_files(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "user.xsd").write_text(SCHEMA.format('<xs:element name="user"/>'))
    main = tmp_path / "all of it.xsd"
    main.write_text(OTHERS)
    return main


def test_a_file_of_the_operator_may_include_others(in_two_files: Path) -> None:
    schema = load_schema(in_two_files)
    part = in_two_files.parent / "parts" / "user.xsd"
    both = in_two_files.read_bytes() + part.read_bytes()
    assert schema.label == f"file sha256:{hashlib.sha256(both).hexdigest()}"
    assert schema.validator.validate(etree.fromstring("<user/>"))


def test_a_fresh_schema_is_the_one_that_was_read(in_two_files: Path) -> None:
    schema = load_schema(in_two_files)
    in_two_files.write_text("changed since")
    again = schema.fresh()
    assert again == schema
    assert again.validator is not schema.validator
    assert again.validator.validate(etree.fromstring("<user/>"))


def problems() -> Iterator[tuple[str, str, str]]:
    """What the file holds, and the two things that the problem must say."""
    yield "not a schema", "<a/>", "line 1"
    yield "not XML", "<a>\n<b>", "line 2"
    yield "empty", "", "line 1"
    yield "unknown type", SCHEMA.format('<xs:element name="users" type="nope"/>'), "line 2"
    yield "no users", SCHEMA.format('<xs:element name="user"/>'), "no element `users`"
    missing = SCHEMA.format('<xs:include schemaLocation="gone.xsd"/>')
    yield "missing part", missing, "gone.xsd cannot be read"
    remote = SCHEMA.format('<xs:include schemaLocation="https://example.org/a.xsd"/>')
    yield "remote part", remote, "https://example.org/a.xsd is on the network"


PROBLEMS = list(problems())


@pytest.mark.parametrize(("text", "says"), [p[1:] for p in PROBLEMS], ids=[p[0] for p in PROBLEMS])
def test_a_broken_schema_is_a_problem_of_the_settings(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "campus.xsd"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_schema(path)
    (problem,) = raised.value.problems
    assert problem.key == "validation.schema"
    assert says in problem.message


def test_a_fault_in_an_included_file_is_named_after_that_file(in_two_files: Path) -> None:
    part = in_two_files.parent / "parts" / "user.xsd"
    part.write_text(SCHEMA.format('\n<xs:element name="user" type="nope"/>'))
    with pytest.raises(ConfigError, match=r"user\.xsd line 3"):
        load_schema(in_two_files)


def test_a_schema_that_is_not_there_is_a_problem_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"validation\.schema: .*gone\.xsd cannot be read"):
        load_schema(tmp_path / "gone.xsd")


def test_a_schema_shows_no_more_than_its_name() -> None:
    assert repr(BUILT_IN) == f"Schema(name='builtin', sha256='{BUILT_IN.sha256}')"
