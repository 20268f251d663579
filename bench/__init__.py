"""The figures that sisdrop is held to, all measured in one run: `make bench`."""

import sys
from pathlib import Path

# The real server, the installations and the invented people live with the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
