import random
from collections import Counter
from collections.abc import Mapping

import pytest

from sisdrop.difference import MAX_FIELDS, Codes, Difference, Packing, Shift, compare
from sisdrop.profile import MAX_GROUPS, OTHER

ANN, BOB, CY = (bytes([n]) * 8 for n in (1, 2, 3))
Known = Mapping[bytes, tuple[str, Mapping[str, int]]]


def difference(old: Known, new: Known) -> Difference:
    packing, found = Packing(), Difference()
    before, after = (
        [packing.pack(person, group, held) for person, (group, held) in side.items()]
        for side in (old, new)
    )
    compare(packing, before, after, found)
    return found


def test_people_are_new_absent_changed_or_unchanged() -> None:
    found = difference(
        {ANN: ("GRAD", {"a": 1}), BOB: ("GRAD", {"a": 1}), bytes(8): ("STAFF", {"a": 1})},
        {CY: ("FACULTY", {"a": 1}), BOB: ("GRAD", {"a": 1}), ANN: ("GRAD", {"a": 2})},
    )
    assert (found.new, found.absent, found.changed, found.unchanged) == (1, 1, 1, 1)
    assert found.new_groups == {"FACULTY": 1}
    assert found.absent_groups == {"STAFF": 1}


def test_a_field_is_lost_gained_or_changed() -> None:
    found = difference(
        {ANN: ("GRAD", {"gone": 1, "same": 2, "other": 3})},
        {ANN: ("GRAD", {"other": 4, "same": 2, "come": 5})},
    )
    assert found.fields == {
        "gone": Shift(lose=1),
        "come": Shift(gain=1),
        "other": Shift(change=1),
    }
    assert found.losses == [("gone", 1)]


def test_who_is_new_or_absent_loses_and_gains_nothing() -> None:
    found = difference({ANN: ("GRAD", {"a": 1})}, {BOB: ("GRAD", {"b": 1})})
    assert found.fields == {}


def test_the_order_of_fields_is_no_change() -> None:
    found = difference({ANN: ("GRAD", {"a": 1, "b": 2})}, {ANN: ("GRAD", {"b": 2, "a": 1})})
    assert (found.unchanged, found.changed) == (1, 0)


def test_a_digest_of_zero_is_a_value_too() -> None:
    found = difference({ANN: ("GRAD", {"a": 0})}, {ANN: ("GRAD", {})})
    assert found.fields == {"a": Shift(lose=1)}


def test_moves_are_counted_from_group_to_group() -> None:
    found = difference(
        {ANN: ("GRAD", {"user_group": 1}), BOB: ("GRAD", {"user_group": 1}), CY: ("", {})},
        {
            ANN: ("STAFF", {"user_group": 2}),
            BOB: ("STAFF", {"user_group": 2}),
            CY: ("GRAD", {"user_group": 1}),
        },
    )
    assert found.moves == Counter({("GRAD", "STAFF"): 2, ("", "GRAD"): 1})
    assert found.fields == {"user_group": Shift(gain=1, change=2)}


def test_a_person_known_to_be_as_before_needs_no_fields() -> None:
    packing, found = Packing(), Difference()
    compare(packing, [packing.pack(ANN, "GRAD", {"a": 1})], [ANN], found)
    assert (found.unchanged, found.changed, found.fields) == (1, 0, {})


def test_the_worst_loss_comes_first_and_equals_by_name() -> None:
    fields = {"b": Shift(lose=2), "a": Shift(lose=2), "c": Shift(lose=9), "d": Shift(gain=99)}
    assert Difference(fields=fields).losses == [("c", 9), ("a", 2), ("b", 2)]


@pytest.mark.parametrize(
    ("new", "absent", "both", "switched"),
    [
        (100, 100, 0, True),
        (90, 90, 10, True),
        (89, 90, 11, False),
        (100, 5, 95, False),
        (9, 9, 0, False),
        (10, 10, 1, True),
        (0, 0, 100, False),
    ],
)
def test_an_identifier_was_switched_when_nearly_nobody_is_in_both(
    new: int, absent: int, both: int, switched: bool
) -> None:
    assert Difference(new=new, absent=absent, unchanged=both).is_switched is switched
    assert Difference(new=new, absent=absent, changed=both).is_switched is switched


def test_what_is_packed_comes_back() -> None:
    dice = random.Random(3)  # noqa: S311  # test data, not secrets
    packing = Packing()
    for _ in range(200):
        held = {f"f{dice.randrange(60)}": dice.getrandbits(32) for _ in range(dice.randrange(40))}
        group = f"G{dice.randrange(20)}"
        packed = packing.pack(ANN, group, held)
        assert packed[:8] == ANN
        assert packing.group(packed[8:]) == group
        assert packing.values(packed[8:]) == held


def test_words_beyond_the_most_share_a_number() -> None:
    codes = Codes(4)
    numbers = [codes.number(word) for word in ("a", "b", "c", "d", "e", "a")]
    assert numbers == [0, 1, 2, 3, 3, 0]
    assert [codes[n] for n in range(4)] == ["a", "b", "c", OTHER]


def test_a_file_full_of_groups_and_fields_can_be_packed() -> None:
    packing = Packing()
    for number in range(MAX_GROUPS + 5):
        packing.pack(ANN, f"G{number}", {})
    packed = packing.pack(ANN, "one more", {f"f{n}": n for n in range(MAX_FIELDS + 5)})
    assert packing.group(packed[8:]) == OTHER
    assert packing.values(packed[8:])["f0"] == 0
