"""From a settled file to its delivery, against the shell line; and the memory that it takes."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.measure import peak_memory, run, timed
from bench.story import drop, moments, pid, wait_for_event
from bench.table import Row, against, limited, told
from bench.workshop import Workshop
from sisdrop.records.schema import BUILTIN

ROUNDS = 3
FAULT_RATE = 0.01
AT_MOST = 0.60
MANY = 1_000_000
# A busy machine may take several minutes for 2.3 GB.
PATIENCE = 900.0
CHECK_AND_ZIP = (
    "sha256sum {extract}"
    f" && xmllint --stream --noout --schema {BUILTIN} {{extract}}"
    " && zip -q {zip} {extract}"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file that went out: seconds from claim to proof, and the peak megabytes until then."""

    seconds: float
    peak: float


def rows(workshop: Workshop) -> Iterator[Row]:
    """Delivery without and with faults against the shell line, and peak memory."""
    people = f"{workshop.users:,} users"
    clean, faulty = workshop.extract(), workshop.extract(fault_rate=FAULT_RATE)
    ours, shell, with_faults = [], [], []
    for round_ in range(1, ROUNDS + 1):
        workshop.say(f"delivering {people}, round {round_} of {ROUNDS}")
        ours.append(deliver(workshop, clean))
        shell.append(timed(lambda: shell_line(workshop, clean)))
        with_faults.append(deliver(workshop, faulty))
    best = min(shell)
    settled, spoiled = f"settled → delivered, {people}", f"the same, {FAULT_RATE:.0%} with faults"
    yield against(settled, _best(ours), best, "shell line", AT_MOST)
    yield against(spoiled, _best(with_faults), best, "shell line", AT_MOST)
    peak = max(delivery.peak for delivery in [*ours, *with_faults])
    yield limited(f"peak memory, {people}", peak, 120, "MB")
    yield _large(workshop)


def deliver(workshop: Workshop, extract: Path) -> Delivery:
    """Drop a file into a new installation with a fresh process; what its log says of the way."""
    with workshop.installation() as service:
        service.start()
        drop(service, extract)
        wait_for_event(service, "file.delivered", patience=PATIENCE)
        peak = peak_memory(pid(service))
        (claimed,), (delivered,) = (
            moments(service, event) for event in ("file.claimed", "file.delivered")
        )
    return Delivery(delivered - claimed, peak)


def shell_line(workshop: Workshop, extract: Path) -> None:
    """What a good administrator would write, in one shell."""
    with workshop.folder() as folder:
        zip_ = folder / "shell.zip"
        batch = folder / "batch"
        batch.write_text(f"put {zip_} upload/ALMA/SIS/shell.zip\n")
        sftp = shlex.join(["sftp", *workshop.sftp_arguments(batch)])
        line = CHECK_AND_ZIP.format(extract=extract, zip=zip_)
        run("sh", "-c", f"{line} && {sftp}")


def _large(workshop: Workshop) -> Row:
    what = f"peak memory, {MANY:,} users"
    if not workshop.full:
        return told(what, "left out: `make bench FULL=1` measures it")
    extract = workshop.extract(MANY)
    workshop.say(f"delivering {MANY:,} users")
    delivery = deliver(workshop, extract)
    workshop.forget(extract)
    return limited(f"{what} (in {delivery.seconds:.0f} s)", delivery.peak, 250, "MB")


def _best(deliveries: list[Delivery]) -> float:
    return min(delivery.seconds for delivery in deliveries)
