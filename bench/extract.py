"""Write an invented extract for a benchmark: `bench/extract.py OUT --users 100000`.

The same seed gives the same bytes; a user takes about 2.3 KB, like those of real extracts.
"""

import argparse
import sys
from pathlib import Path

# The builders live with the tests, so that both speak of the same invented people.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.invented.extract import write_extract  # found by the line above


def main() -> None:
    """Read the arguments, write the file, say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault-rate", type=float, default=0.0, help="share of records, 0 to 1")
    chosen = parser.parse_args()
    size = write_extract(chosen.out, chosen.users, chosen.seed, chosen.fault_rate)
    print(f"{chosen.out}: {chosen.users} users, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
