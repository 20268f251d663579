import errno
from pathlib import Path

import pytest

from sisdrop.requests import Answer, Command, Request, RequestBox
from support.breaking import power_cut, system_error
from support.rows import file_id

APPROVE = Request("0001", Command.APPROVE, "librarian", file_id(), "it is the summer", stale=True)
PURGE = Request("0002", Command.PURGE, "operator", dry_run=True)
DONE = Answer(done=True, sentence="approved")


@pytest.fixture
def box(tmp_path: Path) -> RequestBox:
    return RequestBox(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "requests"


def test_nothing_asked_is_nothing_pending(box: RequestBox, folder: Path) -> None:
    assert list(box.pending()) == []
    folder.mkdir()
    assert list(box.pending()) == []


def test_requests_wait_in_the_order_of_their_tokens_until_they_are_answered(
    box: RequestBox,
) -> None:
    box.ask(PURGE)
    box.ask(APPROVE)
    assert list(box.pending()) == [APPROVE, PURGE]
    assert list(box.pending()) == [APPROVE, PURGE]
    box.answer(APPROVE, DONE)
    assert list(box.pending()) == [PURGE]


def test_the_answer_is_taken_away_by_who_asked(box: RequestBox, folder: Path) -> None:
    box.ask(APPROVE)
    assert box.collect(APPROVE.token) is None
    box.answer(APPROVE, DONE)
    assert box.collect(PURGE.token) is None
    assert box.collect(APPROVE.token) == DONE
    assert box.collect(APPROVE.token) is None
    assert list(folder.iterdir()) == []


def test_answering_twice_gives_the_last_answer(box: RequestBox) -> None:
    box.ask(APPROVE)
    box.answer(APPROVE, Answer(done=False, sentence="it is queued already"))
    box.answer(APPROVE, DONE)
    assert box.collect(APPROVE.token) == DONE


def test_a_request_taken_back_is_gone(box: RequestBox) -> None:
    box.ask(APPROVE)
    box.withdraw(APPROVE.token)
    box.withdraw(APPROVE.token)
    assert list(box.pending()) == []


def test_an_answer_is_never_taken_for_a_request(box: RequestBox) -> None:
    box.ask(APPROVE)
    box.answer(APPROVE, DONE)
    assert list(box.pending()) == []
    assert box.collect(APPROVE.token) == DONE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"token": "odd"}',
        b'{"token": "odd", "command": "delete", "actor": "x"}',
        b'{"token": "../../odd", "command": "purge", "actor": "x"}',
        b'{"token": "0001", "command": "purge", "actor": "x"}',
    ],
)
def test_what_is_no_request_is_removed_and_stops_no_other(
    box: RequestBox, folder: Path, content: bytes
) -> None:
    box.ask(APPROVE)
    (folder / "0000.json").write_bytes(content)
    assert list(box.pending()) == [APPROVE]
    assert [path.name for path in folder.iterdir()] == ["0001.json"]


def test_other_files_in_the_folder_are_left_alone(box: RequestBox, folder: Path) -> None:
    folder.mkdir()
    for name in (".0003.json", ".0003.json.tmp", "notes.txt"):
        (folder / name).write_bytes(b"{}")
    assert list(box.pending()) == []
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES])
def test_a_request_that_is_withdrawn_or_not_ours_to_read_is_passed_over(
    box: RequestBox, number: int
) -> None:
    box.ask(APPROVE)
    with system_error("pathlib.Path.read_bytes", number):
        assert list(box.pending()) == []
    assert list(box.pending()) == [APPROVE]


def test_a_crash_while_asking_leaves_the_whole_request_or_none(box: RequestBox) -> None:
    for where in ("os.fsync", "pathlib.Path.replace"):
        with power_cut(where):
            box.ask(APPROVE)
        assert list(box.pending()) in ([], [APPROVE])


def test_a_crash_between_the_answer_and_its_end_meets_the_request_again(box: RequestBox) -> None:
    box.ask(APPROVE)
    with power_cut("pathlib.Path.unlink"):
        box.answer(APPROVE, DONE)
    assert list(box.pending()) == [APPROVE]
    box.answer(APPROVE, DONE)
    assert list(box.pending()) == []


def test_requests_are_for_the_service_alone(box: RequestBox, folder: Path) -> None:
    box.ask(APPROVE)
    assert (folder / "0001.json").stat().st_mode & 0o077 == 0
