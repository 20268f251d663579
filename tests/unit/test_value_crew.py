from itertools import pairwise

import pytest

from sisdrop.records.chunk import Chunk, ChunkBroken, Root
from sisdrop.records.value_crew import ValueCrew
from sisdrop.records.values import ValueSheet
from support.xml import patrons, user

ROOT = Root(b"<users>", b"</users>")


def chunk(records: list[str]) -> Chunk:
    ends = [sum(map(len, records[:n])) for n in range(len(records) + 1)]
    return Chunk(ROOT, "".join(records).encode(), tuple(pairwise(ends)))


CHUNKS = [chunk([user(person) for person in patrons(9)[n : n + 3]]) for n in range(6)] * 10


def test_the_crew_reads_what_a_sheet_reads_and_in_order() -> None:
    found: list[list[dict[str, int]]] = []
    with ValueCrew() as crew:
        for one in CHUNKS:
            crew.read(one, [0, 2], found.append)
        crew.finish()
    sheet = ValueSheet()
    assert found == [sheet.read(one, [0, 2]) for one in CHUNKS]


def test_not_more_than_a_few_are_under_way() -> None:
    found: list[object] = []
    with ValueCrew() as crew:
        for number, one in enumerate(CHUNKS, 1):
            crew.read(one, [0], found.append)
            assert number - len(found) <= crew._most


def test_nothing_asked_for_is_nothing_read() -> None:
    found: list[object] = []
    with ValueCrew() as crew:
        crew.read(CHUNKS[0], [], found.append)
        crew.finish()
    assert found == []


def test_what_a_worker_raises_comes_to_who_asked() -> None:
    broken = Chunk(ROOT, b"<user>", ((0, 6),))
    with ValueCrew() as crew:
        crew.read(broken, [0], lambda _: None)
        with pytest.raises(ChunkBroken):
            crew.finish()
