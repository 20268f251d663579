"""With the real SQLite, and real processes and disks where a promise is about those."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.ledger import _LAYOUT_1, LAYOUT, Ledger, Overtaken, _dump
from sisdrop.model import Approval, Event, FileRow, HeldFor, Signature, State
from sisdrop.states import FINAL, OPEN, TRANSITIONS, IllegalTransition
from support.clock import START
from support.rows import DIGEST, OTHER_DIGEST, WAYS, a_claim, a_row, counts, file_id, profile, put

LATER = START + timedelta(hours=1)
STEPS = [(before, after) for before in State for after in sorted(TRANSITIONS[before])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path) as opened:
        yield opened


def steps(events: tuple[Event, ...]) -> list[tuple[State | None, State]]:
    return [(event.from_state, event.to_state) for event in events]


# Steps from state to state.


@pytest.mark.parametrize(("before", "after"), STEPS)
def test_every_step_of_the_table_is_committed_and_told(
    path: Path, before: State, after: State
) -> None:
    with Ledger(path) as ledger:
        row = put(ledger, before)
        moved = ledger.move(row, after, LATER, "librarian", "because")
    with Ledger(path) as again:
        assert again.get(row.id) == moved
        assert (moved.state, moved.since, moved.claimed_at) == (after, LATER, START)
        told = again.events(row.id)
    assert told[-1] == Event(LATER, "librarian", before, after, None, "because")
    assert len(told) == len(WAYS[before]) + 2


@pytest.mark.parametrize("before", State)
def test_every_other_step_is_refused_and_changes_nothing(ledger: Ledger, before: State) -> None:
    row = put(ledger, before)
    told = ledger.events(row.id)
    for after in set(State) - TRANSITIONS[before]:
        with pytest.raises(IllegalTransition):
            ledger.move(row, after, LATER, "librarian", sha256=OTHER_DIGEST)
    assert ledger.get(row.id) == row
    assert ledger.events(row.id) == told


def test_fields_change_along_with_the_state(ledger: Ledger) -> None:
    row = put(ledger, State.CLAIMED)
    moved = ledger.move(row, State.REFINED, LATER, "sisdrop", sha256=DIGEST, counts=counts())
    assert (moved.sha256, moved.counts) == (DIGEST, counts())


def test_the_reason_of_the_state_before_does_not_stay(ledger: Ledger) -> None:
    row = put(ledger, State.REFINED)
    held = ledger.move(row, State.HELD, START, "sisdrop", reason=Reason.SHRUNK, hint="fewer")
    assert (held.reason, held.hint) == (Reason.SHRUNK, "fewer")
    moved = ledger.move(held, State.REFINED, LATER, "librarian")
    assert (moved.reason, moved.hint) == (None, None)
    assert [event.reason for event in ledger.events(row.id)][-2:] == [Reason.SHRUNK, None]


def test_whoever_comes_second_is_overtaken_and_changes_nothing(ledger: Ledger) -> None:
    row = put(ledger, State.HELD)
    first = ledger.move(row, State.REFINED, LATER, "librarian")
    with pytest.raises(Overtaken):
        ledger.move(row, State.REJECTED, LATER, "retention")
    with pytest.raises(Overtaken):
        ledger.update(row, failures=3)
    assert ledger.get(row.id) == first
    assert steps(ledger.events(row.id))[-1] == (State.HELD, State.REFINED)


def test_a_file_that_is_not_in_the_ledger_cannot_be_moved(ledger: Ledger) -> None:
    with pytest.raises(Overtaken):
        ledger.move(a_row(State.CLAIMED), State.REFINED, LATER, "sisdrop")
    assert ledger.get(file_id()) is None
    assert ledger.events(file_id()) == ()


def test_an_update_changes_fields_and_tells_no_event(ledger: Ledger) -> None:
    row = put(ledger, State.CLAIMED)
    changed = ledger.update(row, failures=2)
    assert ledger.get(row.id) == changed
    assert changed.failures == 2
    assert len(ledger.events(row.id)) == 1


def test_a_row_comes_back_as_it_was_given(ledger: Ledger) -> None:
    full = a_row(
        State.HELD,
        name='a\n"b\\xff\u202e学.xml',
        reason=Reason.FIELD_LOSS,
        hint="it's; DROP TABLE files; --",
        counts=counts(5, 1, duplicates=2, yielded=3, warned=4),
        profile=profile(5, {"STAFF": 5}, {"identifier:BAR'CODE": 5}, {"expired": 1}),
        held_for=(HeldFor(Reason.FIELD_LOSS, "gone"), HeldFor(Reason.SHRUNK, "fewer")),
        approval=Approval("librarian", "yes", LATER, DIGEST, stale=True),
        remote_time=LATER,
        delivered_at=LATER + timedelta(microseconds=1),
        identical=True,
    )
    held = put(ledger, State.HELD)
    fields = {name: getattr(full, name) for name in FileRow.__dataclass_fields__}
    assert ledger.update(held, **fields) == full
    assert ledger.get(full.id) == full


# Claims.


def test_an_intention_stays_until_its_outcome_is_known(path: Path) -> None:
    claims = [
        a_claim(),
        a_claim(1, path=b"/inbox/a\n\xff.xml", marker=b"/inbox/a\n\xff.xml.done"),
    ]
    with Ledger(path) as ledger:
        for claim in claims:
            ledger.intend_claim(claim)
    with Ledger(path) as again:
        assert again.claims() == claims
        again.drop_claim(claims[0].file_id)
        again.drop_claim(claims[0].file_id)
        row = again.accept_claim(claims[1], LATER)
        assert again.claims() == []
        assert again.get(claims[0].file_id) is None
        assert again.get(row.id) == row
        assert (row.state, row.since, row.claimed_at) == (State.CLAIMED, LATER, LATER)
        assert again.events(row.id) == (Event(LATER, "sisdrop", None, State.CLAIMED, None, None),)


@pytest.mark.parametrize("inode", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_an_intention_keeps_the_inodes_of_network_shares(ledger: Ledger, inode: int) -> None:
    """They have 64 bits, and SQLite's numbers have a sign."""
    claim = a_claim(signature=Signature(1, -1, inode))
    ledger.intend_claim(claim)
    assert ledger.claims() == [claim]
    assert ledger.accept_claim(claim, LATER) == ledger.get(claim.file_id)


def test_a_claim_cannot_be_accepted_twice(ledger: Ledger) -> None:
    row = put(ledger, State.REFINED)
    with pytest.raises(NeedsOperator):
        ledger.accept_claim(a_claim(), LATER)
    assert ledger.get(row.id) == row
    assert len(ledger.events(row.id)) == 2


def test_files_stand_in_the_order_of_their_claims_whatever_their_ids(ledger: Ledger) -> None:
    ids = [f"20261123T190301Z-{token}" for token in ("ffff", "0000", "8888")]
    for one in ids:
        put(ledger, State.HELD, claim=a_claim(file_id=one))
    assert [row.id for row in ledger.in_states(State.HELD)] == ids
    assert [row.id for row in ledger.latest(2)] == [ids[2], ids[1]]
    assert [row.id for row in ledger.claimed_since("20261123")] == ids
    last = ledger.get(ids[2])
    assert last is not None
    assert [row.id for row in ledger.waiting_before(last)] == ids[:2]


def test_only_held_and_queued_files_of_the_stream_wait_before_another(ledger: Ledger) -> None:
    put(ledger, State.HELD, 0)
    put(ledger, State.QUEUED, 1)
    put(ledger, State.HELD, 2, claim=a_claim(2, stream="staff"))
    for hours, state in enumerate(set(State) - {State.HELD, State.QUEUED}, 3):
        put(ledger, state, hours)
    row = put(ledger, State.QUEUED, 20)
    put(ledger, State.HELD, 21)
    assert [r.id for r in ledger.waiting_before(row)] == [file_id(0), file_id(1)]


# Questions.


def test_files_are_found_by_their_states(ledger: Ledger) -> None:
    rows = {state: put(ledger, state, hours) for hours, state in enumerate(State)}
    for state in State:
        assert ledger.in_states(state) == [rows[state]]
    assert ledger.in_states(*OPEN) == [rows[state] for state in State if state in OPEN]
    assert ledger.in_states() == []
    assert ledger.count_by_state() == dict.fromkeys(State, 1)
    assert ledger.latest(3) == list(rows.values())[::-1][:3]
    assert set(ledger.latest(99, tuple(FINAL))) == {rows[state] for state in FINAL}


def test_an_empty_ledger_answers_everything(ledger: Ledger) -> None:
    assert ledger.get(file_id()) is None
    assert ledger.in_states(*State) == []
    assert ledger.latest(10) == []
    assert ledger.count_by_state() == {}
    assert ledger.claims() == []
    assert ledger.filed() == []
    assert ledger.last_sent("students", rehearsal=True) is None
    assert ledger.sent_with_content("students", DIGEST, rehearsal=True) is None
    assert ledger.last_delivered("students") is None
    assert ledger.newest_remote_time() is None
    assert ledger.recall("share_id") is None


SENT = (State.QUEUED, State.DELIVERING, State.DELIVERED, State.ARCHIVED)


@pytest.mark.parametrize("state", State)
def test_a_file_counts_as_sent_from_the_moment_it_is_queued(ledger: Ledger, state: State) -> None:
    row = put(ledger, state, remote_time=LATER, sha256=DIGEST)
    expected = row if state in SENT else None
    assert ledger.last_sent("students", rehearsal=False) == expected
    assert ledger.sent_with_content("students", DIGEST, rehearsal=False) == expected


def test_the_last_sent_is_the_one_that_loads_last(ledger: Ledger) -> None:
    put(ledger, State.ARCHIVED, 0, remote_time=START + timedelta(hours=2), sha256=DIGEST)
    put(ledger, State.ARCHIVED, 1, remote_time=START + timedelta(hours=1), sha256=DIGEST)
    put(ledger, State.QUEUED, 2, sha256=DIGEST)
    for found in (
        ledger.last_sent("students", rehearsal=False),
        ledger.sent_with_content("students", DIGEST, rehearsal=False),
    ):
        assert found is not None
        assert found.id == file_id(0)


def test_each_stream_and_each_digest_has_its_own_past(ledger: Ledger) -> None:
    row = put(ledger, State.ARCHIVED, remote_time=LATER, sha256=DIGEST, delivered_at=LATER)
    assert ledger.last_sent("staff", rehearsal=False) is None
    assert ledger.last_delivered("staff") is None
    assert ledger.sent_with_content("staff", DIGEST, rehearsal=False) is None
    assert ledger.sent_with_content("students", OTHER_DIGEST, rehearsal=False) is None
    assert ledger.last_delivered("students") == row


def test_the_same_xml_is_found_however_it_was_packed(ledger: Ledger) -> None:
    sent: dict[str, Any] = {"remote_time": START, "sha256": DIGEST}
    plain = put(ledger, State.ARCHIVED, 0, **sent)
    assert ledger.sent_with_content("students", DIGEST, rehearsal=False) == plain
    packed = put(
        ledger,
        State.ARCHIVED,
        1,
        **sent | {"remote_time": LATER, "sha256": OTHER_DIGEST, "content_sha256": DIGEST},
    )
    assert ledger.sent_with_content("students", DIGEST, rehearsal=False) == packed
    assert ledger.sent_with_content("students", OTHER_DIGEST, rehearsal=False) is None


def test_a_rehearsal_counts_in_rehearsal_and_never_otherwise(ledger: Ledger) -> None:
    real = put(ledger, State.ARCHIVED, 0, remote_time=START, sha256=DIGEST, delivered_at=START)
    only = put(ledger, State.ARCHIVED, 1, remote_time=LATER, sha256=DIGEST, rehearsed=True)
    assert ledger.last_sent("students", rehearsal=False) == real
    assert ledger.last_sent("students", rehearsal=True) == only
    assert ledger.sent_with_content("students", DIGEST, rehearsal=False) == real
    assert ledger.sent_with_content("students", DIGEST, rehearsal=True) == only
    assert ledger.last_delivered("students") == real


def test_what_is_only_on_its_way_is_not_delivered(ledger: Ledger) -> None:
    put(ledger, State.QUEUED, remote_time=LATER)
    assert ledger.last_delivered("students") is None
    assert ledger.newest_remote_time() == LATER


def test_the_newest_remote_time_is_that_of_all_streams_and_states(ledger: Ledger) -> None:
    put(ledger, State.SUPERSEDED, 0, remote_time=LATER)
    put(ledger, State.ARCHIVED, 1, claim=a_claim(1, stream="staff"), remote_time=START)
    assert ledger.newest_remote_time() == LATER


def test_a_file_is_to_be_purged_until_both_of_its_places_are_empty(ledger: Ledger) -> None:
    cases: list[tuple[dict[str, Any], bool]] = [
        ({}, False),
        ({"filed_at": START}, True),
        ({"filed_at": START, "purged_at": LATER}, True),
        ({"filed_at": START, "share_purged_at": LATER}, True),
        ({"filed_at": START, "purged_at": LATER, "share_purged_at": LATER}, False),
        ({"purged_at": LATER}, False),
    ]
    rows = [put(ledger, State.REJECTED, hours, **set_) for hours, (set_, _) in enumerate(cases)]
    assert ledger.filed() == [row for row, (_, due) in zip(rows, cases, strict=True) if due]


def test_of_the_filed_ones_those_until_a_day_can_be_asked_for(ledger: Ledger) -> None:
    days = [START - timedelta(days=back) for back in (3, 2, 1)]
    rows = [put(ledger, State.REJECTED, n, filed_at=at) for n, at in enumerate(days)]
    assert ledger.filed((START - timedelta(days=2)).date()) == rows[:2]
    assert ledger.filed(START.date()) == rows
    assert ledger.filed((START - timedelta(days=4)).date()) == []


def test_the_archive_spans_what_was_filed_and_is_still_there(ledger: Ledger) -> None:
    assert ledger.archive_span() == (0, None, None)
    put(ledger, State.REJECTED, 0, filed_at=START, purged_at=LATER)
    put(ledger, State.REJECTED, 1, filed_at=LATER)
    put(ledger, State.REJECTED, 2, filed_at=START, share_purged_at=LATER)
    put(ledger, State.REJECTED, 3)
    assert ledger.archive_span() == (2, START, LATER)


def test_files_are_found_by_the_day_of_their_claim(ledger: Ledger) -> None:
    rows = [put(ledger, State.CLAIMED, hours) for hours in (0, 24, 48)]
    assert ledger.claimed_since("20261124") == rows[1:]
    assert ledger.claimed_since("20270101") == []


def test_what_is_remembered_is_recalled_after_a_restart(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.remember("share_id", "one")
        ledger.remember("share_id", "two")
    with Ledger(path) as again:
        assert again.recall("share_id") == "two"


# Crashes.

_CHILD = """
import os, signal, sys
from pathlib import Path
from support.clock import START
from support.rows import put
from sisdrop.ledger import Ledger
from sisdrop.model import State
ledger = Ledger(Path(sys.argv[1]))
rows = [put(ledger, State.REFINED, hours) for hours in range(40)]
db = ledger._db
db.execute("PRAGMA cache_size=1")
db.execute("PRAGMA cache_spill=1")
db.execute("BEGIN IMMEDIATE")
for row in rows:
    db.execute("UPDATE files SET row = replace(row, 'refined', 'queued') WHERE id = ?", (row.id,))
    db.execute("INSERT INTO events (file_id, at, actor, to_state) VALUES (?,'','','')", (row.id,))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def crashed(path: Path) -> Path:
    """A ledger whose writer was killed between BEGIN and COMMIT, its half-done work on disk."""
    tests = Path(__file__).parents[1]
    ended = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path)],
        check=False,
        env={**os.environ, "PYTHONPATH": str(tests)},
    )
    assert ended.returncode == -signal.SIGKILL
    journal = path.with_name(f"{path.name}-journal")
    assert journal.stat().st_size > 0
    return path


@pytest.mark.parametrize("read_only", [True, False])
def test_a_killed_writer_leaves_nothing_half_done(crashed: Path, read_only: bool) -> None:
    with Ledger(crashed, read_only=read_only) as ledger:
        assert ledger.count_by_state() == {State.REFINED: 40}
        assert len(ledger.events(file_id(0))) == 2
        assert not crashed.with_name(f"{crashed.name}-journal").exists()


def test_an_exception_within_a_transaction_undoes_all_of_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = put(ledger, State.REFINED)

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "_note", cut)
        with pytest.raises(KeyboardInterrupt):
            ledger.move(row, State.QUEUED, LATER, "sisdrop")
    assert ledger.get(row.id) == row
    assert ledger.move(row, State.QUEUED, LATER, "sisdrop").state is State.QUEUED


# Several at once.


def test_a_reader_sees_what_was_committed_while_a_writer_works(path: Path) -> None:
    with Ledger(path) as writer, Ledger(path, read_only=True) as reader:
        row = put(writer, State.REFINED)
        writer._db.execute("BEGIN IMMEDIATE")
        writer._db.execute("UPDATE files SET row = replace(row, 'refined', 'queued')")
        assert reader.get(row.id) == row
        writer._db.execute("COMMIT")
        found = reader.get(row.id)
    assert found is not None
    assert found.state is State.QUEUED


def test_of_two_writers_one_is_overtaken(path: Path) -> None:
    with Ledger(path) as one, Ledger(path) as other:
        row = put(one, State.HELD)
        other.move(row, State.SUPERSEDED, LATER, "sisdrop")
        with pytest.raises(Overtaken):
            one.move(row, State.REFINED, LATER, "librarian")
        assert len(one.events(row.id)) == len(WAYS[State.HELD]) + 2


def test_many_threads_may_use_one_ledger(ledger: Ledger) -> None:
    row = put(ledger, State.HELD)
    won: list[FileRow] = []
    lost: list[Overtaken] = []

    def decide() -> None:
        try:
            won.append(ledger.move(row, State.REFINED, LATER, "librarian"))
        except Overtaken as error:
            lost.append(error)
        ledger.in_states(*State)

    threads = [threading.Thread(target=decide) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)


# What cannot be used.


def test_a_reader_cannot_write(path: Path) -> None:
    with Ledger(path) as ledger:
        row = put(ledger, State.HELD)
        assert ledger.is_writable()
    with Ledger(path, read_only=True) as reader:
        assert not reader.is_writable()
        with pytest.raises(NeedsOperator):
            reader.move(row, State.REFINED, LATER, "librarian")
        assert reader.get(row.id) == row


def test_a_reader_makes_no_ledger(path: Path) -> None:
    """An empty file of another user's would keep the service from making its own."""
    with pytest.raises(NeedsOperator) as caught:
        Ledger(path, read_only=True)
    assert caught.value.reason is Reason.LEDGER_UNUSABLE
    assert not path.exists()


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version={LAYOUT + 1}")
    before = path.read_bytes()
    for read_only in (True, False):
        with pytest.raises(NeedsOperator, match="newer version") as caught:
            Ledger(path, read_only=read_only)
        assert caught.value.reason is Reason.LEDGER_UNUSABLE
    assert path.read_bytes() == before


def _of_layout_1(path: Path) -> FileRow:
    """A ledger as the version before zips left it, with one file that was sent."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{_LAYOUT_1}PRAGMA user_version=1;")
    # Only what is read and written is brought up to date, so that nothing else is used here.
    text = _dump(a_row(State.ARCHIVED, remote_time=LATER)).replace(',"content_sha256":null', "")
    assert "content" not in text
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO files (id, row) VALUES (?, ?)", (file_id(), text))
    return a_row(State.ARCHIVED, remote_time=LATER)


def test_a_ledger_of_an_older_layout_is_brought_up_to_date_with_all_it_knows(path: Path) -> None:
    row = _of_layout_1(path)
    for _ in range(2):
        with Ledger(path) as ledger:
            assert ledger.get(row.id) == row
            assert ledger.sent_with_content("students", DIGEST, rehearsal=False) == row
            put(ledger, State.HELD, 1 + len(ledger.in_states(State.HELD)))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (LAYOUT,)


def test_an_older_ledger_and_a_new_one_end_up_alike(path: Path, tmp_path: Path) -> None:
    _of_layout_1(path)
    schemas = []
    for one in (path, tmp_path / "new.sqlite3"):
        Ledger(one).close()
        with closing(sqlite3.connect(one)) as db:
            schemas.append(db.execute("SELECT type, name, sql FROM sqlite_master").fetchall())
    assert schemas[0] == schemas[1]


def test_a_reader_reads_an_older_ledger_and_leaves_it_as_it_is(path: Path) -> None:
    row = _of_layout_1(path)
    before = path.read_bytes()
    with Ledger(path, read_only=True) as ledger:
        assert ledger.get(row.id) == row
        assert ledger.last_sent("students", rehearsal=False) == row
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    path: Path, read_only: bool
) -> None:
    path.write_bytes(b"<users/>" * 1000)
    with pytest.raises(NeedsOperator) as caught:
        Ledger(path, read_only=read_only)
    assert caught.value.reason is Reason.LEDGER_UNUSABLE
    assert path.read_bytes() == b"<users/>" * 1000


def test_a_damaged_ledger_says_so_when_it_is_used(path: Path) -> None:
    with Ledger(path) as ledger:
        for hours in range(20):
            put(ledger, State.HELD, hours)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(NeedsOperator), Ledger(path) as damaged:
        damaged.in_states(*State)


def test_a_missing_folder_is_the_operators(tmp_path: Path) -> None:
    with pytest.raises(NeedsOperator):
        Ledger(tmp_path / "nowhere" / "ledger.sqlite3")


@pytest.mark.parametrize("name", ["a b#c?d%41.sqlite3", "学生.sqlite3"])
def test_a_path_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    with Ledger(tmp_path / name) as ledger:
        ledger.remember("a", "b")
    assert (tmp_path / name).exists()


def test_a_ledger_that_could_not_be_opened_keeps_no_file_open(path: Path) -> None:
    path.write_bytes(b"<users/>" * 1000)
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    for _ in range(5):
        with pytest.raises(NeedsOperator):
            Ledger(path)
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before


# A full disk.


@contextmanager
def few_pages(ledger: Ledger) -> Iterator[None]:
    """SQLite itself says that the disk is full: nothing may grow any more."""
    used = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count={used}")
    yield
    ledger._db.execute("PRAGMA max_page_count=1000000")


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of 256 KiB in `folder`; false where this machine does not let us mount one."""
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["/bin/umount", str(folder)], check=True)


def grow(ledger: Ledger) -> None:
    """A write that needs more room than there is."""
    ledger.remember("long", "x" * 500_000)


def test_a_full_disk_may_pass_and_the_ledger_goes_on_afterwards(ledger: Ledger) -> None:
    put(ledger, State.HELD)
    with few_pages(ledger), pytest.raises(Transient) as caught:
        grow(ledger)
    assert caught.value.reason is Reason.DATA_FULL
    assert ledger.recall("long") is None
    grow(ledger)
    assert ledger.is_writable()
    assert len(ledger.in_states(State.HELD)) == 1


def test_a_disk_that_is_really_full_is_told_as_such(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder) as real, Ledger(folder / "ledger.sqlite3") as ledger:
        put(ledger, State.HELD)
        if not real:
            ledger._db.execute("PRAGMA max_page_count=60")
        with pytest.raises(Transient) as caught:
            grow(ledger)
        assert caught.value.reason is Reason.DATA_FULL
        assert ledger.is_writable()
        assert len(ledger.in_states(State.HELD)) == 1
        row = ledger.in_states(State.HELD)[0]
        assert ledger.move(row, State.REJECTED, LATER, "librarian").state is State.REJECTED


# Size.

_MANY = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
INSERT INTO files (id, row)
SELECT printf('%s-%05d', substr(:id, 1, 16), i), json_set(:row,
    '$.id', printf('%s-%05d', substr(:id, 1, 16), i), '$.sha256', printf('%064x', i),
    '$.remote_time', strftime('%Y-%m-%dT%H:%M:%SZ', 1600000000 + i, 'unixepoch')) FROM n
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A hundred thousand archived and purged files, and one that is held."""
    with Ledger(tmp_path_factory.mktemp("large") / "ledger.sqlite3") as ledger:
        old = put(
            ledger,
            State.ARCHIVED,
            filed_at=START,
            purged_at=START,
            share_purged_at=START,
            delivered_at=START,
        )
        text = ledger._db.execute("SELECT row FROM files").fetchone()[0]
        ledger._db.execute(_MANY, {"id": old.id, "row": text})
        put(ledger, State.HELD, 1)
        yield ledger


QUESTIONS: dict[str, Callable[[Ledger], object]] = {
    "open files": lambda ledger: ledger.in_states(*OPEN),
    "one file": lambda ledger: ledger.get(file_id()),
    "last sent": lambda ledger: ledger.last_sent("students", rehearsal=False),
    "same bytes": lambda ledger: ledger.sent_with_content("students", DIGEST, rehearsal=False),
    "last delivered": lambda ledger: ledger.last_delivered("students"),
    "newest remote time": Ledger.newest_remote_time,
    "to be purged": Ledger.filed,
    "states": Ledger.count_by_state,
    "claims of a day": lambda ledger: ledger.claimed_since("20270101"),
    "trail": lambda ledger: ledger.events(file_id()),
    "newest held": lambda ledger: ledger.latest(30, (State.HELD,)),
    "waiting before": lambda ledger: [ledger.waiting_before(r) for r in ledger.in_states(*OPEN)],
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_reads_the_whole_table_however_long_it_is(large: Ledger, question: str) -> None:
    asked: list[str] = []
    large._db.set_trace_callback(asked.append)
    QUESTIONS[question](large)
    large._db.set_trace_callback(None)
    assert asked
    for query in asked:
        plan = [row[3] for row in large._db.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert plan
        assert "SCAN files" not in plan, plan


def test_a_hundred_thousand_rows_stay_queryable(large: Ledger) -> None:
    assert large.count_by_state() == {State.ARCHIVED: 100_001, State.HELD: 1}
    assert [row.id for row in large.in_states(*OPEN)] == [file_id(1)]
    assert len(large.latest(30)) == 30
    assert large.filed() == []
    found = large.sent_with_content("students", f"{99_999:064x}", rehearsal=False)
    assert found is not None
    assert large.last_sent("students", rehearsal=False) == found


def test_a_closed_ledger_is_unusable_and_says_so(path: Path) -> None:
    ledger = Ledger(path)
    ledger.close()
    ledger.close()
    with pytest.raises((NeedsOperator, sqlite3.ProgrammingError)):
        ledger.recall("share_id")


# Several changes in one commit.


def test_changes_made_at_once_happen_all_or_not_at_all(path: Path) -> None:
    with Ledger(path) as ledger:
        older, newer = put(ledger, State.QUEUED), put(ledger, State.REFINED, hours=1)
        with pytest.raises(Overtaken), ledger.at_once():
            _accept_twice(ledger, newer, older)
        assert (ledger.get(older.id), ledger.get(newer.id)) == (older, newer)
        with ledger.at_once():
            ledger.move(newer, State.QUEUED, LATER, "sisdrop")
            ledger.move(older, State.SUPERSEDED, LATER, "sisdrop")
            assert [row.id for row in ledger.in_states(State.QUEUED)] == [newer.id]
    with Ledger(path) as again:
        assert [row.state for row in again.in_states(*State)] == [State.SUPERSEDED, State.QUEUED]


def test_what_came_before_is_told_by_the_claims_and_not_by_the_ids(ledger: Ledger) -> None:
    first, second = put(ledger, State.CLAIMED, hours=1), put(ledger, State.CLAIMED, hours=0)
    assert ledger.came_before(first.id, second.id)
    assert not ledger.came_before(second.id, first.id)
    assert not ledger.came_before(first.id, first.id)
    assert not ledger.came_before(first.id, "20000101T000000Z-0000")


def _accept_twice(ledger: Ledger, newer: FileRow, older: FileRow) -> None:
    ledger.move(newer, State.QUEUED, LATER, "sisdrop")
    ledger.move(older, State.SUPERSEDED, LATER, "sisdrop")
    ledger.move(newer, State.QUEUED, LATER, "sisdrop")
