from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sisdrop.model import Signature
from sisdrop.offline import Validator
from sisdrop.reader import FileUnread, Reader, readable
from sisdrop.records.source import ChangedError
from support.clock import START
from support.xml import user, users

FILE = users(user())


@contextmanager
def quiet(_: Path) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(Validator((), None), START, quiet)


def test_a_file_is_read_as_validate_reads_it(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(FILE)
    told: list[list[int]] = []
    found = reader.read(path, lambda _checked, _place, kept: told.append(kept))
    assert found == reader.validator.validate(path, START)
    assert told == [[0]]


def test_the_same_person_has_the_same_digest_in_two_files(reader: Reader, tmp_path: Path) -> None:
    def person(reader: Reader, name: str) -> bytes:
        path = tmp_path / name
        path.write_text(FILE)
        people: list[bytes] = []
        reader.read(path, lambda checked, _place, _kept: people.extend(checked.people))
        return people[0]

    assert person(reader, "a.xml") == person(reader, "b.xml")
    assert person(Reader(Validator((), None), START, quiet), "a.xml") != person(reader, "a.xml")


def test_the_file_must_be_the_one_that_was_expected(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(FILE)
    with pytest.raises(FileUnread, match=r"a\.xml: it changed while it was read; try again"):
        reader.read(path, lambda *_: None, Signature(1, 2, 3))


def test_what_cannot_be_read_is_named_with_the_reason(reader: Reader, tmp_path: Path) -> None:
    missing = tmp_path / "\x1b[2Jmissing.xml"
    with pytest.raises(FileUnread) as caught:
        reader.read(missing, lambda *_: None)
    assert str(caught.value) == f"{tmp_path}/\\x1b[2Jmissing.xml: No such file or directory"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(5, "Input/output error"), "Input/output error"),
        (OSError(), "it cannot be read"),
        (ChangedError(), "it changed while"),
    ],
)
def test_trouble_while_reading_is_a_sentence(error: Exception, why: str) -> None:
    with pytest.raises(FileUnread, match=f"^a.xml: {why}"), readable(Path("a.xml")):
        raise error


def test_our_own_faults_are_not_blamed_on_the_file() -> None:
    with pytest.raises(ZeroDivisionError), readable(Path("a.xml")):
        raise ZeroDivisionError
