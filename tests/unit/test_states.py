import pytest

from sisdrop import states
from sisdrop.model import State
from sisdrop.states import FINAL, OPEN, TRANSITIONS, IllegalTransition, check_transition


def reachable(start: State) -> set[State]:
    found: set[State] = set()
    todo = [start]
    while todo:
        for following in TRANSITIONS[todo.pop()] - found:
            found.add(following)
            todo.append(following)
    return found


def test_every_state_has_its_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(State)


def test_the_prose_table_speaks_of_every_state() -> None:
    rows = {
        line.split("|")[1].strip() for line in (states.__doc__ or "").splitlines() if "|" in line
    }
    assert set(State) <= rows


@pytest.mark.parametrize("before", State)
def test_only_the_steps_of_the_table_pass(before: State) -> None:
    for after in TRANSITIONS[before]:
        check_transition(before, after)
    for after in set(State) - TRANSITIONS[before]:
        with pytest.raises(IllegalTransition, match=f"from {before} to {after}") as caught:
            check_transition(before, after)
        assert (caught.value.before, caught.value.after) == (before, after)


def test_a_state_is_either_open_or_final() -> None:
    assert set(FINAL) == {State.ARCHIVED, State.REJECTED, State.DUPLICATE, State.SUPERSEDED}
    assert set(OPEN) == set(State) - FINAL
    assert len(OPEN) == len(set(OPEN))


def test_every_state_can_be_reached_from_the_claim() -> None:
    assert reachable(State.CLAIMED) | {State.CLAIMED} == set(State)


@pytest.mark.parametrize("state", OPEN)
def test_no_open_state_is_a_dead_end(state: State) -> None:
    assert reachable(state) & FINAL


def test_only_delivering_leads_to_delivered() -> None:
    assert [s for s in State if State.DELIVERED in TRANSITIONS[s]] == [State.DELIVERING]


def test_a_delivered_file_can_only_be_archived() -> None:
    assert TRANSITIONS[State.DELIVERED] == {State.ARCHIVED}
    assert State.DELIVERED in TRANSITIONS[State.DELIVERING]


def test_nothing_held_is_sent_without_being_judged_again() -> None:
    assert not TRANSITIONS[State.HELD] & {State.QUEUED, State.DELIVERING, State.DELIVERED}
