"""Slices, and the workers who check them."""

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sisdrop.model import Severity
from sisdrop.records.check import Checker
from sisdrop.records.chunk import Root
from sisdrop.records.crew import Crew, Slicer, crew_size
from sisdrop.records.rule import Rule
from sisdrop.records.rules import RuleSet
from support.refining import builtin_schema, checker

ROOT = Root(b"<users>", b"</users>")
END = b"</user>"


def sliced(content: bytes, size: int, most: int) -> tuple[list[bytes], bytes]:
    slicer = Slicer(most)
    blocks = [content[at : at + size] for at in range(0, len(content), size)]
    fed = [slicer.feed(block) for block in blocks]
    return [one for one in fed if one is not None], slicer.rest


@given(
    st.lists(st.sampled_from([b"<user>", END, b"</users>", b"</user", b"x" * 30, b"\n"])).map(
        b"".join
    ),
    st.integers(1, 40),
    st.integers(1, 60),
)
def test_slices_are_the_whole_and_end_after_an_end_tag_or_at_the_limit(
    content: bytes, size: int, most: int
) -> None:
    slices, rest = sliced(content, size, most)
    assert b"".join(slices) + rest == content
    assert END not in rest
    assert len(rest) <= max(most, size)
    assert all(one.endswith(END) or (END not in one and len(one) > most) for one in slices)


def test_an_end_tag_is_found_across_blocks_of_any_size() -> None:
    content = b"<user></user>\n<user></user>"
    for size in range(1, len(content) + 1):
        slices, rest = sliced(content, size, 1000)
        assert b"".join(slices) == content
        assert rest == b""


def test_a_block_without_an_end_tag_yields_nothing_yet() -> None:
    slicer = Slicer(1000)
    assert slicer.feed(b"<user>") is None
    assert slicer.feed(b"</user><user>") == b"<user></user>"
    assert slicer.rest == b"<user>"


@pytest.mark.parametrize("wanted", [1, 2, 16])
def test_as_many_workers_as_are_wanted(wanted: int) -> None:
    assert crew_size(wanted) == wanted


def test_the_number_of_workers_is_bounded_by_the_cores_and_the_judge() -> None:
    assert 1 <= crew_size("auto") <= 4


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(checker(), 3) as crew:
        yield crew


def record(number: int) -> bytes:
    return b"<user><primary_id>T%d</primary_id></user>" % number


def test_what_is_given_comes_back_in_order(crew: Crew) -> None:
    slices = [record(n) * (1 + 300 * (n % 3 == 0)) for n in range(40)]
    back = []
    for one in slices:
        if crew.is_full:
            back.append(crew.take())
        crew.give(ROOT, one)
    while not crew.is_idle:
        back.append(crew.take())
    assert [content for content, _ in back] == slices
    assert [checked and checked.named[0] for _, checked in back] == [f"T{n}" for n in range(40)]


def test_a_crew_is_full_with_a_few_more_slices_than_workers(crew: Crew) -> None:
    assert 3 < fill(crew, record(1)) <= 16


def test_fewer_slices_are_under_way_where_they_are_large(crew: Crew) -> None:
    assert fill(crew, b" " * (1 << 20)) < fill(crew, record(1))


def fill(crew: Crew, content: bytes) -> int:
    """How many slices an idle crew takes until it is full; it is idle again after that."""
    given = 0
    while not crew.is_full:
        crew.give(ROOT, content)
        given += 1
    while not crew.is_idle:
        crew.take()
    return given


def test_what_needs_a_closer_look_comes_back_unchecked(crew: Crew) -> None:
    crew.give(ROOT, b"<user><!-- </user>")
    crew.give(ROOT, record(1))
    assert crew.take() == (b"<user><!-- </user>", None)
    assert crew.take()[1] is not None


def test_a_failure_in_a_worker_is_ours_too() -> None:
    broken = Rule("campus.a", Severity.ERROR, "m", "h", xpath="a and count('x')")
    using = Checker(builtin_schema(), RuleSet((), (broken,)), date.min)
    with Crew(using, 2) as crew:
        crew.give(ROOT, b"<user><a/></user>")
        with pytest.raises(Exception, match="Invalid type"):
            crew.take()


def test_a_crew_ends_with_its_work_undone() -> None:
    with Crew(checker(), 2) as crew:
        for number in range(3):
            crew.give(ROOT, record(number) * 500)
    with pytest.raises(RuntimeError):
        crew.give(ROOT, record(1))
