"""Who yields to whom, from the decision to the bytes that go out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sisdrop.log import LogEvent
from sisdrop.model import Refined, State
from sisdrop.precedence import Precedence, stronger
from sisdrop.records.check import Checker, person
from sisdrop.records.crew import Crew
from sisdrop.records.refine import refine
from sisdrop.roster import ROSTER
from support.documents import read
from support.refining import LIMITS, builtin_rules, builtin_schema
from support.world import World, folder_in_memory
from support.xml import Patron, patrons, user, users

KEY = b"a key for this test"
USING = Checker(builtin_schema(), builtin_rules(), key=KEY)
# The last one listed wins.
STREAMS = [
    {"name": "students", "match": ["students*.xml"]},
    {"name": "staff", "match": ["staff*.xml"]},
]


class Listed:
    """The people of a file."""

    def __init__(self, *people: bytes) -> None:
        self._people = frozenset(people)

    def find(self, person: bytes) -> object | None:
        """Anything for somebody who is in it."""
        return True if person in self._people else None


def staff(*people: Patron) -> Precedence:
    """All of these are staff."""
    return Precedence({"staff": [Listed(*(person(KEY, one.primary_id.lower()) for one in people))]})


def document(*records: str) -> bytes:
    return users(*records).encode()


# The decision.


def test_a_person_is_left_to_the_strongest_stream_that_lists_them() -> None:
    listings = {"staff": [Listed(b"a")], "faculty": [Listed(b"a", b"b")]}
    precedence = Precedence(listings)
    assert precedence.winners([b"a", b"b", b"c", b"a"]) == {0: "staff", 1: "faculty", 3: "staff"}


def test_a_stream_whose_people_are_not_known_takes_nobody() -> None:
    assert Precedence({"staff": []}).winners([b"a"]) == {}


def test_only_streams_that_list_everybody_and_come_later_take_people_the_last_one_first() -> None:
    streams = {"a": (1, True), "b": (2, True), "c": (3, False), "d": (4, True)}
    assert stronger(1, streams) == ["d", "b"]
    assert stronger(4, streams) == []
    assert stronger(3, streams) == ["d"]


# The read.


def test_who_is_left_to_another_stream_is_cut_out_and_counted_apart(tmp_path: Path) -> None:
    people = patrons(3)
    path = tmp_path / "work"
    path.write_bytes(document(*map(user, people)))
    found = refine(
        path, None, "F1", "a.xml", tmp_path, USING, LIMITS, lambda _: None,
        precedence=staff(people[1]),
    )  # fmt: skip
    assert isinstance(found, Refined)
    assert (found.counts.total, found.counts.delivered, found.counts.yielded) == (3, 2, 1)
    assert (found.counts.left_out, found.yielded_to, found.findings) == (0, {"staff": 1}, ())
    assert found.profile.records == 2
    assert (tmp_path / ROSTER).exists()


def test_other_people_who_are_left_out_make_other_bytes_of_the_same_file() -> None:
    people = patrons(3)
    content = document(*map(user, people))
    one, other = (read(content, 1 << 18, USING, precedence=staff(who)) for who in people[:2])
    assert one.counts == other.counts
    assert one.cuts != other.cuts


def test_the_person_is_known_whatever_the_case_of_the_identifier() -> None:
    (patron,) = patrons(1)
    shouting = user(patron).replace(patron.primary_id, patron.primary_id.upper())
    found = read(document(shouting), 1 << 18, USING, precedence=staff(patron))
    assert found.counts.yielded == 1


def test_a_fault_of_somebody_left_to_another_stream_is_not_held_against_the_file() -> None:
    bad, good = patrons(2)
    broken = user(bad).replace(f"<last_name>{bad.last_name}</last_name>", "")
    found = read(document(broken, user(good)), 1 << 18, USING, precedence=staff(bad))
    assert (found.counts.yielded, found.counts.left_out, found.findings) == (1, 0, ())


def test_the_second_record_of_somebody_who_is_left_to_another_stream_is_a_duplicate_still() -> None:
    (patron,) = patrons(1)
    found = read(document(user(patron), user(patron)), 1 << 18, USING, precedence=staff(patron))
    assert (found.counts.yielded, found.counts.duplicates) == (1, 1)


def test_slices_that_are_checked_ahead_leave_the_same_people_to_others() -> None:
    people = patrons(60)
    content = document(*map(user, people))
    precedence = staff(*people[::7])
    with Crew(USING, 2) as crew:
        found = read(content, 5000, USING, crew, precedence=precedence)
    assert found == read(content, 1 << 18, USING, precedence=precedence)
    assert found.counts.yielded == 9


# The story of a student who works.


def people(*names: str) -> bytes:
    records = "".join(f"<user>{name}</user>\n" for name in names)
    return f"<users>\n{records}</users>\n".encode()


@pytest.fixture
def world() -> Iterator[World]:
    with folder_in_memory() as folder, World(folder, streams=STREAMS) as made:
        yield made


def dropped(world: World, name: str, *names: str) -> State:
    world.drop(people(*names), name)
    world.run()
    return world.rows()[-1].state


def newest(world: World) -> bytes:
    """What went out last."""
    return list(world.sent().values())[-1]


def test_a_student_who_works_is_sent_with_staff_only(world: World) -> None:
    assert dropped(world, "staff.xml", "ann", "bob") is State.ARCHIVED
    assert dropped(world, "students.xml", "cleo", "ann=student", "dan") is State.ARCHIVED
    assert newest(world) == people("cleo", "dan")
    row = world.rows()[-1]
    assert row.counts is not None
    assert (row.counts.delivered, row.counts.yielded) == (2, 1)
    assert world.report(row)["records"]["yielded"] == 1
    assert world.report(row)["yielded_to"] == {"staff": 1}


def test_the_winner_leaves_nobody_to_the_others(world: World) -> None:
    dropped(world, "students.xml", "ann=student", "cleo")
    dropped(world, "staff.xml", "ann", "bob")
    assert newest(world) == people("ann", "bob")


def test_only_one_of_the_two_files_changed_and_the_other_is_dropped_again(world: World) -> None:
    """Nothing of it changed, and nothing else would be sent: it is a duplicate."""
    dropped(world, "staff.xml", "ann", "bob")
    dropped(world, "students.xml", "ann=student", "cleo")
    dropped(world, "staff.xml", "ann", "bob", "eve")
    assert dropped(world, "students.xml", "ann=student", "cleo") is State.DUPLICATE


def test_who_stops_working_comes_with_the_next_students_even_if_that_file_is_the_same(
    world: World,
) -> None:
    dropped(world, "staff.xml", "ann", "bob")
    dropped(world, "students.xml", "ann=student", "cleo")
    dropped(world, "staff.xml", "bob", "eve")
    assert dropped(world, "students.xml", "ann=student", "cleo") is State.ARCHIVED
    assert newest(world) == people("ann=student", "cleo")


def test_a_file_in_which_all_are_left_to_others_is_accepted_and_nothing_goes_out(
    world: World,
) -> None:
    dropped(world, "staff.xml", "ann", "bob")
    assert dropped(world, "students.xml", "ann=student") is State.ARCHIVED
    assert len(world.sent()) == 1
    assert world.rows()[-1].hint == "everybody in the file is left to another stream"
    assert world.metric('files_total{outcome="nothing",stream="students"}') == 1.0


def test_a_file_that_was_read_before_the_winner_came_is_read_again(world: World) -> None:
    dropped(world, "staff.xml", "ann")
    world.drop(people("bob=student", "cleo"), "students.xml")
    world.scan()
    world.scan()
    (row,) = world.ledger.in_states(State.CLAIMED)
    world.shop.stages.intake.refine(row)
    assert world.get(row).state is State.REFINED
    # Meanwhile bob became staff.
    world.drop(people("ann", "bob"), "staff.xml")
    world.scan()
    world.scan()
    newer = world.only(State.CLAIMED)
    world.shop.stages.intake.refine(newer)
    world.shop.stages.verdicts.apply(world.get(newer))
    world.run()
    assert world.log.count(LogEvent.FILE_OUTDATED) == 1
    assert newest(world) == people("cleo")
    assert not any(b"student" in content for content in world.sent().values())


def test_nobody_is_left_to_a_file_whose_people_are_not_known_and_the_report_says_so(
    world: World,
) -> None:
    dropped(world, "staff.xml", "ann")
    (world.shop.kit.archive.folder(world.rows()[0]) / ROSTER).unlink()
    dropped(world, "students.xml", "ann=student", "cleo")
    assert newest(world) == people("ann=student", "cleo")
    notes: list[Any] = world.report(world.rows()[-1])["notes"]
    assert len(notes) == 1
    assert "so nobody was left to it; drop that file again" in notes[0]
