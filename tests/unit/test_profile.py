from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from lxml import etree

from sisdrop.model import Profile
from sisdrop.profile import MAX_GROUPS, MAX_IDENTIFIER_TYPES, OTHER, Tally, merge
from sisdrop.records.fields import COUNTED
from sisdrop.records.rules import load_rules
from support.refining import traits
from support.xml import Patron, patrons, user, users

TODAY = date(2026, 11, 23)


def profile(*people: Patron) -> Profile:
    return of_records(user(person) for person in people)


def of_records(records: Iterable[str]) -> Profile:
    root = etree.fromstring(users(*records, declaration=False))
    tally = Tally()
    tally.add(traits(root, load_rules(["none"], {}, []), TODAY))
    return tally.profile


def test_an_empty_tally_names_every_field_and_state() -> None:
    empty = Tally().profile
    assert empty.coverage == dict.fromkeys(COUNTED, 0)
    assert empty.states == {"expired": 0, "due_for_purge": 0, "inactive": 0}


def test_people_are_counted_by_group() -> None:
    assert profile(*patrons(6)).groups == {"UNDERGRAD": 1, "GRAD": 2, "FACULTY": 2, "STAFF": 1}


def test_space_around_a_group_makes_no_other_group() -> None:
    assert profile(Patron(group=" STAFF\n"), Patron(group="STAFF")).groups == {"STAFF": 2}


def test_too_many_groups_share_one_name() -> None:
    made = profile(*(Patron(group=f"G{n}") for n in range(MAX_GROUPS + 5)))
    assert len(made.groups) == MAX_GROUPS + 1
    assert made.groups[OTHER] == 5


def test_each_field_is_counted_once_per_record() -> None:
    coverage = profile(Patron(barcodes=("B1",)), Patron(omit=frozenset({"first_name"}))).coverage
    assert coverage["first_name"] == 1
    assert coverage["preferred_email"] == coverage["preferred_address"] == coverage["phone"] == 2
    assert coverage["identifier:BARCODE"] == 1


def test_what_is_not_preferred_is_not_counted_as_preferred() -> None:
    coverage = profile(Patron(preferred=False)).coverage
    assert (coverage["preferred_email"], coverage["preferred_address"]) == (0, 0)


def test_blank_fields_are_not_covered() -> None:
    coverage = profile(Patron(last_name=" ", email="", purge=" ")).coverage
    assert (coverage["last_name"], coverage["preferred_email"], coverage["purge_date"]) == (0, 0, 0)


def test_an_identifier_type_counts_once_per_record() -> None:
    record = user(Patron(barcodes=("B1", "B2"))).replace("OTHER_ID_1", "BARCODE")
    assert of_records([record]).coverage["identifier:BARCODE"] == 1


def test_too_many_identifier_types_share_one_name() -> None:
    many = MAX_IDENTIFIER_TYPES + 3
    coverage = profile(Patron(barcodes=tuple(f"B{n}" for n in range(many)))).coverage
    assert coverage[f"identifier:{OTHER}"] == 3


def test_states_are_judged_by_the_day_given() -> None:
    today = Patron(expiry="2026-11-23", purge="2026-11-22Z")
    tomorrow = Patron(expiry="2026-11-24", purge="12026-01-01")
    assert profile(today, tomorrow).states == {"expired": 1, "due_for_purge": 1, "inactive": 0}


def test_inactive_is_read_without_regard_to_case() -> None:
    record = user().replace("ACTIVE", " Inactive ")
    assert of_records([record]).states["inactive"] == 1


def test_a_date_that_is_none_counts_for_no_state() -> None:
    assert profile(Patron(expiry="soon", purge="")).states["expired"] == 0


def test_merging_gives_the_counts_of_both_together() -> None:
    people = [replace(person, omit=frozenset({"first_name"})) for person in patrons(7)]
    assert merge(profile(*people[:3]), profile(*people[3:])) == profile(*people)


def test_a_group_padded_with_no_break_spaces_is_the_same_group() -> None:
    people = [Patron(group="\u00a0STAFF\u00a0"), Patron(group="STAFF"), Patron(group="\u00a0")]
    found = profile(*people)
    assert found.groups == {"STAFF": 2}
    assert found.coverage["user_group"] == 2


def test_counts_do_not_depend_on_how_records_come() -> None:
    people = [*patrons(9), Patron(expiry="2020-01-01"), Patron(omit=frozenset({"contact_info"}))]
    found = traits(
        etree.fromstring(users(*map(user, people), declaration=False)),
        load_rules(["none"], {}, []),
        TODAY,
    )
    at_once, one_by_one = Tally(), Tally()
    at_once.add(found)
    for one in found:
        one_by_one.add([one])
    one_by_one.add([])
    assert one_by_one.profile == at_once.profile
