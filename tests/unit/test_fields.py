"""The fields that files are compared by and rules ask for."""

import string

import pytest
from lxml import etree

from sisdrop.records.facts import COLUMNS, asked
from sisdrop.records.fields import (
    COUNTED,
    FIELDS,
    NAMES,
    WALKS,
    expand,
    lacking,
    repeated,
    there,
    walked,
)

NBSP = "\u00a0"
FULL = """
<user>
  <primary_id>x</primary_id><last_name>x</last_name><first_name>x</first_name>
  <user_group>x</user_group><expiry_date>x</expiry_date><purge_date>x</purge_date>
  <password>x</password>
  <contact_info>
    <addresses><address preferred="true"><line1>x</line1><city>x</city>
      <state_province>x</state_province><postal_code>x</postal_code>
      <address_types><address_type>home</address_type></address_types></address></addresses>
    <emails><email preferred="true"><email_address>x</email_address></email></emails>
    <phones><phone><phone_number>x</phone_number></phone></phones>
  </contact_info>
  <user_identifiers><user_identifier><value>x</value></user_identifier></user_identifiers>
  <user_notes><user_note/></user_notes>
  <user_blocks><user_block/></user_blocks>
  <user_statistics><user_statistic><statistic_category>x</statistic_category></user_statistic>
  </user_statistics>
</user>"""


def holds(predicate: str, record: str) -> bool:
    return bool(etree.XPath(f"boolean({predicate})")(etree.fromstring(record)))


def test_names_are_given_once() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(FIELDS)


def test_what_files_are_compared_by_is_what_the_ledger_holds_of_earlier_files() -> None:
    on_the_record = ["last_name", "first_name", "user_group", "expiry_date", "purge_date"]
    in_lists = ["phone", "note", "block", "preferred_email", "preferred_address", "statistic"]
    assert list(COUNTED) == on_the_record + in_lists


def test_a_walk_has_a_number_of_one_digit() -> None:
    assert len(WALKS) <= len(string.digits)


def test_every_walk_asks_for_something() -> None:
    assert all(asked(walk) for walk in WALKS)


def test_a_field_that_is_told_is_a_child_of_the_record() -> None:
    told = {field.name for walk in WALKS for field in walk.fields if field.told}
    assert told == {field.name for field in WALKS[0].fields if field.told}
    assert told < set(COLUMNS)


@pytest.mark.parametrize("name", NAMES)
def test_a_field_is_in_a_full_record_and_not_in_an_empty_one(name: str) -> None:
    assert holds(there(name), FULL)
    assert not holds(there(name), "<user/>")
    assert not holds(lacking(name), FULL)


def test_only_what_stands_in_a_list_can_be_there_twice() -> None:
    on_the_record = {field.name for field in WALKS[0].fields}
    assert {name for name in NAMES if not walked(name)} == on_the_record


TWICE = {
    "preferred_email": ("</emails>", '<email preferred="1"/>'),
    "preferred_address": ("</addresses>", '<address preferred=" true "/>'),
    "statistic": ("</user_statistics>", "<user_statistic/>"),
    "identifier": ("</user_identifiers>", "<user_identifier/>"),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_second_element_repeats_whatever_it_holds(name: str) -> None:
    end, second = TWICE[name]
    assert holds(repeated(name), FULL.replace(end, second + end))
    assert not holds(repeated(name), FULL)


@pytest.mark.parametrize("blank", ["", " \t\n", NBSP, f" {NBSP}\n{NBSP} "])
@pytest.mark.parametrize("name", [n for n in NAMES if n not in {"note", "block"}])
def test_a_blank_field_is_not_there(name: str, blank: str) -> None:
    record = FULL.replace(">x<", f">{blank}<").replace(">home<", f">{blank}<")
    assert holds(there(name), record) == (name == "preferred_address")
    assert holds(lacking(name), record) == (name != "preferred_address")


@pytest.mark.parametrize("name", NAMES)
def test_no_break_spaces_count_only_where_they_are_looked_for(name: str) -> None:
    padded, plain = (expand(there(name), padded=padded) for padded in (True, False))
    assert "filled(" not in padded + plain
    assert holds(padded, FULL)
    assert holds(plain, FULL)


@pytest.mark.parametrize("letter", string.ascii_uppercase)
def test_every_letter_of_an_address_type_may_be_upper_or_lower_case(letter: str) -> None:
    for word in ("home", "work", "alternative", "school"):
        record = FULL.replace("home", word.replace(letter.lower(), letter))
        assert holds(there("address_type"), record)
        assert not holds(there("address_type"), FULL.replace("home", word + letter))
