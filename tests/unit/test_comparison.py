from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sisdrop import comparison
from sisdrop.comparison import compare
from sisdrop.model import Change
from sisdrop.roster import MAX_FIELDS, Roster, RosterUnusable
from support.rosters import FIELDS, OTHER_KEY, Person, write

NAME, EMAIL = frozenset({"last_name"}), frozenset({"last_name", "preferred_email"})


def change(
    folder: Path,
    old: Mapping[int, Person],
    new: Mapping[int, Person],
    old_has: Mapping[str, Any] | None = None,
    new_has: Mapping[str, Any] | None = None,
) -> Change:
    before = write(folder / "old", old, **old_has or {})
    now = write(folder / "new", new, **new_has or {})
    with Roster(before) as one, Roster(now) as other:
        return compare(one, other)


def test_each_person_is_new_changed_unchanged_or_absent(tmp_path: Path) -> None:
    old = {1: Person(1), 2: Person(2), 3: Person(3), 4: Person(4)}
    new = {2: Person(2), 3: Person(33), 4: Person(4), 5: Person(5), 6: Person(6), 7: Person(7)}
    found = change(tmp_path, old, new)
    assert found == Change(new=3, changed=1, unchanged=2, absent=1)
    assert (found.before, found.now) == (4, 6)


def test_nobody_compares_with_anybody(tmp_path: Path) -> None:
    one = {1: Person()}
    assert change(tmp_path, {}, {}) == Change()
    assert change(tmp_path, {}, one) == Change(new=1)
    assert change(tmp_path, one, {}) == Change(absent=1)


def test_fields_are_lost_and_gained_by_those_who_are_in_both(tmp_path: Path) -> None:
    old = {1: Person(1, EMAIL), 2: Person(2, EMAIL), 3: Person(3, NAME), 4: Person(4, EMAIL)}
    new = {1: Person(9, NAME), 2: Person(9, NAME), 3: Person(9, EMAIL), 5: Person(5, NAME)}
    found = change(tmp_path, old, new)
    assert found.lost == {"preferred_email": 2}
    assert found.gained == {"preferred_email": 1}


def test_moves_from_group_to_group_are_counted(tmp_path: Path) -> None:
    old = {number: Person(1, group="UNDERGRAD") for number in range(5)} | {9: Person(1)}
    new = {number: Person(2, group="STAFF") for number in range(3)} | {
        3: Person(2, group="UNDERGRAD"),
        9: Person(2, group="STAFF"),
    }
    assert change(tmp_path, old, new).moved == {("UNDERGRAD", "STAFF"): 3, ("", "STAFF"): 1}


def test_fields_and_groups_go_by_name_and_not_by_number(tmp_path: Path) -> None:
    person = {1: Person(1, EMAIL, "STAFF")}
    other_order = {"fields": FIELDS[::-1], "groups": ("UNDERGRAD", "STAFF")}
    found = change(tmp_path, person, {1: Person(2, EMAIL, "STAFF")}, None, other_order)
    assert found == Change(changed=1)


def test_a_type_of_identifier_that_one_file_does_not_list_was_nobodys(tmp_path: Path) -> None:
    barcode = "identifier:BARCODE"
    lists_it = {"fields": (*FIELDS, barcode)}
    one, other = {1: Person(1, frozenset({barcode}))}, {1: Person(2)}
    assert change(tmp_path, one, other, lists_it).lost == {barcode: 1}
    assert change(tmp_path, other, one, None, lists_it).gained == {barcode: 1}


def test_a_field_that_one_version_did_not_look_for_is_neither_lost_nor_gained(
    tmp_path: Path,
) -> None:
    looks_for_it = {"fields": (*FIELDS, "middle_name")}
    one, other = {1: Person(1, frozenset({"middle_name"}))}, {1: Person(2)}
    assert change(tmp_path, one, other, looks_for_it) == Change(changed=1)
    assert change(tmp_path, other, one, None, looks_for_it) == Change(changed=1)


def test_a_type_for_which_a_roster_had_no_room_is_neither_lost_nor_gained(tmp_path: Path) -> None:
    barcode = "identifier:BARCODE"
    full = {"fields": [f"identifier:T{number}" for number in range(MAX_FIELDS)]}
    one, other = {1: Person(1, frozenset({barcode}))}, {1: Person(2)}
    lists_it = {"fields": (*FIELDS, barcode)}
    assert change(tmp_path, one, other, lists_it, full) == Change(changed=1)


def test_many_kinds_of_differences_are_all_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "_MOST_PAIRS", 3)
    groups = [f"G{number}" for number in range(20)]
    old = {number: Person(1, EMAIL, group) for number, group in enumerate(groups)}
    new = {number: Person(2, NAME, "G0") for number in range(20)}
    found = change(tmp_path, old, new, {"groups": groups}, {"groups": groups})
    assert found.lost == {"preferred_email": 20}
    assert found.moved == {(group, "G0"): 1 for group in groups[1:]}


def test_rosters_made_with_different_keys_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(RosterUnusable, match="different keys"):
        change(tmp_path, {1: Person()}, {1: Person()}, None, {"key": OTHER_KEY})
