import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisdrop.records.duplicates import DigestSet, Identity, Register, digests
from sisdrop.records.facts import comparable

DICE = random.Random(1)  # noqa: S311  # test data, not secrets
BITS = [DICE.getrandbits(64) - (1 << 63) for _ in range(40_000)]


Line = tuple[str, str]


def line(primary: str, *others: str) -> Line:
    """The identifiers of a record as the check gives them."""
    one, other = comparable([primary.strip(), "".join(f"\t{value.strip()}" for value in others)])
    return one, other


def take_all(register: Register, lines: Sequence[Line]) -> bool:
    return register.take_all([one for one, _ in lines], [others for _, others in lines])


def of(primary: str, *others: str) -> Identity:
    return Identity.read(*line(primary, *others))


def test_the_set_knows_what_was_added_and_nothing_else() -> None:
    known, unknown = BITS[:20_000], BITS[20_000:]
    seen = DigestSet()
    assert all(seen.add_new([digest]) is not None for digest in known)
    assert not any(seen.add_new([digest]) is not None for digest in known)
    assert len(seen) == 20_000
    assert all(digest in seen for digest in known)
    assert not any(digest in seen for digest in unknown)


def test_a_small_set_takes_at_most_forty_eight_bytes_each() -> None:
    seen = DigestSet()
    for digest in BITS:
        seen.add_new([digest])
        assert len(seen) < 1000 or seen.size_bytes / len(seen) <= 48


def test_a_large_set_takes_at_most_twenty_four_bytes_each() -> None:
    seen = DigestSet()
    for start in range(0, 1_600_000, 20_000):
        seen.add_new(range(start + 1, start + 20_001))
        assert seen.size_bytes <= 8 << 20 or seen.size_bytes / len(seen) <= 24
    assert seen.size_bytes > 8 << 20


def test_all_are_taken_in_or_none() -> None:
    seen = DigestSet()
    assert seen.add_new([1, 2, 3]) is not None
    for some in ([4, 5, 2, 6], [4, 4], [4, 5, 6, 4], [3]):
        assert seen.add_new(some) is None
        assert len(seen) == 3
        assert [digest in seen for digest in (1, 2, 3, 4, 5, 6)] == [True] * 3 + [False] * 3
    assert seen.add_new([4, 5, 6]) is not None
    assert len(seen) == 6


def test_what_was_added_last_can_be_taken_back() -> None:
    seen = DigestSet()
    seen.add_new([1])
    filled = seen.add_new([1 + 1024, 2, 2 - 1024])
    assert filled is not None
    seen.undo(filled)
    assert [digest in seen for digest in (1, 1025, 2, -1022)] == [True, False, False, False]
    assert len(seen) == 1


def test_nothing_may_be_added() -> None:
    assert DigestSet().add_new([]) == []


def test_digests_are_never_the_mark_of_a_free_slot() -> None:
    values = ["", "a", *(str(n) for n in range(1000))]
    assert 0 not in digests(values)
    assert digests(values) == digests(values)


# Few slots of the smallest table, so that many collide, at its end too, where probing wraps round.
CROWDED = st.builds(
    lambda slot, turn: turn * 1024 + slot,
    st.sampled_from([0, 1, 2, 1021, 1022, 1023]),
    st.integers(-3, 3),
).filter(bool)


@given(st.lists(st.tuples(st.lists(CROWDED, max_size=6), st.booleans()), max_size=20))
def test_colliding_digests_are_held_like_in_any_set(rounds: list[tuple[list[int], bool]]) -> None:
    seen, oracle = DigestSet(), set[int]()
    ever = {digest for some, _ in rounds for digest in some}
    for some, is_undone in rounds:
        filled = seen.add_new(some)
        is_new = len(set(some)) == len(some) and oracle.isdisjoint(some)
        assert (filled is not None) == is_new
        if filled is not None and is_undone:
            seen.undo(filled)
        elif filled is not None:
            oracle |= set(some)
        assert len(seen) == len(oracle)
        assert {digest for digest in ever if digest in seen} == oracle


@pytest.mark.parametrize("most", [682, 683, 2_000])
def test_a_set_that_grows_while_it_refuses_keeps_what_it_had(most: int) -> None:
    seen = DigestSet()
    seen.add_new(BITS[:600])
    assert seen.add_new([*BITS[600:most], BITS[5]]) is None
    assert len(seen) == 600
    assert all(digest in seen for digest in BITS[:600])
    assert not any(digest in seen for digest in BITS[600:])
    filled = seen.add_new(BITS[600:most])
    assert filled is not None
    seen.undo(filled)
    assert all(digest in seen for digest in BITS[:600])
    assert not any(digest in seen for digest in BITS[600:])


def test_negative_digests_are_digests() -> None:
    seen = DigestSet()
    extremes = [-1, -(1 << 63), (1 << 63) - 1, 1]
    assert seen.add_new(extremes) is not None
    assert all(digest in seen for digest in extremes)
    assert -2 not in seen


def test_a_person_is_met_twice_whatever_the_case() -> None:
    register = Register()
    assert not register.meet(of("T1"))
    assert register.meet(of(" t1 "))


def test_nobody_is_met_twice_without_an_id() -> None:
    register = Register()
    assert not register.meet(of(""))
    assert not register.meet(of(""))


def test_an_identifier_is_taken_once_its_record_is_kept() -> None:
    register = Register()
    one, other = of("T1", "B1"), of("T2", "b1")
    assert not register.is_taken(other)
    register.keep(one)
    assert register.is_taken(other)


def test_primary_and_other_identifiers_share_one_namespace() -> None:
    register = Register()
    register.keep(of("T1"))
    assert register.is_taken(of("T2", "t1"))


def test_the_same_person_may_return_with_their_own_identifiers() -> None:
    register = Register(same_person_may_return=True)
    register.keep(of("T1", "B1"))
    assert not register.is_taken(of("t1", "B1", "B2"))


def test_the_same_person_may_not_return_with_somebody_elses() -> None:
    register = Register(same_person_may_return=True)
    register.keep(of("T1", "B1"))
    register.keep(of("T2", "B2"))
    assert register.is_taken(of("T1", "B1", "B2"))


def test_a_value_under_two_labels_repeats() -> None:
    assert of("T1", "t1").repeats
    assert of("T1", "B1", "b1").repeats
    assert not of("T1", "B1", "", "").repeats


def test_a_run_of_new_people_is_taken_at_once() -> None:
    register = Register()
    assert take_all(register, [line("T1", "B1"), line("T2"), line("", "B3"), line("")])
    assert register.meet(of("t2"))
    assert register.is_taken(of("T4", "b1"))
    assert register.is_taken(of("T4", "b3"))


REFUSED = {
    "a person twice": [line("T5"), line("t5")],
    "a person met before": [line("T5"), line("T1", "B5")],
    "an identifier taken before": [line("T5", "B5"), line("T6", "b1")],
    "a primary id taken as a barcode": [line("T5", "T1")],
    "an identifier twice": [line("T5", "B5"), line("T6", "B5")],
    "a person with one identifier twice": [line("T5", "B5", "b5")],
    "a person with their id for a barcode": [line("T5", "t5")],
    "somebody met whose record was left out": [line("T5", "B5"), line("T9", "B9")],
}


@pytest.mark.parametrize("run", REFUSED.values(), ids=REFUSED)
def test_a_run_that_is_not_all_new_leaves_no_trace(run: Sequence[Line]) -> None:
    register = Register()
    assert take_all(register, [line("T1", "B1")])
    assert not register.meet(of("T9"))
    assert not take_all(register, run)
    for value in ("t5", "t6", "b5", "b9"):
        assert not register.is_taken(of("X", value))
    assert not register.meet(of("T5"))
    assert not register.meet(of("T6"))
    assert register.meet(of("T1"))
    assert register.meet(of("T9"))


def test_no_run_is_taken_at_once_where_a_person_may_return() -> None:
    """Whose an identifier is must be remembered then, record by record."""
    register = Register(same_person_may_return=True)
    assert not take_all(register, [line("T1")])
    assert not register.meet(of("T1"))
    assert not register.is_taken(of("X", "T1"))
