from itertools import pairwise

import pytest
from hypothesis import given, settings
from lxml import etree

from sisdrop.records.chunk import Chunk, Root
from sisdrop.records.fields import NAMES
from sisdrop.records.values import ValueSheet
from support.documents import people
from support.refining import builtin_rules, traits
from support.user_table import ROWS, Row, document
from support.xml import Patron, user

SHEET = ValueSheet()
ROOT = Root(b"<users>", b"</users>")
OTHER = {
    "string": "y",
    "date": "2027-05-31",
    "dateTime": "2027-05-31T12:00:00",
    "boolean": "false",
    "int": "2",
    "long": "2",
    "float": "2.5",
}
TEXTS = [
    row for row in ROWS.values() if row.simple and row.path.startswith("users/user/")
]  # fmt: skip
LISTED = "<contact_info>{}</contact_info>"


def values(*records: str) -> list[dict[str, int]]:
    """What some records hold."""
    parts = [record.encode() for record in records]
    ends = [sum(map(len, parts[:n])) for n in range(len(parts) + 1)]
    chunk = Chunk(ROOT, b"".join(parts), tuple(pairwise(ends)))
    return SHEET.read(chunk, range(len(parts)))


def held(inner: str) -> dict[str, int]:
    """What one record with this in it holds."""
    return values(f"<user>{inner}</user>")[0]


def text(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode")


@pytest.mark.parametrize("row", TEXTS, ids=lambda row: row.path.removeprefix("users/user/"))
def test_every_text_that_a_record_can_carry_counts(row: Row) -> None:
    root, element = document(row.path)
    before = values(text(root[0]))
    element.text = OTHER[row.content]
    assert values(text(root[0])) != before


@pytest.mark.parametrize("row", TEXTS, ids=lambda row: row.path.removeprefix("users/user/"))
def test_what_a_load_ignores_does_not_count(row: Row) -> None:
    root, element = document(row.path)
    before = values(text(root[0]))
    for attribute in {"desc", "link"} & {attribute.name for attribute in row.attributes}:
        element.set(attribute, "x")
    assert values(text(root[0])) == before


def test_each_field_goes_by_its_own_name() -> None:
    (one,) = values(user(Patron(barcodes=("B1", "C1"))))
    assert set(one) == {
        *("record_type", "primary_id", "first_name", "last_name", "user_group"),
        *("expiry_date", "purge_date", "status", "phone", "preferred_email", "preferred_address"),
        *("address_line1", "city", "state_province", "postal_code", "address_type"),
        *("identifier:BARCODE", "identifier:OTHER_ID_1"),
    }


def test_a_change_shows_in_its_field_alone() -> None:
    before, after = values(user(), user(Patron(email="new@example.edu")))
    assert {name for name in before if before[name] != after[name]} == {"preferred_email"}
    assert set(before) == set(after)


def test_a_part_of_an_address_shows_in_the_address_too() -> None:
    before, after = values(user(), user().replace("Testville", "Testburg"))
    differing = {name for name in before if before[name] != after[name]}
    assert differing == {"city", "preferred_address"}


def test_what_is_not_preferred_is_a_field_of_its_own() -> None:
    (one,) = values(user(Patron(preferred=False)))
    assert {"other_email", "other_address"} <= set(one)
    assert not {"preferred_email", "preferred_address", "city"} & set(one)


@pytest.mark.parametrize("truth", ["true", "1", " 1 ", "&#10;true"])
def test_preferred_is_what_xml_schema_calls_true(truth: str) -> None:
    (one,) = values(user().replace('preferred="true"', f'preferred="{truth}"'))
    assert "preferred_email" in one
    assert "other_email" not in one


@pytest.mark.parametrize("blank", ["", " ", "\n", "\u00a0", "&#160; ", "<!-- x -->"])
def test_what_is_blank_is_not_there(blank: str) -> None:
    assert held(f"<middle_name>{blank}</middle_name>") == {}
    phone = f"<phone><phone_number>{blank}</phone_number><phone_types/></phone>"
    assert held(LISTED.format(f"<phones>{phone}</phones>")) == {}


def test_spaces_do_not_count() -> None:
    plain = held("<last_name>van Dyck</last_name>")
    assert held("<last_name>\n  van  Dyck </last_name>") == plain
    assert held("<last_name>van\u00a0Dyck</last_name>") == plain
    assert held("<last_name>vanDyck</last_name>") != plain


def test_upper_and_lower_case_count() -> None:
    assert held("<primary_id>t1</primary_id>") != held("<primary_id>T1</primary_id>")


def test_how_a_text_is_written_does_not_count() -> None:
    plain = held("<last_name>Ö &amp; Co</last_name>")
    assert held("<last_name><![CDATA[Ö & Co]]></last_name>") == plain
    assert held("<last_name>&#214; &#38; <!-- x -->Co</last_name>") == plain


def test_the_order_of_what_has_none_does_not_count() -> None:
    one = "<user_note><note_type>A</note_type><note_text>x</note_text></user_note>"
    same = "<user_note><note_text>x</note_text><note_type>A</note_type></user_note>"
    other = "<user_note><note_type>B</note_type><note_text>y</note_text></user_note>"
    notes = "<user_notes>{}</user_notes>"
    assert held(notes.format(one + other)) == held(notes.format(other + same))
    assert held(notes.format(one)) != held(notes.format(one + one))


def test_what_belongs_together_counts_together() -> None:
    def two(first: str, second: str) -> dict[str, int]:
        note = "<user_note><note_type>{}</note_type><note_text>{}</note_text></user_note>"
        notes = note.format("A", first) + note.format("B", second)
        return held(f"<user_notes>{notes}</user_notes>")

    def roles(first: str, second: str) -> dict[str, int]:
        role = "<user_role><role_type>1</role_type>{}</user_role>"
        return held(f"<user_roles>{role.format(first)}{role.format(second)}</user_roles>")

    assert two("x", "y") != two("y", "x")
    assert roles("<scope>S</scope>", "") != roles("", "<scope>S</scope>")


def test_no_line_break_in_an_attribute_ends_a_record() -> None:
    record = user().replace('segment_type="External"', 'segment_type="&#10;a&#9;b&#13;"')
    assert len(values(record, record)) == 2


def test_only_the_records_that_are_asked_for_are_read() -> None:
    first, second, third = (user(Patron(first_name=name)) for name in "ABC")
    content = (first + second + third).encode()
    bounds = [0, len(first), len(first + second), len(content)]
    chunk = Chunk(ROOT, content, tuple(pairwise(bounds)))
    assert SHEET.read(chunk, [0, 2]) == [*values(first), *values(third)]
    assert SHEET.read(chunk, []) == []


@settings(deadline=None)
@given(people)
def test_a_field_is_there_exactly_when_the_profile_counts_it(record: str) -> None:
    (one,) = values(record)
    (counted,) = traits(etree.fromstring(f"<users>{record}</users>"), builtin_rules())
    there = {name for bit, name in enumerate(NAMES) if counted.fields >> bit & 1} - {"identifier"}
    assert there == set(one) & set(NAMES)
    types = {name.removeprefix("identifier:") for name in one if name.startswith("identifier:")}
    assert types == set(counted.types)
