"""Checking slices ahead of time finds what the sequential reading finds, on every input."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sisdrop.records.check import Checker
from sisdrop.records.crew import Crew
from support.documents import documents, mutated, read, rolls
from support.refining import builtin_rules, builtin_schema

USING = Checker(builtin_schema(), builtin_rules(), key=b"a key for this test")
thorough = settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
SIZES = st.sampled_from([1, 7, 64, 300, 2000, 1 << 20])


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(USING, 2) as crew:
        yield crew


@thorough
@given(rolls, SIZES)
@example(b"<users><user><!-- </user> --></user><user/></users>", 7)
@example(b"<users><user><user></user></user><user></user></users>", 7)
@example(b"<users>x<user></user> <!-- y --><user></user></users>", 7)
def test_files_as_they_come(crew: Crew, document: bytes, size: int) -> None:
    assert read(document, size, USING, crew) == read(document, 1 << 20, USING)


@thorough
@given(documents | mutated(), SIZES)
def test_odd_and_broken_files(crew: Crew, document: bytes, size: int) -> None:
    assert read(document, size, USING, crew) == read(document, 1 << 20, USING)


@thorough
@given(rolls, st.integers(0, 3000), st.binary(min_size=1, max_size=3), SIZES)
def test_a_few_wrong_bytes(crew: Crew, document: bytes, at: int, wrong: bytes, size: int) -> None:
    document = document[:at] + wrong + document[at + len(wrong) :]
    assert read(document, size, USING, crew) == read(document, 1 << 20, USING)


@thorough
@given(rolls, st.integers(100, 2000), SIZES)
def test_records_that_are_too_large(crew: Crew, document: bytes, limit: int, size: int) -> None:
    found = read(document, size, USING, crew, limit)
    assert found == read(document, 1 << 20, USING, limit=limit)
