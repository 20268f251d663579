"""Looks at real folders with a clock that only the test moves."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.inbox.scan import Pattern, Scan, Scanner, Timing
from sisdrop.inbox.settle import Standing
from sisdrop.model import Origin
from support.clock import START, FakeClock

GOOD = b"<users><user/></users>"
HALF = b"<users><user/>"
SETTLE, PATIENCE = 30.0, 7200.0
PATTERNS = (Pattern("staff", ("staff*",)), Pattern("students", ("*.xml", "*.zip")))


class Inbox:
    """A folder with its scanner and its clock."""

    def __init__(self, path: Path, ready_suffix: str | None = None) -> None:
        self.path = path
        self.clock = FakeClock()
        timing = Timing(SETTLE, PATIENCE, ready_suffix)
        self.scanner = Scanner(path, PATTERNS, timing, self.clock)

    def drop(self, name: str = "students.xml", content: bytes = GOOD) -> Path:
        """Somebody writes a file."""
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def scan(self, after: float = 0.0) -> Scan:
        """One look, so many seconds later."""
        self.clock.advance(after)
        return self.scanner.scan()

    def settled(self) -> Scan:
        """Two looks with the quiet time between them."""
        self.scan()
        return self.scan(SETTLE)


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


@pytest.fixture
def marked(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path, ".done")


def names(scan: Scan) -> list[str]:
    return [candidate.name for candidate in scan.candidates]


def whys(scan: Scan) -> dict[str, str]:
    return {waiting.file: waiting.why for waiting in (*scan.waiting, *scan.unmatched)}


@contextmanager
def failing(
    monkeypatch: pytest.MonkeyPatch, where: Any, call: str, number: int, only: str
) -> Iterator[None]:
    """The operating system answers calls that name `only` with an error."""
    real: Callable[..., Any] = getattr(where, call)

    def fail(path: Any, *args: Any, **kwargs: Any) -> Any:
        if str(path).endswith(only):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(where, call, fail)
        yield


# When a file is taken.


def test_an_empty_inbox_gives_nothing(inbox: Inbox) -> None:
    assert inbox.scan() == Scan((), (), (), None, frozenset(), None)


def test_a_quiet_complete_file_is_a_candidate(inbox: Inbox) -> None:
    path = inbox.drop()
    (found,) = inbox.settled().candidates
    seen = path.stat()
    assert (found.path, found.name, found.stream) == (path, "students.xml", "students")
    assert (found.origin, found.marker) == (Origin.INBOX, None)
    assert found.signature.size == seen.st_size
    assert found.signature.inode == seen.st_ino


def test_a_file_is_not_taken_at_first_sight_however_old_it_is(inbox: Inbox) -> None:
    os.utime(inbox.drop(), (0, 0))
    inbox.clock.advance(10 * PATIENCE)
    assert names(inbox.scan()) == []


def test_a_file_is_taken_when_the_quiet_time_is_over_and_not_before(inbox: Inbox) -> None:
    inbox.drop()
    inbox.scan()
    assert names(inbox.scan(SETTLE - 0.1)) == []
    assert names(inbox.scan(0.1)) == ["students.xml"]


def test_an_mtime_in_the_future_changes_nothing(inbox: Inbox) -> None:
    os.utime(inbox.drop(), (2**32, 2**32))
    assert names(inbox.settled()) == ["students.xml"]


def test_the_wall_clock_has_no_say(inbox: Inbox) -> None:
    inbox.drop()
    inbox.scan()
    inbox.clock.set_wall_clock(START + timedelta(days=400))
    assert names(inbox.scan(1)) == []
    inbox.clock.set_wall_clock(START - timedelta(days=400))
    assert names(inbox.scan(SETTLE)) == ["students.xml"]


def test_a_file_that_grows_between_looks_starts_anew(inbox: Inbox) -> None:
    path = inbox.drop(content=HALF)
    inbox.scan()
    path.write_bytes(GOOD)
    assert names(inbox.scan(SETTLE)) == []
    assert names(inbox.scan(SETTLE)) == ["students.xml"]


def test_a_touch_starts_anew(inbox: Inbox) -> None:
    path = inbox.drop()
    inbox.scan()
    os.utime(path, (5, 5))
    assert names(inbox.scan(SETTLE)) == []


def test_another_file_of_the_same_name_size_and_time_starts_anew(inbox: Inbox) -> None:
    path = inbox.drop()
    os.utime(path, (5, 5))
    inbox.scan()
    other = inbox.drop(".new", GOOD)
    os.utime(other, (5, 5))
    other.rename(path)
    assert names(inbox.scan(SETTLE)) == []
    assert names(inbox.scan(SETTLE)) == ["students.xml"]


def test_a_file_that_went_and_came_back_starts_anew(inbox: Inbox) -> None:
    path = inbox.drop()
    inbox.scan()
    path.rename(inbox.path / ".aside")
    inbox.scan(SETTLE)
    (inbox.path / ".aside").rename(path)
    assert names(inbox.scan(SETTLE)) == []


def test_a_file_without_its_end_is_waited_for_and_then_taken_all_the_same(inbox: Inbox) -> None:
    inbox.drop(content=HALF)
    found = inbox.settled()
    assert names(found) == []
    assert "closing tag" in whys(found)["students.xml"]
    assert names(inbox.scan(PATIENCE - SETTLE - 0.1)) == []
    assert names(inbox.scan(0.1)) == ["students.xml"]


@pytest.mark.parametrize("content", [b"", b"\n", b"a;b;c", "<users/>".encode("utf-16")])
def test_a_file_that_cannot_become_good_is_taken_when_quiet(inbox: Inbox, content: bytes) -> None:
    inbox.drop(content=content)
    assert names(inbox.settled()) == ["students.xml"]


def test_a_zip_is_taken_when_its_directory_is_there(inbox: Inbox) -> None:
    inbox.drop("half.zip", b"PK\x03\x04" + b"x" * 50)
    inbox.drop("whole.zip", b"PK\x03\x04" + b"x" * 50 + b"PK\x05\x06" + b"\0" * 18)
    assert names(inbox.settled()) == ["whole.zip"]


def test_the_ends_of_a_large_file_are_read_where_they_are(inbox: Inbox) -> None:
    inbox.drop(content=b"<users>" + b"<user/>" * 50_000 + b"</users>")
    inbox.drop("half.xml", b"<users>" + b"<user/>" * 50_000)
    assert names(inbox.settled()) == ["students.xml"]


def test_time_that_passes_while_a_file_is_judged_does_not_take_it_unread(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quiet time may end between two readings of the clock; the shape must be known first."""
    inbox.drop(content=HALF)
    inbox.scan()
    inbox.clock.advance(SETTLE - 0.25)
    monkeypatch.setattr(inbox.clock, "monotonic", _ticking(inbox.clock.monotonic(), 0.125))
    assert [names(inbox.scanner.scan()) for _ in range(5)] == [[]] * 5


def _ticking(start: float, step: float) -> Callable[[], float]:
    readings = [start]

    def tick() -> float:
        readings[0] += step
        return readings[0]

    return tick


def test_the_oldest_file_comes_first_and_then_the_name_decides(inbox: Inbox) -> None:
    for name, age in (("b.xml", 10), ("c.xml", 5), ("a.xml", 10)):
        os.utime(inbox.drop(name), (age, age))
    assert names(inbox.settled()) == ["c.xml", "a.xml", "b.xml"]


def test_the_first_stream_whose_pattern_fits_gets_the_file(inbox: Inbox) -> None:
    inbox.drop("STAFF-2026.xml")
    inbox.drop("other.XML")
    found = inbox.settled().candidates
    assert {c.name: c.stream for c in found} == {"STAFF-2026.xml": "staff", "other.XML": "students"}


def test_a_forgotten_file_starts_anew(inbox: Inbox) -> None:
    path = inbox.drop()
    inbox.settled()
    inbox.scanner.forget(path)
    inbox.scanner.forget(path)
    assert names(inbox.scan(1)) == []


def test_the_sizes_of_all_files_are_told(inbox: Inbox) -> None:
    inbox.drop("a.xml", b"1")
    inbox.drop("b.txt", b"22")
    inbox.drop("approved/c.xml", b"333")
    assert inbox.scan().sizes == {1, 2, 3}


# When to look again.


def test_the_next_look_is_due_when_the_first_file_could_be_quiet(inbox: Inbox) -> None:
    inbox.drop("a.xml")
    assert inbox.scan().due_in == SETTLE
    inbox.drop("b.xml")
    assert inbox.scan(10).due_in == SETTLE - 10


def test_nothing_is_due_when_all_that_waits_is_quiet(inbox: Inbox) -> None:
    inbox.drop(content=HALF)
    assert inbox.settled().due_in is None


# Names and kinds of things.

ODD_NAMES = [
    b"a\nb.xml",
    b'a"b.xml',
    b"-rf.xml",
    b"con.xml",
    b"\xff\xfe.xml",
    b"Gr\xf6\xdfe.xml",
    b"x" * 251 + b".xml",
    "学生.xml".encode(),
    b" .xml",
    b"%s{0}$(id).xml",
]


@pytest.mark.parametrize("raw", ODD_NAMES)
def test_any_name_that_matches_is_taken(inbox: Inbox, raw: bytes) -> None:
    path = inbox.drop(os.fsdecode(raw))
    (found,) = inbox.settled().candidates
    assert found.path == path
    assert found.name.encode().decode() == found.name


@pytest.mark.parametrize("name", [".a.xml", "~$a.xml", "a.xml.tmp", "Thumbs.db", "STATUS.html"])
def test_what_is_hidden_temporary_or_ours_is_not_even_shown(inbox: Inbox, name: str) -> None:
    inbox.drop(name)
    found = inbox.settled()
    assert (found.candidates, found.waiting, found.unmatched) == ((), (), ())
    assert found.sizes == frozenset()


def test_a_name_that_no_pattern_matches_is_shown_and_left_alone(inbox: Inbox) -> None:
    path = inbox.drop("holiday.jpg")
    found = inbox.settled()
    assert names(found) == []
    assert "no stream's pattern matches" in whys(found)["holiday.jpg"]
    assert path.read_bytes() == GOOD


def test_links_and_pipes_are_shown_and_left_alone(inbox: Inbox, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.write_bytes(GOOD)
    (inbox.path / "link.xml").symlink_to(outside)
    (inbox.path / "broken.xml").symlink_to("nowhere")
    os.mkfifo(inbox.path / "pipe.xml")
    found = inbox.settled()
    assert names(found) == []
    assert sorted(whys(found)) == ["broken.xml", "link.xml", "pipe.xml"]
    assert all("left alone" in why for why in whys(found).values())


def test_folders_are_not_looked_into(inbox: Inbox) -> None:
    (inbox.path / "folder.xml").mkdir()
    inbox.drop("old/students.xml")
    inbox.drop("held/students.xml")
    found = inbox.settled()
    assert (found.candidates, found.waiting, found.unmatched) == ((), (), ())


def test_a_file_in_the_folder_approved_says_where_it_lies(inbox: Inbox) -> None:
    inbox.drop("approved/students.xml")
    inbox.drop("approved/deeper.xml").unlink()
    (inbox.path / "approved" / "folder").mkdir()
    (found,) = inbox.settled().candidates
    assert found.origin is Origin.APPROVED


def test_a_folder_approved_that_is_a_link_is_not_followed(inbox: Inbox) -> None:
    inbox.drop("held/students.xml")
    (inbox.path / "approved").symlink_to("held")
    found = inbox.settled()
    assert names(found) == []
    assert "left alone" in whys(found)["approved"]


def test_a_file_called_approved_is_only_a_file(inbox: Inbox) -> None:
    inbox.drop("approved")
    assert "no stream's pattern" in whys(inbox.settled())["approved"]


# What people are told.


def test_the_file_that_has_lain_there_longest_is_told_whatever_keeps_it(inbox: Inbox) -> None:
    inbox.drop("holiday.jpg")
    assert inbox.scan().oldest is None
    inbox.drop("staff.xml")
    half = inbox.drop(content=HALF)
    assert inbox.scan(5).oldest == START + timedelta(seconds=5)
    found = inbox.scan(SETTLE)
    assert [candidate.name for candidate in found.candidates] == ["staff.xml"]
    assert found.oldest == START + timedelta(seconds=5)
    (inbox.path / "staff.xml").unlink()
    half.write_bytes(GOOD)
    assert inbox.scan(5).oldest == START + timedelta(seconds=10 + SETTLE)


def test_a_file_that_waits_says_since_when_and_says_the_same_at_every_look(inbox: Inbox) -> None:
    inbox.drop(content=HALF)
    inbox.drop("holiday.jpg")
    first = inbox.scan()
    for pause in (0.3, SETTLE, 1000.7):
        found = inbox.scan(pause)
        assert [w.since for w in (*found.waiting, *found.unmatched)] == [START, START]
    assert [w.since for w in first.waiting] == [START]


def test_a_change_starts_the_time_anew(inbox: Inbox) -> None:
    path = inbox.drop(content=HALF)
    inbox.scan()
    path.write_bytes(HALF + HALF)
    assert inbox.scan(10).waiting[0].since == START + timedelta(seconds=10)


def test_a_fresh_file_is_said_to_be_on_its_way(inbox: Inbox) -> None:
    inbox.drop()
    assert "only just arrived" in whys(inbox.scan())["students.xml"]


# Marker files.


def test_a_marker_says_that_its_file_is_complete(marked: Inbox) -> None:
    path, marker = marked.drop(), marked.drop("students.xml.done", b"")
    (found,) = marked.scan().candidates
    assert (found.path, found.marker) == (path, marker)


def test_without_its_marker_a_file_waits_for_ever(marked: Inbox) -> None:
    marked.drop()
    marked.settled()
    found = marked.scan(100 * PATIENCE)
    assert names(found) == []
    assert whys(found) == {"students.xml": "waits for its marker students.xml.done"}


def test_a_marker_without_its_file_is_shown(marked: Inbox) -> None:
    marked.drop("student.xml.done", b"")
    assert "no stream's pattern" in whys(marked.scan())["student.xml.done"]


def test_a_marker_with_its_file_is_not_shown(marked: Inbox) -> None:
    marked.drop()
    marked.drop("students.xml.done", b"")
    assert whys(marked.scan()) == {}


def test_a_held_file_moved_to_approved_needs_no_marker(marked: Inbox) -> None:
    marked.drop("approved/students.20261123T190301Z-4f7c.xml")
    assert names(marked.scan()) == []
    assert len(marked.scan(SETTLE).candidates) == 1


def test_a_marker_counts_in_the_folder_approved_too(marked: Inbox) -> None:
    marked.drop("approved/students.xml", HALF)
    marker = marked.drop("approved/students.xml.done", b"")
    (found,) = marked.scan().candidates
    assert found.marker == marker


def test_a_marker_in_another_folder_says_nothing(marked: Inbox) -> None:
    marked.drop()
    marked.drop("approved/students.xml.done", b"")
    assert names(marked.settled()) == []


def test_without_the_setting_a_marker_is_a_file_like_any_other(inbox: Inbox) -> None:
    inbox.drop()
    inbox.drop("students.xml.done", b"")
    found = inbox.settled()
    assert names(found) == ["students.xml"]
    assert list(whys(found)) == ["students.xml.done"]


# Trouble.


def test_a_missing_inbox_is_a_share_that_is_gone_and_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(Transient) as caught:
        Inbox(tmp_path / "nowhere").scan()
    assert caught.value.reason is Reason.SHARE_GONE
    assert f"the share of {tmp_path / 'nowhere'} " in caught.value.hint


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EACCES, NeedsOperator), (errno.ESTALE, Transient), (errno.EHOSTDOWN, Transient)],
)
def test_an_inbox_that_cannot_be_listed_says_so(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    inbox.drop()
    with failing(monkeypatch, os, "scandir", number, inbox.path.name), pytest.raises(kind):
        inbox.scan()
    assert names(inbox.settled()) == ["students.xml"]


@pytest.mark.parametrize("entry", ["students.xml", "approved"])
@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EACCES, NeedsOperator), (errno.EIO, Transient)]
)
def test_an_entry_that_cannot_be_looked_at_is_a_trouble_of_the_share(
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
    entry: str,
    number: int,
    kind: type[Exception],
) -> None:
    inbox.drop()
    with failing(monkeypatch, Path, "lstat", number, entry), pytest.raises(kind):
        inbox.scan()


def test_a_file_that_vanishes_after_the_listing_is_passed_over(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.drop("a.xml")
    inbox.drop("b.xml")
    inbox.scan()
    with failing(monkeypatch, Path, "lstat", errno.ENOENT, "a.xml"):
        assert names(inbox.scan(SETTLE)) == ["b.xml"]


def test_a_file_that_vanishes_before_it_is_read_is_looked_at_again(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.drop()
    inbox.scan()
    with failing(monkeypatch, os, "open", errno.ENOENT, "students.xml"):
        assert names(inbox.scan(SETTLE)) == []
    assert names(inbox.scan()) == ["students.xml"]


def test_a_file_that_cannot_be_read_while_its_folder_cannot_be_listed_says_that_the_share_is_gone(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.drop()
    inbox.scan()
    monkeypatch.setattr(os, "listdir", _fails(errno.EIO))
    with failing(monkeypatch, os, "open", errno.EIO, "students.xml"), pytest.raises(Transient):
        inbox.scan(SETTLE)


def _fails(number: int) -> Callable[[Path], list[str]]:
    def fail(_: Path) -> list[str]:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EBUSY, errno.ETXTBSY, errno.EAGAIN, errno.EIO])
def test_a_file_that_a_client_keeps_locked_waits_and_stops_nothing_else(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    inbox.drop("locked.xml")
    inbox.drop("other.xml")
    inbox.scan()
    with failing(monkeypatch, os, "open", number, "locked.xml"):
        found = inbox.scan(SETTLE)
    assert names(found) == ["other.xml"]
    assert list(whys(found)) == ["locked.xml"]
    assert names(inbox.scan()) == ["locked.xml", "other.xml"]


def test_a_file_without_the_right_to_read_it_is_shown_and_stops_nothing_else(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.drop("secret.xml")
    inbox.drop("other.xml")
    inbox.scan()
    with failing(monkeypatch, os, "open", errno.EACCES, "secret.xml"):
        found = inbox.scan(SETTLE)
    assert names(found) == ["other.xml"]
    assert whys(found)["secret.xml"].startswith("cannot be taken: user ")


def test_a_link_put_in_a_files_place_is_not_followed(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox.drop()
    inbox.scan()
    look = path.lstat()
    path.rename(inbox.path / ".aside")
    path.symlink_to(".aside")
    monkeypatch.setattr(Path, "lstat", lambda _: look)
    monkeypatch.setattr("stat.S_ISDIR", lambda _: False)
    with pytest.raises(Transient):
        inbox.scan(SETTLE)


def test_a_pipe_put_in_a_files_place_does_not_block(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox.drop()
    inbox.scan()
    look = path.lstat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "lstat", lambda _: look)
    with pytest.raises(Transient):
        inbox.scan(SETTLE)


# A claimed file that changed.


def test_a_claimed_file_settles_again_where_it_is(inbox: Inbox) -> None:
    work = inbox.drop(".sisdrop/id")
    standing, signature = inbox.scanner.standing(work)
    assert standing is Standing.CHANGING
    assert signature.size == len(GOOD)
    inbox.clock.advance(SETTLE)
    assert inbox.scanner.standing(work) == (Standing.READY, signature)


def test_a_claimed_file_is_waited_for_as_any_other(inbox: Inbox) -> None:
    work = inbox.drop(".sisdrop/id", HALF)
    inbox.scanner.standing(work)
    inbox.clock.advance(SETTLE)
    assert inbox.scanner.standing(work)[0] is Standing.INCOMPLETE
    work.write_bytes(GOOD)
    assert inbox.scanner.standing(work)[0] is Standing.CHANGING
    inbox.clock.advance(SETTLE)
    assert inbox.scanner.standing(work)[0] is Standing.READY


def test_a_scan_does_not_forget_claimed_files_and_knows_when_they_are_due(inbox: Inbox) -> None:
    work = inbox.drop(".sisdrop/id")
    inbox.scanner.standing(work)
    assert inbox.scan(10).due_in == SETTLE - 10
    inbox.scanner.forget(work)
    assert inbox.scan().due_in is None


def test_a_claimed_file_that_is_gone_is_a_trouble_of_the_share(inbox: Inbox) -> None:
    with pytest.raises(Transient):
        inbox.scanner.standing(inbox.path / "nowhere")
