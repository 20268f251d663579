"""What a load changes, in people: the merge of two rosters."""

from collections import Counter
from collections.abc import Iterator, Sequence

from sisdrop.model import Change
from sisdrop.roster import MAX_FIELDS, Entry, Roster, RosterUnusable

_TYPE = "identifier:"
# So many different pairs of words are counted before they are summed up by field.
_MOST_PAIRS = 1 << 16


def compare(old: Roster, new: Roster) -> Change:
    """What a load of `new` after `old` changes, in one pass over both.

    Memory grows with the number of fields and groups, not with the number of people.

    Raises:
        RosterUnusable: if they were made with different keys.
    """
    if old.key_id != new.key_id:
        raise RosterUnusable("the rosters were made with different keys")
    added = absent = unchanged = changed = 0
    shifts = _Shifts(old, new)
    for before, now in _pairs(iter(old), iter(new)):
        if before is None:
            added += 1
        elif now is None:
            absent += 1
        elif before[1] == now[1]:
            unchanged += 1
        else:
            changed += 1
            shifts.add(before[2], now[2])
    shifts.sum_up()
    return Change(
        added,
        changed,
        unchanged,
        absent,
        dict(shifts.lost),
        dict(shifts.gained),
        dict(shifts.moved),
    )


def losses(now: Roster, before: Sequence[Roster]) -> Change:
    """What a load of `now` changes of what is known of its people from earlier files.

    Each is compared with the newest of these that lists them; they are given newest first. Nobody
    is absent: who is not in a file of changes is as before.
    """
    added = changed = unchanged = 0
    shifts = [_Shifts(old, now) for old in before]
    for person, content, word in now:
        for old, shift in zip(before, shifts, strict=True):
            if (entry := old.find(person)) is not None:
                same = entry[1] == content
                unchanged, changed = unchanged + same, changed + (not same)
                shift.add(entry[2], word)
                break
        else:
            added += 1
    lost: Counter[str] = Counter()
    for shift in shifts:
        shift.sum_up()
        lost.update(shift.lost)
    return Change(added, changed, unchanged, lost=dict(lost))


def _pairs(
    old: Iterator[Entry], new: Iterator[Entry]
) -> Iterator[tuple[Entry | None, Entry | None]]:
    """The two entries of each person; None where a roster does not hold the person."""
    before, now = next(old, None), next(new, None)
    while before is not None or now is not None:
        if now is None or (before is not None and before[0] < now[0]):
            yield before, None
            before = next(old, None)
        elif before is None or now[0] < before[0]:
            yield None, now
            now = next(new, None)
        else:
            yield before, now
            before, now = next(old, None), next(new, None)


class _Shifts:
    """How many people lose a field, gain one, or move to another group.

    Few pairs of words differ, so they are counted first and looked into once.
    """

    def __init__(self, old: Roster, new: Roster) -> None:
        self.lost: Counter[str] = Counter()
        self.gained: Counter[str] = Counter()
        self.moved: Counter[tuple[str, str]] = Counter()
        self._old, self._new = old, new
        self._untold = _untold(old, new) | _untold(new, old)
        self._pairs: Counter[tuple[int, int]] = Counter()

    def add(self, before: int, now: int) -> None:
        """Count a person by the two words."""
        self._pairs[before, now] += 1
        if len(self._pairs) > _MOST_PAIRS:
            self.sum_up()

    def sum_up(self) -> None:
        """Bring the counts up to date."""
        for (before, now), people in self._pairs.items():
            had, has = set(self._old.named(before)), set(self._new.named(now))
            self.lost.update(dict.fromkeys(had - has - self._untold, people))
            self.gained.update(dict.fromkeys(has - had - self._untold, people))
            groups = self._old.group(before), self._new.group(now)
            if groups[0] != groups[1]:
                self.moved[groups] += people
        self._pairs.clear()


def _untold(one: Roster, other: Roster) -> set[str]:
    """The fields of one roster of which the other says nothing.

    A type of identifier that it does not list was nobody's, unless it had no room for more; any
    other field was not looked for, by another version of this program.
    """
    had_room = len(other.fields) < MAX_FIELDS
    return {
        name
        for name in set(one.fields).difference(other.fields)
        if not (had_room and name.startswith(_TYPE))
    }
