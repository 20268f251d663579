"""The ledger: one row per file with its state, and an append-only table of events.

SQLite on the data volume, `synchronous=FULL`. Each row is a JSON document (`model.FileRow`);
the columns that queries need are derived from it by SQLite itself, so the two cannot disagree.
WAL is not used: it is unsafe on network filesystems, and nothing here needs it.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import TypeAdapter

from sisdrop import durable
from sisdrop.errors import NeedsOperator, Reason, Transient
from sisdrop.model import Claim, Entry, Event, FileRow, Pickup, Signature, State
from sisdrop.states import check_transition

_ROW = TypeAdapter(FileRow)
_SPAN = 1 << 64
# What the ledger remembers of the share: the id that is ours, and the one about to be written.
SHARE_ID = "share_id"
NEW_SHARE_ID = "new_share_id"
_LAYOUT_1 = """
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    row TEXT NOT NULL,
    state TEXT AS (json_extract(row, '$.state')),
    stream TEXT AS (json_extract(row, '$.stream')),
    sha256 TEXT AS (json_extract(row, '$.sha256')),
    delivered_at TEXT AS (json_extract(row, '$.delivered_at')),
    remote_time TEXT AS (json_extract(row, '$.remote_time')),
    rehearsed INTEGER AS (json_extract(row, '$.rehearsed')),
    to_purge INTEGER AS (
        json_extract(row, '$.filed_at') IS NOT NULL
        AND json_extract(row, '$.purged_at') || json_extract(row, '$.share_purged_at') IS NULL
    )
);
CREATE INDEX files_by_state ON files (state);
CREATE INDEX files_by_digest ON files (sha256, stream, remote_time);
CREATE INDEX files_by_delivery ON files (stream, remote_time);
CREATE INDEX files_by_time ON files (remote_time);
CREATE INDEX files_to_purge ON files (to_purge);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id TEXT NOT NULL REFERENCES files (id),
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    reason TEXT,
    note TEXT
);
CREATE INDEX events_by_file ON events (file_id, seq);
CREATE TABLE claims (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, stream TEXT NOT NULL,
    path BLOB NOT NULL, marker BLOB,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
# The same XML may come once by itself and once in a zip. Rows of layout 1 are all of plain XML.
_LAYOUT_2 = """
ALTER TABLE files ADD COLUMN content TEXT AS (
    coalesce(json_extract(row, '$.content_sha256'), json_extract(row, '$.sha256'))
);
CREATE INDEX files_by_content ON files (content, stream, remote_time);
DROP INDEX files_by_digest;
"""
# When a stream's last file came is asked every few seconds. Ids sort by the time of the claim.
_LAYOUT_3 = "CREATE INDEX files_by_arrival ON files (stream, id);"
# Which zips wait to be fetched is asked at each delivery, and there are few.
_LAYOUT_4 = """
ALTER TABLE files ADD COLUMN pickup TEXT AS (json_extract(row, '$.pickup'));
ALTER TABLE files ADD COLUMN pickup_at TEXT AS (json_extract(row, '$.pickup_at'));
CREATE INDEX files_by_pickup ON files (pickup, stream, pickup_at);
"""
# What leads from each layout to the next; a new ledger goes all the way.
_LAYOUTS = (_LAYOUT_1, _LAYOUT_2, _LAYOUT_3, _LAYOUT_4)
LAYOUT = len(_LAYOUTS)
# Pages that SQLite itself keeps; by default it is 2 MB, which an idle instance holds for ever.
_CACHE_KIB = 256
# A file counts as sent from the moment it is queued: it is then on its way.
_SENT = (State.QUEUED, State.DELIVERING, State.DELIVERED, State.ARCHIVED)
# The low byte of an error code is what went wrong, the rest says where.
_KIND = 0xFF
_MAY_SAY_FULL = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
# One that waits to be sent again has a new time for its name and the old one of its delivery.
_MOST_SENT_AGAIN = 10


class ArchiveSpan(NamedTuple):
    """How many files lie in the archive, and when the oldest and the newest went there."""

    files: int
    oldest: datetime | None
    newest: datetime | None


class Overtaken(RuntimeError):
    """Another part of the service has moved this file meanwhile: look at it again."""


class Ledger:
    """Opens, or makes, the ledger file. Safe to use from several threads.

    One of an older layout is brought up to date, unless it is only read.

    Raises:
        NeedsOperator: `ledger_unusable` when the file cannot be opened or was made by a newer
            version.
        Transient: `data_full` when the volume is full.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._lock = threading.RLock()
        self._path = path
        # Whoever only reads must not leave an empty file that the service may not write.
        mode = "rw" if read_only else "rwc"
        with _translated(path):
            self._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
                timeout=10,
            )
        try:
            self._set_up(read_only=read_only)
        except BaseException:
            self._db.close()
            raise

    def _set_up(self, *, read_only: bool) -> None:
        with _translated(self._path):
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA foreign_keys=ON")
            self._db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if not read_only:
                self._bring_up_to_date(version)
            # Reading needs no right to write, but a journal left by a crash must be rolled back,
            # which SQLite does only on a connection that could write.
            self._db.execute(f"PRAGMA query_only={int(read_only)}")
        if version > LAYOUT:
            raise NeedsOperator(
                Reason.LEDGER_UNUSABLE,
                f"{self._path} was written by another version of sisdrop (layout {version}, this"
                f" one knows {LAYOUT}); run the newer version, or restore the matching ledger",
            )

    def _bring_up_to_date(self, version: int) -> None:
        """If killed here: each step happened or did not, and the next start goes on."""
        for layout, step in enumerate(_LAYOUTS[version:], start=version + 1):
            self._db.executescript(f"BEGIN IMMEDIATE;{step}PRAGMA user_version={layout};COMMIT;")

    def __enter__(self) -> Self:
        """The ledger itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; everything committed is on disk already."""
        with self._lock:
            self._db.close()

    def is_writable(self) -> bool:
        """Whether a write reaches the disk right now (it writes the same value again)."""
        try:
            self.remember("last_write_test", "ok")
        except (NeedsOperator, Transient):
            return False
        return True

    # What is remembered about the installation itself.

    def recall(self, key: str) -> str | None:
        """The remembered value of `key`, if any."""
        with self._reading() as db:
            found = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def remember(self, key: str, value: str) -> None:
        """Remember `value` under `key`, durably."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # Claims: intentions that a restart completes or drops.

    def intend_claim(self, claim: Claim) -> None:
        """Write down that a candidate is about to be renamed into `work/`."""
        seen = claim.signature
        with self._writing() as db:
            db.execute(
                "INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    claim.file_id,
                    claim.name,
                    claim.stream,
                    claim.path,
                    claim.marker,
                    seen.size,
                    _signed(seen.mtime_ns),
                    _signed(seen.inode),
                ),
            )

    def claims(self) -> list[Claim]:
        """Intentions whose outcome is not recorded yet, oldest first."""
        with self._reading() as db:
            rows = db.execute("SELECT * FROM claims ORDER BY rowid").fetchall()
        return [
            Claim(r[0], r[1], r[2], r[3], r[4], Signature(r[5], r[6], r[7] % _SPAN)) for r in rows
        ]

    def drop_claim(self, file_id: str) -> None:
        """The rename did not happen: forget the intention."""
        with self._writing() as db:
            db.execute("DELETE FROM claims WHERE id = ?", (file_id,))

    def accept_claim(self, claim: Claim, at: datetime) -> FileRow:
        """The rename happened: the intention becomes a claimed file, in one commit."""
        row = FileRow(
            claim.file_id, claim.name, claim.stream, State.CLAIMED, at, at, claim.signature
        )
        with self._writing() as db:
            db.execute("DELETE FROM claims WHERE id = ?", (claim.file_id,))
            db.execute("INSERT INTO files (id, row) VALUES (?, ?)", (row.id, _dump(row)))
            self._note(db, row, None, "sisdrop", None)
        return row

    # Files.

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Several changes in one commit. If killed here: none of them happened."""
        with self._writing():
            yield

    def move(
        self,
        row: FileRow,
        to: State,
        at: datetime,
        actor: str,
        note: str | None = None,
        **set_: Any,
    ) -> FileRow:
        """Let a file enter a state, with the fields that change along; the event is recorded.

        The reason and hint of the state before are cleared unless they are set anew.

        Raises:
            Overtaken: if the file is no longer in the state that `row` says.
            IllegalTransition: if the table in `states.py` does not know this step.
        """
        check_transition(row.state, to)
        moved = replace(row, **{"reason": None, "hint": None, **set_, "state": to, "since": at})
        with self._writing() as db:
            self._replace(db, row, moved)
            self._note(db, moved, row.state, actor, note)
        return moved

    def update(self, row: FileRow, **set_: Any) -> FileRow:
        """Change fields of a file that stays in its state.

        Raises:
            Overtaken: if the file is no longer in the state that `row` says.
        """
        changed = replace(row, **set_)
        with self._writing() as db:
            self._replace(db, row, changed)
        return changed

    def adopt(self, row: FileRow, at: datetime, note: str) -> None:
        """Take a row over as it is, whatever stood here; the event is recorded.

        If killed here: it happened or it did not.
        """
        with self._writing() as db:
            found = db.execute("SELECT state FROM files WHERE id = ?", (row.id,)).fetchone()
            before = State(found[0]) if found else None
            db.execute(
                "INSERT INTO files (id, row) VALUES (?, ?)"
                " ON CONFLICT (id) DO UPDATE SET row = excluded.row",
                (row.id, _dump(row)),
            )
            self._note(db, replace(row, since=at), before, "sisdrop", note)

    def folders(self) -> dict[str, str]:
        """Where files lie, below the data folder, and when they were filed, as the rows say it."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT json_extract(row, '$.folder'), json_extract(row, '$.filed_at') FROM files"
                " WHERE to_purge = 1"
            ).fetchall()
        return {folder: at for folder, at in rows if folder}

    def get(self, file_id: str) -> FileRow | None:
        """The file of this id."""
        rows = self._select("WHERE id = ?", (file_id,))
        return rows[0] if rows else None

    def is_taken(self, file_id: str) -> bool:
        """Whether a file or an intention has this id."""
        with self._reading() as db:
            found = db.execute(
                "SELECT 1 FROM files WHERE id = ? UNION SELECT 1 FROM claims WHERE id = ?",
                (file_id, file_id),
            ).fetchone()
        return found is not None

    def in_states(self, *states: State) -> list[FileRow]:
        """All files in these states, in the order of their claims.

        The id would not do: two claims of one second have ids in any order.
        """
        return self._select(f"WHERE state IN ({_marks(states)}) ORDER BY rowid", states)

    def waiting_before(self, row: FileRow) -> list[FileRow]:
        """The held and queued files of the same stream that were claimed before this one."""
        return self._select(
            "WHERE state IN (?, ?) AND stream = ? AND rowid <"
            " (SELECT rowid FROM files WHERE id = ?) ORDER BY rowid",
            (State.HELD, State.QUEUED, row.stream, row.id),
        )

    def came_before(self, file_id: str, other_id: str) -> bool:
        """Whether a file was claimed before another one."""
        with self._reading() as db:
            found = db.execute(
                "SELECT a.rowid < b.rowid FROM files AS a, files AS b WHERE a.id = ? AND b.id = ?",
                (file_id, other_id),
            ).fetchone()
        return bool(found and found[0])

    def count_by_state(self) -> dict[State, int]:
        """How many files stand in each state that occurs."""
        with self._reading() as db:
            rows = db.execute("SELECT state, count(*) FROM files GROUP BY state").fetchall()
        return {State(state): count for state, count in rows}

    def latest(self, limit: int, states: Sequence[State] = tuple(State)) -> list[FileRow]:
        """The newest files in these states, newest claim first."""
        return self._select(
            f"WHERE state IN ({_marks(states)}) ORDER BY rowid DESC LIMIT ?", (*states, limit)
        )

    def last_sent(self, stream: str, *, rehearsal: bool) -> FileRow | None:
        """The newest file of the stream that is delivered or on its way.

        Files that were only rehearsed count in rehearsal and never otherwise: Alma has not
        seen them.
        """
        return self._newest_sent(stream, "", rehearsal=rehearsal)

    def last_loaded(self, stream: str, *, rehearsal: bool) -> FileRow | None:
        """The newest file of the stream that a newer one would no longer replace in the queue."""
        beyond_recall = f"AND (state <> '{State.QUEUED}' OR json_extract(row, '$.in_doubt'))"
        newest = self._newest_sent(stream, beyond_recall, rehearsal=rehearsal)
        waiting = self._select(
            "WHERE state = ? AND stream = ? ORDER BY rowid", (State.QUEUED, stream)
        )
        # What waits to be sent again was loaded when it went out before.
        found = [(row.earlier[-1].remote_time, row) for row in waiting if row.earlier]
        if newest is not None and newest.remote_time is not None:
            found.append((newest.remote_time, newest))
        return max(found, key=lambda sent: sent[0])[1] if found else None

    def newest_sent(self, stream: str, most: int, *, rehearsal: bool) -> list[FileRow]:
        """The newest files of the stream that are delivered or on their way, newest first."""
        return self._select(
            f"WHERE stream = ? AND state IN ({_marks(_SENT)}) AND remote_time IS NOT NULL"
            " AND rehearsed <= ? ORDER BY remote_time DESC LIMIT ?",
            (stream, *_SENT, int(rehearsal), most),
        )

    def held_before(self, row: FileRow) -> str | None:
        """The first held file of the same stream that was claimed before this one, if any."""
        with self._reading() as db:
            found = db.execute(
                "SELECT id FROM files WHERE state = ? AND stream = ? AND rowid <"
                " (SELECT rowid FROM files WHERE id = ?) ORDER BY rowid LIMIT 1",
                (State.HELD, row.stream, row.id),
            ).fetchone()
        return None if found is None else str(found[0])

    def _newest_sent(self, stream: str, also: str, *, rehearsal: bool) -> FileRow | None:
        rows = self._select(
            f"WHERE stream = ? AND state IN ({_marks(_SENT)}) AND remote_time IS NOT NULL"
            f" AND rehearsed <= ? {also} ORDER BY remote_time DESC LIMIT 1",
            (stream, *_SENT, int(rehearsal)),
        )
        return rows[0] if rows else None

    def sent_with_content(self, stream: str, digest: str, *, rehearsal: bool) -> FileRow | None:
        """The newest file of the stream, delivered or on its way, that held exactly this XML."""
        rows = self._select(
            f"WHERE content = ? AND stream = ? AND state IN ({_marks(_SENT)})"
            " AND remote_time IS NOT NULL AND rehearsed <= ? ORDER BY remote_time DESC LIMIT 1",
            (digest, stream, *_SENT, int(rehearsal)),
        )
        return rows[0] if rows else None

    def last_delivered(self, stream: str) -> FileRow | None:
        """The newest file of the stream that really went out."""
        rows = self._select(
            "WHERE stream = ? AND remote_time IS NOT NULL AND delivered_at IS NOT NULL"
            " ORDER BY remote_time DESC LIMIT ?",
            (stream, _MOST_SENT_AGAIN),
        )
        return max(rows, key=lambda row: row.delivered_at or row.since, default=None)

    def awaiting_pickup(self) -> list[FileRow]:
        """The archived files whose zip still stood on the server when it was last looked at."""
        # The plus keeps SQLite from walking through all that is archived.
        return self._select(
            "WHERE pickup IN (?, ?) AND +state = ? ORDER BY rowid",
            (Pickup.WAITING, Pickup.OVERDUE, State.ARCHIVED),
        )

    def overdue_pickups(self) -> dict[str, int]:
        """How many zips of each stream should have been fetched by now; of others none."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT stream, count(*) FROM files WHERE pickup = ? AND +state = ?"
                " GROUP BY stream",
                (Pickup.OVERDUE, State.ARCHIVED),
            ).fetchall()
        return dict(rows)

    def last_pickup(self, stream: str) -> datetime | None:
        """When the receiver was last seen to have fetched a zip of the stream."""
        with self._reading() as db:
            found = db.execute(
                "SELECT max(pickup_at) FROM files WHERE pickup = ? AND stream = ?",
                (Pickup.PICKED_UP, stream),
            ).fetchone()[0]
        return None if found is None else datetime.fromisoformat(found)

    def last_come(
        self, stream: str, by: datetime, states: Sequence[State] = tuple(State)
    ) -> FileRow | None:
        """The newest file of the stream in these states that was claimed at `by` or before.

        Without `by`, a file claimed while the clock was wrong would be the newest for years.
        """
        rows = self._select(
            f"WHERE stream = ? AND id < ? AND state IN ({_marks(states)}) ORDER BY id DESC LIMIT 1",
            (stream, f"{by + timedelta(seconds=1):%Y%m%dT%H%M%SZ}", *states),
        )
        return rows[0] if rows else None

    def newest_remote_time(self) -> datetime | None:
        """The latest time that any remote name carries."""
        with self._reading() as db:
            found = db.execute("SELECT max(remote_time) FROM files").fetchone()[0]
        return None if found is None else datetime.fromisoformat(found)

    def filed(self, by: date | None = None) -> list[FileRow]:
        """All files whose folder or copy on the share may still have to be purged.

        With `by`, only those that were filed on this UTC day or before.
        """
        if by is None:
            return self._select("WHERE to_purge = 1 ORDER BY rowid", ())
        return self._select(
            "WHERE to_purge = 1 AND json_extract(row, '$.filed_at') < ? ORDER BY rowid",
            (f"{by + timedelta(days=1)}",),
        )

    def archive_span(self) -> ArchiveSpan:
        """How many files lie in the archive, and when the oldest and the newest went there."""
        with self._reading() as db:
            found = db.execute(
                "SELECT count(*), min(filed_at), max(filed_at) FROM ("
                "SELECT json_extract(row, '$.filed_at') AS filed_at FROM files"
                " WHERE to_purge = 1 AND json_extract(row, '$.purged_at') IS NULL)"
            ).fetchone()
        files, *times = found
        oldest, newest = (time and datetime.fromisoformat(time) for time in times)
        return ArchiveSpan(files, oldest, newest)

    def claimed_since(self, day: str) -> list[FileRow]:
        """Files claimed on or after a UTC day (`YYYYMMDD`), oldest first."""
        # The plus keeps SQLite from walking through all rows only because they lie in order.
        return self._select("WHERE id >= ? ORDER BY +rowid", (day,))

    def events(self, file_id: str) -> tuple[Event, ...]:
        """The audit trail of a file, oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT at, actor, from_state, to_state, reason, note FROM events"
                " WHERE file_id = ? ORDER BY seq",
                (file_id,),
            ).fetchall()
        return tuple(_event(*row) for row in rows)

    def events_after(self, number: int, most: int) -> list[Entry]:
        """The events of all files that came after the one of this number, oldest first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT seq, file_id, at, actor, from_state, to_state, reason, note FROM events"
                " WHERE seq > ? ORDER BY seq LIMIT ?",
                (number, most),
            ).fetchall()
        return [Entry(number, file_id, _event(*row)) for number, file_id, *row in rows]

    def last_event(self) -> int:
        """The number of the newest event; 0 where there is none."""
        with self._reading() as db:
            return int(db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])

    def _select(self, where: str, values: Sequence[object]) -> list[FileRow]:
        with self._reading() as db:
            # `where` is always a constant of this module; values are bound.
            query = f"SELECT row FROM files {where}"  # noqa: S608
            found = db.execute(query, tuple(values)).fetchall()
        return [_ROW.validate_json(row) for (row,) in found]

    @staticmethod
    def _replace(db: sqlite3.Connection, before: FileRow, after: FileRow) -> None:
        changed = db.execute(
            "UPDATE files SET row = ? WHERE id = ? AND state = ?",
            (_dump(after), before.id, before.state),
        )
        if changed.rowcount != 1:
            raise Overtaken(f"{before.id} is no longer {before.state}")

    @staticmethod
    def _note(
        db: sqlite3.Connection, row: FileRow, before: State | None, actor: str, note: str | None
    ) -> None:
        db.execute(
            "INSERT INTO events (file_id, at, actor, from_state, to_state, reason, note)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row.id, row.since.isoformat(), actor, before, row.state, row.reason, note),
        )

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated(self._path):
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, or part of one. If killed here: SQLite rolls it back when opened."""
        with self._lock, _translated(self._path):
            is_part = self._db.in_transaction
            if is_part:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back by itself, as it does on a full disk.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _event(  # noqa: PLR0913, PLR0917 - the columns
    at: str, actor: str, before: str | None, after: str, reason: str | None, note: str | None
) -> Event:
    return Event(
        datetime.fromisoformat(at),
        actor,
        State(before) if before else None,
        State(after),
        Reason(reason) if reason else None,
        note,
    )


def _dump(row: FileRow) -> str:
    return _ROW.dump_json(row, exclude_defaults=False).decode()


def _signed(number: int) -> int:
    """A number as SQLite can hold it, in 64 bits with a sign.

    The inodes of network shares have 64 bits without one, and times in ns pass 63 in the year 2262.
    """
    return (number + _SPAN // 2) % _SPAN - _SPAN // 2


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if _says_full(error, path.parent):
            raise Transient(
                Reason.DATA_FULL, f"the volume of {path.parent} is full; free space or enlarge it"
            ) from error
        raise _unusable(path) from error
    except sqlite3.DatabaseError as error:
        raise _unusable(path) from error


def _says_full(error: sqlite3.OperationalError, folder: Path) -> bool:
    """Whether an error comes of a full volume.

    SQLite says so when space runs out, but not when a quota or the files do.
    """
    kind = error.sqlite_errorcode & _KIND
    return kind == sqlite3.SQLITE_FULL or (kind in _MAY_SAY_FULL and durable.is_full(folder))


def _unusable(path: Path) -> NeedsOperator:
    return NeedsOperator(
        Reason.LEDGER_UNUSABLE,
        f"the ledger {path} cannot be read or written; check the data volume and its rights",
    )
