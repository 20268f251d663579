from itertools import combinations

import pytest

from sisdrop.errors import (
    HELD_REASONS,
    OPERATOR_REASONS,
    REJECTED_REASONS,
    TRANSIENT_REASONS,
    Broken,
    ConfigError,
    FileRejected,
    NeedsOperator,
    Problem,
    Reason,
    ServiceError,
    Transient,
)

GROUPS = (REJECTED_REASONS, HELD_REASONS, TRANSIENT_REASONS, OPERATOR_REASONS)
KINDS = {
    FileRejected: REJECTED_REASONS,
    Transient: TRANSIENT_REASONS,
    NeedsOperator: OPERATOR_REASONS,
    Broken: frozenset({Reason.INTERNAL_ERROR}),
}


def test_every_reason_belongs_to_exactly_one_group() -> None:
    assert frozenset[Reason]().union(*GROUPS) == frozenset(Reason)
    assert all(not one & other for one, other in combinations(GROUPS, 2))


def test_every_reason_is_a_word_that_a_metric_label_may_carry() -> None:
    assert all(reason.value.replace("_", "").isalpha() for reason in Reason)
    assert all(reason.value == reason.name.lower() for reason in Reason)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_takes_its_own_reasons_and_no_other(kind: type[ServiceError]) -> None:
    for reason in KINDS[kind]:
        assert kind(reason, "do this").reason is reason
    for reason in set(Reason) - KINDS[kind]:
        with pytest.raises(ValueError, match=reason):
            kind(reason, "do this")


def test_an_error_says_its_reason_and_its_hint() -> None:
    error = Transient(Reason.CONNECT, "start the server")
    assert str(error) == "connect: start the server"
    assert (error.reason, error.hint, error.facts) == (Reason.CONNECT, "start the server", {})


def test_the_facts_of_an_error_are_its_own() -> None:
    facts: dict[str, str | int | float | bool] = {"port": 22}
    error = Transient(Reason.CONNECT, "start the server", facts)
    facts["port"] = 23
    assert error.facts == {"port": 22}


def test_all_problems_of_the_settings_are_told_at_once_one_a_line() -> None:
    problems = [Problem("data", "is required"), Problem("sftp.port", "must be below 65536")]
    error = ConfigError(problems)
    assert error.problems == problems
    assert str(error) == "data: is required\nsftp.port: must be below 65536"
