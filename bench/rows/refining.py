"""The one read of a file, without the service around it."""

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import run, timed
from bench.rows.delivery import CHECK_AND_ZIP
from bench.table import Row, against, told
from bench.workshop import Workshop

ROUNDS = 3


def rows(workshop: Workshop) -> Iterator[Row]:
    """Reading, checking and zipping against the same three commands, and the peak memory."""
    extract = workshop.extract()
    ours, theirs = [], []
    for round_ in range(1, ROUNDS + 1):
        workshop.say(f"reading {workshop.users:,} users, round {round_} of {ROUNDS}")
        ours.append(_read(workshop, extract))
        theirs.append(_shell(workshop, extract))
    seconds, peak = min(ours)
    what = f"check and zip alone, {workshop.users:,} users"
    yield against(what, seconds, min(theirs), "`sha256sum`, `xmllint`, `zip`")
    yield told("peak memory of that", f"{peak:.0f} MB")


def _read(workshop: Workshop, extract: Path) -> tuple[float, float]:
    with workshop.folder() as folder:
        seconds, peak = run(sys.executable, "-m", "bench.reader", extract, folder).split()
    return float(seconds), float(peak)


def _shell(workshop: Workshop, extract: Path) -> float:
    with workshop.folder() as folder:
        line = CHECK_AND_ZIP.format(extract=extract, zip=folder / "shell.zip")
        return timed(lambda: run("sh", "-c", line))
