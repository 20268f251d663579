"""The four files of the demo, and what must become of each. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sisdrop.demo import patrons
from sisdrop.errors import Reason
from sisdrop.model import Counts, State

FILE = "students.xml"
PEOPLE = 200


@dataclass(frozen=True, slots=True)
class Act:
    """One file that is dropped: what a person reads of it, its bytes, and its end.

    `rests` is the state in which it first comes to rest, with these counts and this reason;
    `ends` is its last state, once the held one is approved.
    """

    title: str
    content: bytes
    rests: State
    counts: Counts
    reason: Reason | None = None

    @property
    def ends(self) -> State:
        """The state at the very end."""
        return State.ARCHIVED if self.rests is State.HELD else self.rests

    @property
    def is_sent(self) -> bool:
        """Whether it reaches the server in the end."""
        return self.ends is State.ARCHIVED


def acts(now: datetime) -> tuple[Act, ...]:
    """The files of four nights, the first of them three nights ago."""
    crowd = patrons.people(PEOPLE, now.date())
    good = patrons.export(crowd, now - timedelta(days=3))
    faulty = patrons.export(_with_faults(crowd), now - timedelta(days=2))
    bare = patrons.export(patrons.without_emails(crowd), now)
    some_left_out = Counts(
        total=PEOPLE + 1, delivered=PEOPLE - 4, left_out=4, duplicates=1, warned=6
    )
    return (
        Act(
            f"A good file: {PEOPLE} students and staff",
            good,
            State.ARCHIVED,
            Counts(total=PEOPLE, delivered=PEOPLE),
        ),
        Act(
            "The next night: the same people, but a few records have faults",
            faulty,
            State.ARCHIVED,
            some_left_out,
        ),
        Act(
            "The night after: the very same file once more",
            faulty,
            State.DUPLICATE,
            some_left_out,
        ),
        Act(
            "The last night: all email addresses are missing, and Alma would erase them",
            bare,
            State.HELD,
            Counts(total=PEOPLE, delivered=PEOPLE, warned=PEOPLE),
            Reason.FIELD_LOSS,
        ),
    )


def _with_faults(crowd: list[patrons.Person]) -> list[patrons.Person]:
    """Three without expiry date and one with a blank barcode (left out), six warnings, one twice.

    No more than five records may be left out of so small a file before it is held.
    """
    crowd = patrons.without_expiry(crowd, 11, 76, 143)
    crowd = patrons.without_barcode(crowd, 30)
    crowd = patrons.without_postal_code(crowd, 3, 50, 51, 90, 120, 177)
    return patrons.with_second_record(crowd, 5)
