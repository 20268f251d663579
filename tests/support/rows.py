"""Builders of ledger rows and what they are made of; every value is invented."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sisdrop.ledger import Ledger
from sisdrop.model import Claim, Counts, FileRow, Profile, Signature, State
from support.clock import START

DIGEST = "ab" * 32
OTHER_DIGEST = "cd" * 32
SIGNATURE = Signature(2_345_678, 1_700_000_000_000_000_000, 4711)

# The ways through the table that lead to each state.
WAYS: Mapping[State, tuple[State, ...]] = {
    State.CLAIMED: (),
    State.REFINED: (State.REFINED,),
    State.HELD: (State.REFINED, State.HELD),
    State.QUEUED: (State.REFINED, State.QUEUED),
    State.DELIVERING: (State.REFINED, State.QUEUED, State.DELIVERING),
    State.DELIVERED: (State.REFINED, State.QUEUED, State.DELIVERING, State.DELIVERED),
    State.ARCHIVED: (
        State.REFINED,
        State.QUEUED,
        State.DELIVERING,
        State.DELIVERED,
        State.ARCHIVED,
    ),
    State.REJECTED: (State.REFINED, State.REJECTED),
    State.DUPLICATE: (State.REFINED, State.DUPLICATE),
    State.SUPERSEDED: (State.REFINED, State.QUEUED, State.SUPERSEDED),
}


def file_id(hours: float = 0) -> str:
    """The id of a file claimed so many hours after the start of the story."""
    return f"{START + timedelta(hours=hours):%Y%m%dT%H%M%SZ}-4f7c"


def counts(delivered: int = 1000, left_out: int = 0, **changes: int) -> Counts:
    """The counts of a file that adds up."""
    total = delivered + left_out + changes.get("duplicates", 0) + changes.get("yielded", 0)
    return Counts(total, delivered, left_out, **changes)


def profile(
    records: int = 1000,
    groups: Mapping[str, int] | None = None,
    coverage: Mapping[str, int] | None = None,
    states: Mapping[str, int] | None = None,
) -> Profile:
    """The profile of a file of `records` people."""
    return Profile(records, dict(groups or {}), dict(coverage or {}), dict(states or {}))


def a_row(state: State = State.ARCHIVED, hours: float = 0, **changes: Any) -> FileRow:
    """A file of students, claimed so many hours after the start of the story."""
    at = START + timedelta(hours=hours)
    row = FileRow(
        id=file_id(hours),
        name="students.xml",
        stream="students",
        state=state,
        since=at,
        claimed_at=at,
        signature=SIGNATURE,
        sha256=DIGEST,
        counts=counts(),
        profile=profile(),
    )
    return replace(row, **changes)


def a_claim(hours: float = 0, **changes: Any) -> Claim:
    """The intention to take `students.xml`."""
    path = b"/inbox/students.xml"
    claim = Claim(file_id(hours), "students.xml", "students", path, None, SIGNATURE)
    return replace(claim, **changes)


def put(
    ledger: Ledger, state: State, hours: float = 0, claim: Claim | None = None, **changes: Any
) -> FileRow:
    """Lead a new file through the table into a state, and set fields on it there."""
    at: datetime = START + timedelta(hours=hours)
    claim = claim or a_claim(hours)
    ledger.intend_claim(claim)
    row = ledger.accept_claim(claim, at)
    for step in WAYS[state]:
        row = ledger.move(row, step, at, "sisdrop")
    return ledger.update(row, **changes) if changes else row
