import random

from sisdrop.records.duplicates import DigestSet, Identity, Register, normalise

KEY = b"a key for this test"


def test_identifiers_are_compared_without_case_and_surrounding_space() -> None:
    assert normalise("  Test-É ") == normalise("TEST-é") == "test-é"


def test_no_value_is_a_blank_one() -> None:
    assert (normalise(None), normalise(" \n")) == ("", "")


def test_the_set_knows_what_was_added_and_nothing_else() -> None:
    dice = random.Random(1)  # noqa: S311  # test data, not secrets
    digests = [dice.getrandbits(64) for _ in range(20_000)]
    seen = DigestSet()
    assert all(seen.add(digest) for digest in digests)
    assert not any(seen.add(digest) for digest in digests)
    assert len(seen) == 20_000
    assert all(digest in seen for digest in digests)
    assert not any(dice.getrandbits(64) in seen for _ in range(20_000))


def test_the_set_keeps_the_digest_that_is_zero() -> None:
    seen = DigestSet()
    assert 0 not in seen
    assert seen.add(0)
    assert 0 in seen


def test_the_set_takes_at_most_twenty_four_bytes_each() -> None:
    dice = random.Random(1)  # noqa: S311  # test data, not secrets
    seen = DigestSet()
    for _ in range(50_000):
        seen.add(dice.getrandbits(64))
    assert seen.size_bytes / len(seen) <= 24


def test_a_person_is_met_twice_whatever_the_case() -> None:
    register = Register(KEY)
    assert not register.meet(Identity.of("T1", []))
    assert register.meet(Identity.of(" t1 ", []))


def test_nobody_is_met_twice_without_an_id() -> None:
    register = Register(KEY)
    assert not register.meet(Identity.of("", []))
    assert not register.meet(Identity.of(None, []))


def test_an_identifier_is_taken_once_its_record_is_kept() -> None:
    register = Register(KEY)
    one, other = Identity.of("T1", ["B1"]), Identity.of("T2", ["b1"])
    assert not register.is_taken(other)
    register.keep(one)
    assert register.is_taken(other)


def test_primary_and_other_identifiers_share_one_namespace() -> None:
    register = Register(KEY)
    register.keep(Identity.of("T1", []))
    assert register.is_taken(Identity.of("T2", ["t1"]))


def test_the_same_person_may_return_with_their_own_identifiers() -> None:
    register = Register(KEY, same_person_may_return=True)
    register.keep(Identity.of("T1", ["B1"]))
    assert not register.is_taken(Identity.of("t1", ["B1", "B2"]))


def test_the_same_person_may_not_return_with_somebody_elses() -> None:
    register = Register(KEY, same_person_may_return=True)
    register.keep(Identity.of("T1", ["B1"]))
    register.keep(Identity.of("T2", ["B2"]))
    assert register.is_taken(Identity.of("T1", ["B1", "B2"]))


def test_a_value_under_two_labels_repeats() -> None:
    assert Identity.of("T1", ["t1"]).repeats
    assert Identity.of("T1", ["B1", "b1"]).repeats
    assert not Identity.of("T1", ["B1", "", None]).repeats
