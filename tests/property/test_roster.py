import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sisdrop.comparison import compare
from sisdrop.model import Change
from sisdrop.roster import Roster, RosterUnusable, RosterWriter
from support.rosters import FIELDS, KEY, Person, digest, write

GROUPS = ("", "STAFF", "UNDERGRAD")
PEOPLE = st.builds(
    Person, st.integers(0, 2), st.frozensets(st.sampled_from(FIELDS)), st.sampled_from(GROUPS)
)
# Numbers that share their first byte, and numbers that do not.
NUMBERS = st.integers(0, 12) | st.integers(0, 12).map(lambda number: number << 56)
FILES = st.dictionaries(NUMBERS, PEOPLE, max_size=12)
RECORDS = st.lists(
    st.tuples(NUMBERS.map(digest), st.integers(0, 3).map(digest), st.integers(0, 7)), max_size=30
)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def expected(old: Mapping[int, Person], new: Mapping[int, Person]) -> Change:
    """The same from two dictionaries, by the definition of each count."""
    both = old.keys() & new.keys()
    differing = [(old[n], new[n]) for n in both if old[n].content != new[n].content]

    def count(of: str) -> tuple[int, int]:
        lost = sum(of in before.fields - now.fields for before, now in differing)
        return lost, sum(of in now.fields - before.fields for before, now in differing)

    shifts = {name: count(name) for name in FIELDS}
    moves = [(before.group, now.group) for before, now in differing if before.group != now.group]
    return Change(
        new=len(new.keys() - both),
        changed=len(differing),
        unchanged=len(both) - len(differing),
        absent=len(old.keys() - both),
        lost={name: lost for name, (lost, _) in shifts.items() if lost},
        gained={name: gained for name, (_, gained) in shifts.items() if gained},
        moved={move: moves.count(move) for move in moves},
    )


@settings(deadline=None, max_examples=50)
@given(old=FILES, new=FILES, fields=st.permutations(FIELDS), groups=st.permutations(GROUPS))
def test_a_comparison_is_that_of_two_dictionaries(
    old: dict[int, Person], new: dict[int, Person], fields: list[str], groups: list[str]
) -> None:
    with folder() as there:
        before = write(there / "old", old)
        now = write(there / "new", new, fields=fields, groups=groups)
        with Roster(before) as one, Roster(now) as other:
            assert compare(one, other) == expected(old, new)


@settings(deadline=None, max_examples=50)
@given(records=RECORDS, data=st.data())
def test_the_order_of_adding_leaves_no_trace(
    records: list[tuple[bytes, bytes, int]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(records))
    cut = data.draw(st.integers(0, len(records)))
    with folder() as there:
        made = []
        for batches in ([records], [shuffled[:cut], shuffled[cut:]]):
            writer = RosterWriter(KEY)
            for batch in batches:
                people, contents, words = zip(*batch, strict=True) if batch else ((), (), ())
                writer.add_all(people, contents, words)
            writer.finish(there / "roster", FIELDS, GROUPS)
            made.append((there / "roster").read_bytes())
        assert made[0] == made[1]


@settings(deadline=None, max_examples=50)
@given(people=FILES)
def test_everybody_comes_back_and_in_order(people: dict[int, Person]) -> None:
    with folder() as there, Roster(write(there / "roster", people)) as roster:
        entries = list(roster)
        assert [person for person, _, _ in entries] == sorted(map(digest, people))
        for number, person in people.items():
            entry = roster.find(digest(number))
            assert roster.fields_of(digest(number)) == person.fields
            assert entry is not None
            assert roster.group(entry[2]) == person.group


@settings(deadline=None, max_examples=50)
@given(content=st.binary(max_size=300) | st.binary(max_size=60).map(lambda b: b'{"format":' + b))
def test_bytes_that_are_no_roster_are_refused_and_nothing_worse(content: bytes) -> None:
    with folder() as there:
        (there / "roster").write_bytes(content)
        with pytest.raises(RosterUnusable):
            Roster(there / "roster")


@settings(deadline=None, max_examples=50)
@given(people=FILES, place=st.integers(0, 10_000), byte=st.integers(1, 255))
def test_no_byte_changes_unnoticed(people: dict[int, Person], place: int, byte: int) -> None:
    with folder() as there:
        content = bytearray(write(there / "roster", people).read_bytes())
        content[place % len(content)] ^= byte
        (there / "roster").write_bytes(content)
        with pytest.raises(RosterUnusable):
            Roster(there / "roster")


@settings(deadline=None, max_examples=50)
@given(people=FILES, size=st.integers(0, 10_000))
def test_half_a_roster_is_none(people: dict[int, Person], size: int) -> None:
    with folder() as there:
        content = write(there / "roster", people).read_bytes()
        (there / "roster").write_bytes(content[: size % len(content)])
        with pytest.raises(RosterUnusable):
            Roster(there / "roster")
