"""`sisdrop sample` and `sisdrop diff` as people and scripts meet them."""

import json
import os
import resource
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.corpus import PLANTED, SECRETS, corpus
from support.service import SISDROP
from support.xml import Patron, patrons, user, users
from support.zips import zipped

PEOPLE = [PLANTED, *patrons(60)]
FILE = users(*map(user, PEOPLE))
REJECTED = (
    "empty.xml",
    "truncated.xml",
    "cp1252.xml",
    "external-entity.xml",
    "v1.xml",
    "all-bad.xml",
)
CONTENTS = {file.name: file.content for file in corpus()}


def run(
    *arguments: object, before: Callable[[], None] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SISDROP, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=dict(os.environ) | environment,
        preexec_fn=before,
    )


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def is_clean(*texts: str) -> bool:
    """Whether nothing in them is the planted person's, and nothing went wrong in a new way."""
    text = "".join(texts).lower()
    return not any(secret.lower() in text for secret in (*SECRETS, "traceback", "error="))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "students.xml", FILE)


def counts(path: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads(run("validate", "--json", path).stdout)["records"]
    return found


def test_a_sample_goes_to_stdout_and_its_summary_to_stderr(file: Path, tmp_path: Path) -> None:
    result = run("sample", file)
    assert result.returncode == 0
    assert result.stderr.startswith("students.xml: 10 of 61 records that would be sent, from 4 ")
    assert is_clean(result.stderr)
    alone = write(tmp_path / "sample.xml", result.stdout)
    assert counts(alone) | {"total": 10, "delivered": 10, "left_out": 0} == counts(alone)
    assert run("sample", file).stdout == result.stdout


@pytest.mark.parametrize("suffix", ["xml", "zip"])
def test_a_sample_is_written_where_it_is_wanted_and_never_over_a_file(
    file: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"sample.{suffix}"
    zipped_file = write(tmp_path / "students.zip", zipped(FILE))
    result = run("sample", zipped_file, "--max", 5, "-o", out, "--json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["records"] == 5
    assert is_clean(result.stdout, result.stderr)
    assert counts(out)["delivered"] == 5
    before = out.read_bytes()
    again = run("sample", file, "-o", out)
    assert again.returncode == 2
    assert "nothing is replaced" in again.stderr
    assert out.read_bytes() == before


def test_what_cannot_be_sampled_is_a_sentence(file: Path, tmp_path: Path) -> None:
    sentences = {
        ("sample", "/no/such.xml"): "No such file",
        ("sample", tmp_path): "directory",
        ("sample", file, "--max", 3): "there are 4 user groups",
        ("sample", file, "--max", 0): "--max",
        ("sample", file, "--json"): "--json needs -o",
        ("sample", file, "-o", tmp_path / "x.txt"): "ends in .xml or .zip",
    }
    for arguments, sentence in sentences.items():
        result = run(*arguments)
        assert result.returncode == 2, arguments
        assert sentence in result.stderr, arguments
        assert result.stdout == ""
        assert is_clean(result.stderr)


@pytest.mark.parametrize("name", REJECTED)
def test_a_rejected_file_gets_the_words_of_validate(tmp_path: Path, name: str) -> None:
    path, good = write(tmp_path / name, CONTENTS[name]), write(tmp_path / "good.xml", FILE)
    words = run("validate", path).stdout
    sample = run("sample", path)
    assert (sample.returncode, sample.stdout, sample.stderr) == (1, "", words)
    compared = run("diff", good, path)
    assert compared.returncode == 1
    assert compared.stdout == words.replace(f"{name}: ", f"{path}: ", 1)
    assert is_clean(compared.stdout, compared.stderr)


def test_nobody_who_reads_only_the_beginning_gets_a_complaint(file: Path) -> None:
    many = write(file, users(*map(user, patrons(3000))))
    line = f"{SISDROP} sample --max 3000 '{many}' | head -c 10"
    result = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert result.stdout == "<?xml vers"
    assert result.stderr == ""


def test_a_full_disk_behind_stdout_is_said(file: Path) -> None:
    line = f"{SISDROP} sample '{file}' > /dev/full"
    result = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "sisdrop: stdout: No space left on device\n"


def test_the_same_file_twice_would_change_nothing(file: Path) -> None:
    result = run("diff", file, file)
    assert result.returncode == 0
    assert "A load of NEW after OLD would change nothing." in result.stdout
    assert result.stderr == ""


def test_a_diff_says_what_people_would_lose_and_names_nobody(file: Path, tmp_path: Path) -> None:
    people = [replace(PLANTED, barcodes=(), group="STAFF"), *patrons(50), Patron("NEW1")]
    new = write(tmp_path / "new.zip", zipped(users(*map(user, people))))
    result = run("diff", file, new)
    assert result.returncode == 0
    assert "1 person would lose their identifier of type BARCODE." in result.stdout
    assert "10 people of OLD are not in NEW" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert is_clean(result.stdout, result.stderr)
    shape = json.loads(run("diff", "--json", file, new).stdout)
    assert shape["people"] == {"new": 1, "changed": 1, "unchanged": 50, "absent": 10}
    assert shape["moves"] == [{"from": "UNDERGRAD", "to": "STAFF", "count": 1}]
    assert is_clean(json.dumps(shape))


def test_records_that_would_be_left_out_do_not_count(tmp_path: Path) -> None:
    old = write(tmp_path / "old.xml", users(user(Patron("T1")), user(Patron("T2"))))
    bad = Patron("T2", expiry="never")
    new = write(tmp_path / "new.xml", users(user(Patron("t1")), user(bad)))
    shape = json.loads(run("diff", "--json", old, new).stdout)
    assert shape["people"] == {"new": 0, "changed": 1, "unchanged": 0, "absent": 1}
    assert shape["fields"] == {"primary_id": {"lose": 0, "gain": 0, "change": 1}}
    assert shape["new"]["records"]["left_out"] == 1


def test_a_terminal_that_is_not_in_utf_8_gets_what_it_can_show(tmp_path: Path) -> None:
    old = write(tmp_path / "old.xml", users(user(Patron(group="A"))))
    new = write(tmp_path / "new.xml", users(user(Patron(group="学"))))
    found = run("diff", old, new, PYTHONIOENCODING="latin-1")
    assert (found.returncode, found.stderr) == (0, "")
    assert "A -> \\u5b66" in found.stdout
    out = tmp_path / "out.xml"
    taken = run("sample", old, "--json", "-o", out, PYTHONIOENCODING="latin-1")
    assert json.loads(taken.stdout)["groups"] == {"A": {"records": 1, "of": 1}}


def test_a_switched_identifier_is_asked_about(file: Path, tmp_path: Path) -> None:
    people = [replace(person, primary_id=f"N{person.primary_id}") for person in PEOPLE]
    new = write(tmp_path / "new.xml", users(*map(user, people)))
    said = " ".join(run("diff", file, new).stdout.split())
    assert "was the identifier switched?" in said
    assert "Nobody is in both." in said


def test_a_file_that_cannot_be_read_is_a_sentence(file: Path, tmp_path: Path) -> None:
    for pair in ((file, "/no/such.xml"), ("/no/such.xml", file), (tmp_path, file)):
        result = run("diff", *pair)
        assert result.returncode == 2
        assert ("/no/such.xml: No such file" in result.stderr) == ("/no/such.xml" in pair)
        assert is_clean(result.stdout, result.stderr)


def test_no_room_for_temporary_files_is_a_sentence(file: Path, tmp_path: Path) -> None:
    result = run("diff", file, file, TMPDIR=str(tmp_path / "missing"))
    assert result.returncode == 4
    assert "no room for temporary files (No such file or directory); set TMPDIR" in result.stderr
    large = write(tmp_path / "large.xml", users(*map(user, patrons(40_000))))

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    result = run("diff", large, large, before=small_files, TMPDIR=str(tmp_path))
    assert result.returncode == 4
    assert "no room for temporary files (File too large)" in result.stderr
    assert is_clean(result.stdout, result.stderr)


def test_nothing_is_left_of_a_diff(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    truncated = write(tmp_path / "half.xml", FILE[: len(FILE) // 2])
    for new in (file, truncated):
        run("diff", file, new, TMPDIR=str(folder))
        assert list(folder.iterdir()) == []
