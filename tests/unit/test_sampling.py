import random

import pytest

from sisdrop.sampling import Choice, Spot, Taken, taken_json, taken_text


def choice(groups: str, most: int) -> Choice:
    """A choice from records of these groups, one letter each, ten bytes apart."""
    made = Choice(most)
    for number, group in enumerate(groups):
        made.offer(Spot(number * 10, number * 10 + 9, group))
    return made


def chosen(groups: str, most: int) -> list[int]:
    return [spot.start // 10 for spot in choice(groups, most).chosen]


def test_the_first_of_each_group_and_the_earliest_others_are_chosen() -> None:
    assert chosen("aaaabaaac", 4) == [0, 1, 4, 8]


@pytest.mark.parametrize(
    ("groups", "most", "places"),
    [
        ("", 3, []),
        ("a", 3, [0]),
        ("aaa", 3, [0, 1, 2]),
        ("aaab", 2, [0, 3]),
        ("ab", 2, [0, 1]),
        ("aaaaaaaaab", 10, list(range(10))),
        ("aabbcc", 3, [0, 2, 4]),
        ("aabbcc", 4, [0, 1, 2, 4]),
    ],
)
def test_which_are_chosen(groups: str, most: int, places: list[int]) -> None:
    assert chosen(groups, most) == places


def test_groups_without_room_are_counted_once_each() -> None:
    assert choice("abcdeabcde", 2).groups == 5
    assert choice("abab", 2).groups == 2


def test_every_record_of_a_group_is_counted() -> None:
    assert dict(choice("aabaaab", 2).counts) == {"a": 5, "b": 2}


def test_memory_grows_with_the_sample_only() -> None:
    made = Choice(5)
    for number in range(10_000):
        made.offer(Spot(number, number + 1, "ab"[number % 2]))
    assert len(made._others) + len(made._firsts) <= 10


def test_the_laws_of_a_choice() -> None:
    dice = random.Random(7)  # noqa: S311  # test data, not secrets
    for _ in range(300):
        groups = "".join(dice.choice("abcdef") for _ in range(dice.randrange(40)))
        most = dice.randrange(1, 12)
        made = choice(groups, most)
        assert made.groups == len(set(groups))
        if made.groups > most:
            continue
        spots = made.chosen
        assert len(spots) == min(most, len(groups))
        assert spots == sorted(spots, key=lambda spot: spot.start)
        assert {spot.group for spot in spots} == set(groups)
        assert all(groups[spot.start // 10] == spot.group for spot in spots)


def test_the_summary_says_how_many_of_how_many_for_each_group() -> None:
    taken = Taken("a.xml", {"GRAD": (1, 2000), "STAFF": (9, 98_000), "": (1, 1)})
    assert taken_text(taken).splitlines() == [
        "a.xml: 11 of 100,001 records that would be sent, from 3 user groups",
        "       1 of     2,000  GRAD",
        "       9 of    98,000  STAFF",
        "       1 of         1  (none)",
    ]
    assert taken_json(taken) == {
        "file": "a.xml",
        "records": 11,
        "of": 100_001,
        "groups": {
            "GRAD": {"records": 1, "of": 2000},
            "STAFF": {"records": 9, "of": 98_000},
            "": {"records": 1, "of": 1},
        },
    }


def test_no_name_reaches_the_terminal_as_it_is() -> None:
    text = taken_text(Taken("\x1b[2J.xml", {"\u202eG": (1, 1)}))
    assert all(char.isprintable() or char == "\n" for char in text)
