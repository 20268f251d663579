"""SIGKILL in the middle of the one read: what is left, and that reading again finishes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sisdrop.model import Refined
from sisdrop.records.refine import Limits, refine
from support.invented.extract import write_extract
from support.refining import checker
from support.service import unzip

_DIES = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.refining import checker
from sisdrop.records.refine import Limits, refine
def die(done):
    if done >= int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
refine(Path(sys.argv[2]), None, "id", "a.xml", Path(sys.argv[3]), checker(),
       Limits(1 << 30, 1 << 22), die)
"""


@pytest.mark.parametrize("after", [1, 1_500_000, 3_000_000])
def test_a_kill_inside_the_read_leaves_no_zip_and_reading_again_finishes(
    tmp_path: Path, after: int
) -> None:
    """Before the end there is at most a hidden partial zip, which the next read replaces."""
    dropped, out = tmp_path / "a.xml", tmp_path / "out"
    out.mkdir()
    size = write_extract(dropped, 1_500)
    assert size > after
    before = dropped.read_bytes()
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", _DIES, tests, str(dropped), str(out), str(after)]
    died = subprocess.run(command, check=False)
    assert died.returncode == -signal.SIGKILL
    assert all(path.name.startswith(".") for path in out.iterdir())
    assert dropped.read_bytes() == before

    result = refine(
        dropped, None, "id", "a.xml", out, checker(), Limits(1 << 30, 1 << 22), lambda _: None
    )
    assert isinstance(result, Refined)
    assert [path.name for path in out.iterdir()] == ["id.zip"]
    assert unzip(out / "id.zip")[1] == before
