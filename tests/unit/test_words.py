import pytest

from sisdrop import words
from sisdrop.errors import HELD_REASONS, Reason
from sisdrop.model import Pickup, State, Verdict
from support.reports import file_view
from support.views import a_file

ALL = [*words.REASONS.values(), *words.STATES.values(), *words.VERDICTS.values()]


def test_every_reason_state_and_verdict_has_words() -> None:
    assert set(words.REASONS) == set(Reason)
    assert set(words.STATES) == set(State)
    assert set(words.VERDICTS) == set(Verdict)


def test_whatever_became_of_a_zip_is_told() -> None:
    assert set(words.PICKUPS) == set(Pickup)
    told = {pickup: words.outcome(a_file(pickup=pickup)) for pickup in Pickup}
    assert told == {
        Pickup.WAITING: "Delivered",
        Pickup.PICKED_UP: "Delivered, fetched by Alma",
        Pickup.VANISHED: "Delivered, gone since",
        Pickup.OVERDUE: "Delivered, not fetched",
    }
    assert words.outcome(a_file(pickup=Pickup.PICKED_UP, resent=1)) == (
        "Delivered again, fetched by Alma"
    )


@pytest.mark.parametrize("entry", ALL)
def test_words_are_short_titles_and_whole_sentences(entry: words.Words) -> None:
    assert 0 < len(entry.title) <= 60
    assert not entry.title.endswith(".")
    assert entry.meaning.endswith(".")
    assert entry.action.endswith((".", ")."))


@pytest.mark.parametrize("entry", words.REASONS.values())
def test_words_are_plain_text_that_fits_any_terminal(entry: words.Words) -> None:
    assert " ".join(entry).isascii()
    assert "  " not in " ".join(entry)


def test_titles_of_reasons_tell_them_apart() -> None:
    titles = [entry.title for entry in words.REASONS.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("reason", sorted(HELD_REASONS))
def test_a_held_file_is_decided_on_the_share_unless_only_the_operator_can(reason: Reason) -> None:
    how = words.how_to_decide(frozenset({reason}))
    if reason in {Reason.STALE, Reason.INTERNAL_ERROR}:
        assert how is None
        assert "operator" in words.REASONS[reason].action
    else:
        assert how is not None
        assert "approved" in how
        assert "delete" in how


def test_one_reason_that_needs_the_operator_decides_for_all() -> None:
    assert words.how_to_decide(frozenset({Reason.SHRUNK, Reason.STALE})) is None


def test_a_rehearsed_file_never_reads_as_delivered() -> None:
    assert words.outcome(file_view()) == "Delivered"
    assert words.outcome(file_view(rehearsed=True)) == "Rehearsed, not sent"
    assert words.outcome(file_view(rehearsed=True, state=State.REJECTED)) == "Rejected"
