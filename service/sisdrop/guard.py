"""What happens to a refined file, given what was sent before: one pure function, one table.

| the file                                                   | decision  |
|------------------------------------------------------------|-----------|
| has no record that can be delivered                        | reject    |
| repeats records, and the settings say reject               | reject    |
| is what was sent last                                      | duplicate |
| was sent before and is older than what was sent last       | hold      |
| left out too many records                                  | hold      |
| is the first of its stream, and the settings say hold      | hold      |
| has lost or gained too much against what was sent last     | hold      |
| changes nobody, or leaves everybody to other streams       | nothing   |
| anything else                                              | queue     |

A file of a stream that carries changes only is never old, never the first, and may be empty; of
its people those are judged whose earlier record is known.

A person's approval lifts the holds that were shown, for exactly the bytes that were shown; an old
file needs an approval that says so. It lifts nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sisdrop.errors import Reason
from sisdrop.model import Approval, Change, Counts, Fatal, FileRow, HeldFor, Profile, Signature
from sisdrop.plain import field_values, field_words

# Fewer records than this are noise in a small file, not a broken extract.
MIN_RECORDS_CHANGED = 25
_MIN_LEFT_OUT = 5
# In a smaller file a few people are a large share.
_MIN_PEOPLE = 50
# The code of a smaller user group may tell who is in it, so no sentence names it.
MIN_GROUP = 5
_NOBODY_IN_IT = frozenset({Reason.XML_EMPTY, Reason.XML_NO_RECORDS})
# Far below any limit that can be written: shares are floats, and 30 % of 100 is not more than 30 %.
_ROUNDING = 1e-9

_STATES = {
    "expired": "have expired",
    "due_for_purge": "are due for purge",
    "inactive": "are inactive",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a file may differ from the one before it; None switches a limit off.

    Shares are fractions (0.2 is 20 %). `full` is false for a stream that carries changes only,
    where counts mean nothing.
    """

    max_drop: float | None
    max_rise: float | None
    max_group_drop: float | None
    min_group: int
    max_field_loss: float | None
    max_state_rise: float | None
    max_left_out: float | None
    max_new: float | None
    max_absent: float | None
    hold_first_load: bool
    refuse_duplicates: bool
    full: bool = True


@dataclass(frozen=True, slots=True)
class Judged:
    """The facts of the file itself that the guard looks at.

    `sha256` is the digest of its bytes, for which an approval was given; `content` is that of the
    XML if it came in a zip. The same XML is the same file however it was packed. `change` is what
    it would change of what Alma will hold when it arrives, where that is known; in a stream of
    changes, of those people of whom something is known. `cuts_digest` is that of `Refined`.
    """

    sha256: str
    signature: Signature
    counts: Counts
    profile: Profile
    approval: Approval | None = None
    content: str | None = None
    change: Change | None = None
    cuts_digest: str | None = None

    def is_content_of(self, row: FileRow) -> bool:
        """Whether a file held the same XML."""
        return row.content == (self.content or self.sha256)


@dataclass(frozen=True, slots=True)
class History:
    """What was sent before in this stream.

    `last` is the newest file on its way or delivered, `same` the newest with the same XML,
    `loaded` the newest that this one would not replace in the queue: what Alma will hold when
    this file arrives.
    """

    last: FileRow | None = None
    same: FileRow | None = None
    loaded: FileRow | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """Send it; `note` says what a reader of the audit trail should know."""

    note: str | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Send nothing: `of` was sent last and is the same."""

    of: FileRow


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to send, and nothing wrong with that; `hint` says why."""

    hint: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A person decides."""

    held_for: tuple[HeldFor, ...]


@dataclass(frozen=True, slots=True)
class Reject:
    """The file is refused as a whole."""

    reason: Reason
    hint: str


Decision = Queue | Nothing | Duplicate | Hold | Reject


def condemn(fatal: Fatal, limits: Limits) -> Decision:
    """Say what happens to a file of which nothing can be read."""
    if not limits.full and fatal.reason in _NOBODY_IN_IT:
        return Nothing("the file lists nobody, so nobody has changed")
    return Reject(fatal.reason, f"{fatal.message} {fatal.hint}")


def decide(judged: Judged, history: History, limits: Limits) -> Decision:
    """Say what happens to a file."""
    refused = _refuse(judged.counts, limits)
    if refused is not None:
        return refused
    last = history.last
    if last is not None and _is_same(judged, last):
        return Duplicate(last)
    given = judged.approval
    approval = given if given is not None and given.sha256 == judged.sha256 else None
    note = None
    if limits.full and last is not None and history.same is not None:
        if _is_stale(judged, last) and not (approval is not None and approval.stale):
            return Hold((_stale(history.same, last),))
        note = _again(judged, history.same)
    found = _holds(judged, history.loaded or last, limits)
    if holds := tuple(held for held in found if not _is_lifted(held, approval)):
        return Hold(holds)
    if judged.counts.delivered == 0:
        return Nothing("everybody in the file is left to another stream")
    return Queue(note)


def _is_lifted(held: HeldFor, approval: Approval | None) -> bool:
    """Whether a person's word covers it: what was shown, and with an old file all there is."""
    if approval is None:
        return False
    return approval.stale or approval.lifts is None or held.reason in approval.lifts


def _again(judged: Judged, same: FileRow) -> str:
    if _sends_the_same(judged, same):
        return f"the same file as {same.id}, sent again on purpose"
    return f"the same file as {same.id}, but other records of it are sent"


def _refuse(counts: Counts, limits: Limits) -> Reject | None:
    if limits.refuse_duplicates and counts.duplicates:
        return Reject(
            Reason.DUPLICATES_REFUSED,
            f"{_records(counts.duplicates)} repeated an earlier person, and this stream is set"
            " to refuse such files; send each person once",
        )
    if counts.delivered == 0 and (counts.left_out or not counts.yielded):
        none = "the only record" if counts.total == 1 else f"none of the {counts.total:,} records"
        could = "could not" if counts.total == 1 else "could"
        return Reject(
            Reason.NO_DELIVERABLE_RECORDS,
            f"{none} {could} be delivered; mend what the report lists and drop the file again",
        )
    return None


def _is_same(judged: Judged, last: FileRow) -> bool:
    return judged.is_content_of(last) and _sends_the_same(judged, last)


def _sends_the_same(judged: Judged, row: FileRow) -> bool:
    """Whether of the same XML the same was sent; warnings change nothing in what is sent."""
    if row.counts is None or judged.cuts_digest is None or row.cuts_digest is None:
        sent = None if row.counts is None else replace(row.counts, warned=judged.counts.warned)
        return sent == judged.counts
    return judged.cuts_digest == row.cuts_digest


def _is_stale(judged: Judged, last: FileRow) -> bool:
    """Sent before, and written before what was sent last: somebody dropped an old file."""
    is_older = judged.signature.mtime_ns < last.signature.mtime_ns
    return is_older and not judged.is_content_of(last)


def _stale(same: FileRow, last: FileRow) -> HeldFor:
    return HeldFor(
        Reason.STALE,
        f"this was sent as {same.id} already, and {last.id}, which is"
        " newer, went out after it; sending the old file would undo the newer one",
    )


def _holds(judged: Judged, last: FileRow | None, limits: Limits) -> Iterator[HeldFor]:
    yield from _left_out(judged.counts, limits)
    if not limits.full:
        yield from _losses(judged.profile, judged.change, limits)
        return
    if last is None or last.profile is None:
        if limits.hold_first_load:
            yield HeldFor(
                Reason.FIRST_LOAD,
                f"this is the first file of its stream, with {_records(judged.counts.delivered)};"
                " look at its report before Alma loads it",
            )
        return
    yield from _sizes(judged.profile, last.profile, limits)
    if judged.change is not None:
        yield from _people(judged.change, limits)
    yield from _groups(judged.profile, last.profile, limits)
    yield from _fields(judged.profile, last.profile, judged.change, limits)
    yield from _states(judged.profile, last.profile, limits)


def _left_out(counts: Counts, limits: Limits) -> Iterator[HeldFor]:
    if limits.max_left_out is None or counts.left_out == 0:
        return
    floor = _MIN_LEFT_OUT if limits.max_left_out > 0 else 0
    share = counts.left_out / counts.total
    if counts.left_out > floor and _is_beyond(share, limits.max_left_out):
        yield HeldFor(
            Reason.TOO_MANY_LEFT_OUT,
            f"{counts.left_out:,} of {_records(counts.total)} would be left out for errors"
            f" ({_percent(share)}; the limit is"
            f" {_percent(limits.max_left_out)})",
        )


def _sizes(now: Profile, before: Profile, limits: Limits) -> Iterator[HeldFor]:
    if before.records == 0:
        return
    change = now.records / before.records - 1
    sentence = f"{before.records:,} people last time, {now.records:,} now"
    if limits.max_drop is not None and _is_beyond(-change, limits.max_drop):
        yield HeldFor(
            Reason.SHRUNK,
            f"{sentence}: {_percent(-change)} fewer, the limit is {_percent(limits.max_drop)}",
        )
    if limits.max_rise is not None and _is_beyond(change, limits.max_rise):
        yield HeldFor(
            Reason.GROWN,
            f"{sentence}: {_percent(change)} more, the limit is {_percent(limits.max_rise)}",
        )


def _people(change: Change, limits: Limits) -> Iterator[HeldFor]:
    """An identifier that was switched leaves counts and coverage alone: all people are new."""
    if limits.max_new is not None and change.now >= _MIN_PEOPLE:
        share = change.new / change.now
        if _is_beyond(share, limits.max_new):
            yield HeldFor(
                Reason.TOO_MANY_NEW,
                f"{change.new:,} of {change.now:,} people were not in the last file"
                f" ({_percent(share)}; the limit is {_percent(limits.max_new)}); was the"
                " identifier switched? Alma would create them a second time",
            )
    if limits.max_absent is not None and change.before >= _MIN_PEOPLE:
        share = change.absent / change.before
        if _is_beyond(share, limits.max_absent):
            yield HeldFor(
                Reason.TOO_MANY_ABSENT,
                f"{change.absent:,} of the last file's {change.before:,} people are missing"
                f" ({_percent(share)}; the limit is {_percent(limits.max_absent)})",
            )


def _groups(now: Profile, before: Profile, limits: Limits) -> Iterator[HeldFor]:
    if limits.max_group_drop is None:
        return
    for group, count in sorted(before.groups.items()):
        left = now.groups.get(group, 0)
        if count < max(MIN_GROUP, limits.min_group):
            continue
        if _is_beyond(1 - left / count, limits.max_group_drop):
            yield HeldFor(
                Reason.GROUP_SHRUNK,
                f"user group {group}: {count:,} people last time, {left:,} now; the limit is"
                f" {_percent(limits.max_group_drop)} fewer",
            )


def _fields(
    now: Profile, before: Profile, change: Change | None, limits: Limits
) -> Iterator[HeldFor]:
    if limits.max_field_loss is None or not now.records or not before.records:
        return
    for field, count in sorted(before.coverage.items()):
        had, has = count / before.records, now.coverage.get(field, 0) / now.records
        lost = round((had - has) * now.records)
        if _is_beyond(had - has, limits.max_field_loss) and lost >= MIN_RECORDS_CHANGED:
            yield HeldFor(
                Reason.FIELD_LOSS,
                f"{field_words(field)}: {_percent(had)} of records last time, {_percent(has)} now;"
                f" {_erased(field, lost, change)}",
            )


def _erased(field: str, about: int, change: Change | None) -> str:
    """What Alma would do; coverage can also fall because new people come without the field."""
    if change is None:
        return f"Alma would erase about {field_values(field, about)}"
    if people := change.lost.get(field):
        return f"Alma would erase {field_values(field, people)}"
    return "Alma would erase it wherever it is gone"


def _losses(now: Profile, change: Change | None, limits: Limits) -> Iterator[HeldFor]:
    """Person by person, where counts mean nothing."""
    if change is None or limits.max_field_loss is None:
        return
    known = change.changed + change.unchanged
    for field, people in sorted(change.lost.items()):
        if field not in now.coverage and not field.startswith("identifier:"):
            continue  # a part of another field
        if people >= MIN_RECORDS_CHANGED and _is_beyond(people / known, limits.max_field_loss):
            yield HeldFor(
                Reason.FIELD_LOSS,
                f"{field_words(field)}: {people:,} of {known:,} people had one when they were last"
                f" sent and have none now; Alma would erase {field_values(field, people)}",
            )


def _states(now: Profile, before: Profile, limits: Limits) -> Iterator[HeldFor]:
    if limits.max_state_rise is None or not now.records or not before.records:
        return
    for state, words in _STATES.items():
        had = before.states.get(state, 0) / before.records
        has = now.states.get(state, 0) / now.records
        more = round((has - had) * now.records)
        if _is_beyond(has - had, limits.max_state_rise) and more >= MIN_RECORDS_CHANGED:
            yield HeldFor(
                Reason.STATE_RISE,
                f"{_percent(has)} of people {words}, {_percent(had)} last time: about {more:,}"
                " more; was the table of terms rolled over?",
            )


def _is_beyond(share: float, limit: float) -> bool:
    return share - limit > _ROUNDING


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"


def _percent(share: float) -> str:
    """With a decimal where it tells something: 20.4 % is beyond a limit of 20 %."""
    return f"{share * 100:.1f}".removesuffix(".0") + " %"
