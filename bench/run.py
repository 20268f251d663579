"""Times reading a realistic extract against the shell line that sisdrop replaces.

Prints ratios of one run on this machine; the yardstick is `sha256sum`, `xmllint --stream
--schema` and `zip`, one after the other. Both sides check the full schema and write a zip; ours
also applies every rule, drops duplicates and syncs the zip to disk.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

USERS = 100_000
_SCHEMA = Path(__file__).parents[1] / "service" / "sisdrop" / "records" / "user.xsd"
_OURS = """
import sys
from pathlib import Path
from sisdrop.records.check import Checker
from sisdrop.records.refine import Limits, refine
from sisdrop.records.rules import load_rules
from sisdrop.records.schema import load_schema
rules = load_rules(("alma", "ishare-public"), {}, ())
checker = Checker(load_schema(None), rules)
out = Path(sys.argv[2])
result = refine(Path(sys.argv[1]), None, "bench", "bench.xml", out, checker,
                Limits(1 << 34, 1 << 22), lambda _: None)
peak = next(l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM"))
print(result.counts.delivered, peak)
"""


def main() -> None:
    """Make the extract, time both sides, print the table."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        extract = base / "extract.xml"
        make = Path(__file__).with_name("extract.py")
        _run(sys.executable, str(make), str(extract), "--users", str(USERS), "--seed", "1")
        megabytes = extract.stat().st_size / 1e6
        shell = _shell(extract, base)
        ours, said = _timed(sys.executable, "-c", _OURS, str(extract), str(base))
        delivered, peak = said.split()
    print(f"{USERS:,} users, {megabytes:.0f} MB, {os.cpu_count()} cores, {platform.machine()}")
    print(f"shell line     {shell:6.1f} s   1.00")
    print(f"sisdrop        {ours:6.1f} s   {ours / shell:.2f}   ({int(delivered):,} delivered)")
    print(f"peak memory    {int(peak) / 1024:6.0f} MB")


def _shell(extract: Path, base: Path) -> float:
    """The seconds of the shell line."""
    schema = ("--stream", "--noout", "--schema", str(_SCHEMA))
    return sum(
        (
            _timed("sha256sum", str(extract))[0],
            _timed("xmllint", *schema, str(extract))[0],
            _timed("zip", "-q", str(base / "shell.zip"), str(extract))[0],
        )
    )


def _timed(*command: str) -> tuple[float, str]:
    begun = time.monotonic()
    said = _run(*command)
    return time.monotonic() - begun, said


def _run(*command: str) -> str:
    program = shutil.which(command[0]) or command[0]
    result = subprocess.run([program, *command[1:]], check=True, capture_output=True, text=True)
    return result.stdout


if __name__ == "__main__":
    main()
