"""The commands as people and scripts meet them: what they print, and how they exit."""

import json
import os
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from support.service import SISDROP, Service
from support.sshd import Sshd
from support.xml import Patron, patrons, user, users

_PEOPLE = users(*[user(person) for person in patrons(60)])


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SISDROP, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=dict(os.environ) | environment,
    )


def test_settings_that_cannot_be_used_are_told_all_at_once(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("inbox: {path: relative, setle: 3s}\nsftp: {port: 70000}\nmode: maybe\n")
    for command in (["run"], ["status"], ["check"], ["config", "show"]):
        result = _run(*command, "--config", str(config), SISDROP_SFTP__HSOT="x")
        assert result.returncode == 2, command
        for key in ("inbox.path", "inbox.setle", "sftp.port", "mode", "data", "SFTP__HSOT"):
            assert key in result.stderr, (command, key)
        assert "Traceback" not in result.stderr


def test_a_missing_settings_file_is_a_sentence() -> None:
    result = _run("status", "--config", "/no/such/file.yaml")
    assert result.returncode == 2
    assert "/no/such/file.yaml" in result.stderr
    assert "Traceback" not in result.stderr


def test_validate_exits_by_its_judgement(tmp_path: Path) -> None:
    """0 for a good file, 1 when anything would be left out, 2 for what is no file."""
    good, dull, bad = (tmp_path / name for name in ("good.xml", "dull.xml", "bad.xml"))
    good.write_text(_PEOPLE)
    dull.write_text(users(user(), user(), user(Patron("T2", preferred=False))))
    bad.write_text(users(user(Patron(expiry="31.05.2030")), user(Patron("T2"))))
    assert _run("validate", str(good)).returncode == 0
    assert _run("validate", str(dull)).returncode == 0, "repeats and warnings are no errors"
    assert _run("validate", str(bad)).returncode == 1
    assert _run("validate", str(good), str(bad)).returncode == 1
    for path in ("/no/such.xml", str(tmp_path)):
        result = _run("validate", path)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr


def test_validate_prints_one_json_report_for_each_file(tmp_path: Path) -> None:
    paths = [tmp_path / "a.xml", tmp_path / "b.xml"]
    paths[0].write_text(_PEOPLE)
    paths[1].write_text(users(user(Patron("T777777", expiry="never"))))
    result = _run("validate", "--json", *map(str, paths))
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert (first["file"], first["verdict"]) == ("a.xml", "accepted")
    assert (second["verdict"], second["reason"]) == ("rejected", "no_deliverable_records")
    assert "T777777" not in result.stdout
    assert "T777777" in _run("validate", "--json", "--identify", str(paths[1])).stdout


def test_validate_takes_rules_and_a_schema_of_ones_own(tmp_path: Path) -> None:
    plain = tmp_path / "plain.xml"
    plain.write_text(users(user(Patron(preferred=False))))
    assert "preferred" in _run("validate", str(plain)).stdout
    assert "preferred" not in _run("validate", "--rules", "none", str(plain)).stdout
    mine = tmp_path / "mine.toml"
    mine.write_text("[[rule]]\n")
    assert _run("validate", "--rules", str(mine), str(plain)).returncode == 2
    schema = tmp_path / "mine.xsd"
    schema.write_text("<not-a-schema/>")
    result = _run("validate", "--schema", str(schema), str(plain))
    assert result.returncode == 2
    assert "mine.xsd" in result.stderr


def test_validate_writes_the_report_that_the_share_would_get(tmp_path: Path) -> None:
    path, html, as_json = tmp_path / "a.xml", tmp_path / "r.html", tmp_path / "r.json"
    path.write_text(_PEOPLE)
    assert _run("validate", str(path), "--report", str(html)).returncode == 0
    assert html.read_text().startswith("<!DOCTYPE html>")
    assert _run("validate", str(path), "--report", str(as_json)).returncode == 0
    assert json.loads(as_json.read_text())["format"] == "sisdrop-report/1"


def test_validate_says_where_a_report_cannot_go_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(_PEOPLE)
    for report in (tmp_path / "r.txt", tmp_path / "none" / "r.html"):
        result = _run("validate", str(path), "--report", str(report))
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith("sisdrop: ")
        assert "Traceback" not in result.stderr


def test_validate_tells_files_apart_and_reads_what_it_can(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(_PEOPLE)
    result = _run("validate", str(path), "/no/such.xml", str(path))
    assert result.returncode == 2
    assert result.stdout.endswith("\n3 files: 2 good, 1 not read.\n")
    assert "/no/such.xml: No such file" in result.stderr


def test_validate_can_be_read_on_a_terminal_of_any_alphabet(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(users(user(Patron(last_name="Müller"))).encode("cp1252"))
    for options in ([], ["--json", "--identify"]):
        result = _run("validate", *options, str(path), PYTHONIOENCODING="ascii")
        assert (result.returncode, result.stderr) == (1, "")


def test_a_long_check_shows_a_bar_on_a_terminal_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(_PEOPLE)
    ended, shown = _on_terminal("-1", "go on", "validate", str(path))
    assert ended == 0
    assert "a.xml" in shown
    assert shown.endswith("\x1b[1A\x1b[2K"), "the bar is taken away"
    assert _on_terminal("3600", "go on", "validate", str(path)) == (0, "")
    assert _on_terminal("-1", "go on", "validate", "--json", str(path)) == (0, "")
    assert _run("validate", str(path)).stderr == ""


def test_ctrl_c_ends_a_check_with_the_bar_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(_PEOPLE)
    ended, shown = _on_terminal("-1", "interrupt", "validate", str(path))
    assert ended == 130
    assert shown.endswith("\x1b[1A\x1b[2K")
    assert "Traceback" not in shown


_PATIENT = """
import os, signal, sys
from sisdrop import progress
# A program that was started in the background ignores it, and a terminal has no such programs.
signal.signal(signal.SIGINT, signal.default_int_handler)
progress.PATIENCE = float(sys.argv.pop(1))
tell = progress._Bar.tell
def told(bar, done):
    tell(bar, done)
    os.kill(os.getpid(), signal.SIGINT)
if sys.argv.pop(1) == "interrupt":
    progress._Bar.tell = told
from sisdrop.cli import main
main()
"""


def _on_terminal(*arguments: str) -> tuple[int, str]:
    """Run a command with a terminal as its stderr; how it ended, and what stands there.

    The first argument is how many seconds it waits with the bar, the second whether somebody
    presses Ctrl-C once it is there.
    """
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _PATIENT, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=dict(os.environ) | {"TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        # A terminal that nobody holds any more answers with an error.
        with suppress(OSError):
            while read := os.read(ours, 1 << 16):
                shown += read
        os.close(ours)
    return process.returncode, shown.decode()


def test_keygen_makes_a_private_pair_and_replaces_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    result = _run("keygen", "--out", str(folder))
    assert result.stdout.startswith("ssh-ed25519 ")
    key = folder / "id_ed25519"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert str(key) in result.stderr
    before = key.read_bytes()
    again = _run("keygen", "--out", str(folder))
    assert again.returncode == 4
    assert again.stderr == f"sisdrop: {key}.pub: File exists\n"
    assert key.read_bytes() == before


def test_scan_host_key_prints_what_known_hosts_needs(sshd: Sshd) -> None:
    result = _run("scan-host-key", f"{sshd.host}:{sshd.port}")
    assert result.returncode == 0
    assert sshd.host_line(sshd.host_key).strip() in result.stdout
    assert "SHA256:" in result.stdout
    assert _run("scan-host-key", f"{sshd.host}:1").returncode == 4


def test_config_show_and_schema(service: Service) -> None:
    shown = json.loads(service.command("config", "show", "--json").stdout)
    assert shown["sftp"]["key"] == str(service.sshd.key)
    assert "PRIVATE KEY" not in json.dumps(shown)
    assert "archive" in service.command("config", "show").stdout
    schema = json.loads(_run("config", "schema").stdout)
    assert "inbox" in schema["properties"]


def test_status_before_the_first_start_is_a_sentence(service: Service) -> None:
    result = service.command("status")
    assert result.returncode == 4
    assert "has the service run" in result.stderr


def test_commands_act_alone_when_no_service_runs(service: Service) -> None:
    service.configure({"guard": {"first_load": "hold"}})
    service.start()
    service.drop("students.xml", _PEOPLE)
    (file,) = service.wait_for_states("held")
    assert service.stop() == 0
    status = json.loads(service.command("status", "--json").stdout)
    assert [(f["id"], f["state"]) for f in status["files"]] == [(file["id"], "held")]
    assert service.command("approve", "nonsense", "--reason", "x").returncode == 1
    answer = service.command("approve", file["id"], "--reason", "read it")
    assert answer.returncode == 0
    assert service.command("purge", "--dry-run").stdout.startswith("0 to remove")
    service.start()
    service.wait_for_states("archived")
    story = json.loads(service.command("show", file["id"], "--json").stdout)
    assert [event["to"] for event in story["events"]][:4] == [
        "claimed",
        "refined",
        "held",
        "refined",
    ]
    assert Path(story["report"]).exists()


def test_a_port_that_is_taken_is_a_start_that_fails(service: Service) -> None:
    service.start()
    first, service.process = service.process, None
    other = service.command("run")
    assert other.returncode == 4
    assert "port" in other.stderr
    service.process = first


def test_run_gives_up_when_the_lock_stays_taken(service: Service, tmp_path: Path) -> None:
    """Exit code 3 after the minute that a leaving pod is given."""
    service.start()
    config = tmp_path / "second.yaml"
    port = service.url.rsplit(":", 1)[1]
    config.write_text(service.config.read_text().replace(f"port: {port}", "port: 0"))
    begun = time.monotonic()
    result = subprocess.run(
        [SISDROP, "run", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert result.returncode == 3
    assert time.monotonic() - begun >= 59
    assert "another instance" in result.stderr
