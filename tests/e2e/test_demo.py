"""The demo as a process, as `make run` starts it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SISDROP = str(Path(sys.executable).with_name("sisdrop"))
_PATIENCE = 40.0


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SISDROP, "demo", "--dir", str(folder), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=45,
    )


def wait_for_line(output: Path, words: str) -> None:
    limit = time.monotonic() + _PATIENCE
    while words not in output.read_text():
        assert time.monotonic() < limit, output.read_text()
        time.sleep(0.05)


def start(folder: Path, output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as lines:
        return subprocess.Popen([SISDROP, "demo", "--dir", str(folder)], stdout=lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proof") / "var"


@pytest.fixture(scope="module")
def proof(folder: Path) -> subprocess.CompletedProcess[str]:
    return demo(folder, "--once")


def test_the_proof_goes_through_all_four_files(proof: subprocess.CompletedProcess[str]) -> None:
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert (
        "Outcomes: delivered; delivered with 4 left out; duplicate; held, approved, delivered."
        in proof.stdout
    )
    assert "All went as it must." in proof.stdout
    assert proof.stderr == ""


def test_the_proof_leaves_nothing(folder: Path, proof: subprocess.CompletedProcess[str]) -> None:
    assert not folder.exists()


def test_the_proof_tells_each_step_in_plain_lines(proof: subprocess.CompletedProcess[str]) -> None:
    for words in (
        "checked: 196 of 201 records good; 4 left out because of errors",
        "duplicate: the same as the last file, so nothing is sent",
        "HELD, nothing of it is sent until a person says so. Preferred email: 100 % of records",
        "approved by",
        "Alma has fetched it",
    ):
        assert words in proof.stdout
    assert "\x1b" not in proof.stdout


def test_a_demo_is_alone_in_its_folder_ends_on_ctrl_c_and_goes_on_later(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    for run in ("first", "second"):
        output = tmp_path / run
        process = start(folder, output)
        try:
            wait_for_line(output, "archived in")
            port = (folder / "secrets" / "known_hosts").read_text()
            other = demo(folder)
            assert other.returncode == 1
            assert "another demo runs in" in other.stdout
            assert (folder / "secrets" / "known_hosts").read_text() == port
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=_PATIENCE) == 0
            assert "The demo has ended" in output.read_text()
        finally:
            process.kill()
            process.wait()

    assert len([*(folder / "data" / "archive").glob("*/*/*/*/manifest.json")]) == 2
    assert "Example" not in (folder / "sisdrop.log").read_text()


def test_the_demo_leaves_a_real_installation_alone(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("data: /data\n")

    refused = demo(tmp_path)

    assert refused.returncode == 1
    assert "name another folder with --dir" in refused.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
