"""What an instance costs that has nothing to do, with years of files behind it."""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from bench.measure import processor_seconds, resident_memory
from bench.story import pid, wait_for_event
from bench.table import Row, limited
from bench.workshop import Workshop
from support.service import Service
from support.xml import patrons, user, users

ROWS = 100_000
ARCHIVED = 1_000
# Between two files of the past: ten years in all, and the archived ones lie within sixty days.
EVERY = timedelta(minutes=52)
_TIMES = ("since", "claimed_at", "remote_time", "delivered_at", "filed_at")
WARM_UP = 15.0
WATCHED = 30.0
# As often as Kubernetes and Prometheus ask.
PROBES = (("/livez", 10.0), ("/readyz", 10.0), ("/metrics", 15.0))


def rows(workshop: Workshop) -> Iterator[Row]:
    """Resident memory and share of a core, under the default times and the usual probes."""
    inbox = {"settle": "30s", "scan_interval": "5s"}
    with workshop.installation() as service:
        _one_file(service)
        workshop.say(f"filling a ledger with {ROWS:,} files")
        _multiply(service)
        service.configure({"inbox": {"path": str(service.inbox), **inbox}})
        service.start()
        workshop.say(f"watching it do nothing for {WATCHED:.0f} s")
        _probe(service, WARM_UP)
        process = pid(service)
        begun, used = time.monotonic(), processor_seconds(process)
        _probe(service, WATCHED)
        share = 100 * (processor_seconds(process) - used) / (time.monotonic() - begun)
        memory = resident_memory(process)
    past = f"{ARCHIVED:,} files in the archive, {ROWS:,} in the ledger"
    yield limited(f"idle instance, {past}: resident", memory, 90, "MB")
    yield limited("idle instance: share of a core", share, 1, "%")


def _one_file(service: Service) -> None:
    """Let one file go the whole way, so that what is copied is real."""
    service.start()
    service.drop("students.xml", users(*[user(person) for person in patrons(60)]))
    wait_for_event(service, "file.finished")
    service.stop()


def _probe(service: Service, seconds: float) -> None:
    begun = time.monotonic()
    due = {path: begun for path, _ in PROBES}
    while (now := time.monotonic()) < begun + seconds:
        for path, every in PROBES:
            if now >= due[path]:
                service.get(path)
                due[path] += every
        time.sleep(0.1)


def _multiply(service: Service) -> None:
    """Give the one file older twins: all in the ledger, the newest of them in the archive."""
    with closing(sqlite3.connect(service.data / "ledger.sqlite3")) as db, db:
        ((text,),) = db.execute("SELECT row FROM files")
        events = db.execute("SELECT * FROM events").fetchall()
        model = json.loads(text)
        twins = [_twin(model, number) for number in range(ROWS - 1, 0, -1)]
        # The newest comes last, as in life.
        db.execute("DELETE FROM events")
        db.execute("DELETE FROM files")
        _insert(db, [*twins, model], [event[2:] for event in events])
    for twin in twins[1 - ARCHIVED :]:
        _copy(service, model, twin)


def _twin(model: dict[str, Any], number: int) -> dict[str, Any]:
    """The same file, so many files earlier."""
    times = {key: _earlier(model[key], number) for key in _TIMES}
    file_id = f"{datetime.fromisoformat(times['claimed_at']):%Y%m%dT%H%M%SZ}-{number % 65536:04x}"
    filed = datetime.fromisoformat(times["filed_at"])
    purged = None if number < ARCHIVED else times["filed_at"]
    return {
        **model,
        **times,
        "id": file_id,
        "sha256": f"{number:064x}",
        "folder": f"archive/{filed:%Y/%m/%d}/{file_id}",
        "remote_name": f"{file_id}.zip",
        "purged_at": purged,
        "share_purged_at": purged,
        "pickup": "picked_up",
        "pickup_at": times["filed_at"],
    }


def _earlier(time_: str, number: int) -> str:
    return (datetime.fromisoformat(time_) - number * EVERY).isoformat()


def _insert(
    db: sqlite3.Connection, files: list[dict[str, Any]], events: list[tuple[str | None, ...]]
) -> None:
    pairs = ((file["id"], json.dumps(file)) for file in files)
    db.executemany("INSERT INTO files (id, row) VALUES (?, ?)", pairs)
    trail = ((file["id"], *event) for file in files for event in events)
    db.executemany(
        "INSERT INTO events (file_id, at, actor, from_state, to_state, reason, note)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        trail,
    )


def _copy(service: Service, model: dict[str, Any], twin: dict[str, Any]) -> None:
    """The folder in the archive and the two reports on the share."""
    folder = service.data / twin["folder"]
    shutil.copytree(service.data / model["folder"], folder)
    for path in folder.glob(f"{model['id']}*"):
        path.rename(path.with_name(path.name.replace(model["id"], twin["id"])))
    for path in service.inbox.glob(f"reports/*{model['id']}*"):
        shutil.copy(path, path.with_name(path.name.replace(model["id"], twin["id"])))
