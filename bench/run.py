"""Measure every figure that sisdrop is held to, and print them as one table.

`python -m bench.run [--users N] [--full] [--only NAME …]`; needs root, for a real SFTP server.
Figures of one run on one machine, so that only ratios mean something elsewhere.
"""

import argparse
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence

from bench import machine
from bench.rows import backlog, claim, delivery, idle, refining, register, upload
from bench.table import Row, markdown, told
from bench.workshop import Workshop, open_workshop

ROWS: dict[str, Callable[[Workshop], Iterator[Row]]] = {
    "delivery": delivery.rows,
    "refine": refining.rows,
    "upload": upload.rows,
    "idle": idle.rows,
    "backlog": backlog.rows,
    "claim": claim.rows,
    "register": register.rows,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 if something could not be measured, whether or not goals were met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000, help="size of the large extract")
    parser.add_argument("--full", action="store_true", help="a million users, too")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME")
    chosen = parser.parse_args(arguments)
    # Before anything runs, because it tells how busy the machine was without us.
    measured_on = machine.describe()
    table: list[Row] = []
    failed = False
    with open_workshop(chosen.users, full=chosen.full) as workshop:
        for name in chosen.only:
            try:
                table += ROWS[name](workshop)
            except Exception as error:  # noqa: BLE001  # the other rows are worth their time
                traceback.print_exc()
                table.append(told(name, f"could not be measured: {type(error).__name__}"))
                failed = True
    print(f"{measured_on}\n\n{markdown(table)}")
    return int(failed)


if __name__ == "__main__":
    # So that a run that is stopped leaves no server, user or folder behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    raise SystemExit(main())
