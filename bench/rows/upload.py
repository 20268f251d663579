"""A large upload against OpenSSH's own client, both from login to the end of the session."""

import os
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench.measure import MEGABYTE, best_of, timed
from bench.table import Row, against
from bench.workshop import Workshop
from sisdrop.delivery.sftp import connect

ROUNDS = 3
SIZE = 400
FOLDER = "upload/ALMA/SIS"


def rows(workshop: Workshop) -> Iterator[Row]:
    """400 MB that do not compress; `sftp` syncs nothing unless told, ours always does."""
    with workshop.folder() as folder:
        payload = folder / "payload.zip"
        payload.write_bytes(os.urandom(int(SIZE * MEGABYTE)))
        workshop.say(f"uploading {SIZE} MB, {ROUNDS} times each")
        ours, plain, synced = best_of(
            ROUNDS,
            lambda: _ours(workshop, payload),
            lambda: _theirs(workshop, "put", payload),
            lambda: _theirs(workshop, "put -f", payload),
        )
    what = f"upload of {SIZE} MB"
    yield against(what, ours, plain, f"`sftp` ({SIZE / plain:.0f} MB/s)", 1.0)
    faster = f"the same ({SIZE / ours:.0f} MB/s)"
    yield against(faster, ours, synced, f"`sftp`, synced ({SIZE / synced:.0f} MB/s)")


def _ours(workshop: Workshop, payload: Path) -> float:
    """Through the delivery layer, in the loop that the service runs: synced, renamed, proven."""
    seconds = timed(lambda: uvloop.run(_deliver(workshop, payload)))
    (workshop.sshd.upload_dir / payload.name).unlink()
    return seconds


async def _deliver(workshop: Workshop, payload: Path) -> None:
    async with connect(workshop.sshd.target()) as connection:
        await connection.deliver(
            f"~/{FOLDER}", payload, payload.name, frozenset(), lambda _bytes: None
        )


def _theirs(workshop: Workshop, command: str, payload: Path) -> float:
    seconds = timed(lambda: workshop.sftp(f"{command} {payload} {FOLDER}/theirs.zip"))
    (workshop.sshd.upload_dir / "theirs.zip").unlink()
    return seconds
