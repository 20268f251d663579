import json
import os
import stat
from pathlib import Path

import pytest

from sisdrop.model import Report
from sisdrop.offline import Unsteady, Validator
from sisdrop.validating import ReportRefused, Validation, refuse_report, write_report
from support import reports
from support.xml import Patron, user, users

GOOD = users(user(Patron("T000001")))
BAD = users(user(Patron("T777777", expiry="never")), user(Patron("T000002")))


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator((), None)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a" / "students.xml", tmp_path / "b" / "students.xml"]
    for path, content in zip(paths, (GOOD, BAD), strict=True):
        path.parent.mkdir()
        path.write_text(content)
    return paths


def test_files_of_the_same_name_are_told_apart_and_summed_up(
    validator: Validator, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    validation = Validation(validator)
    validation.check(files, None)
    first, second, summary = capsys.readouterr().out.split("\n\n")
    assert first.startswith(f"{files[0]}: ACCEPTED\n")
    assert second.startswith(f"{files[1]}: ACCEPTED, 1 RECORD LEFT OUT\n")
    assert summary == "2 files: 1 good, 1 with records left out.\n"
    assert validation.is_bad


def test_one_file_has_no_summary_and_no_empty_line(
    validator: Validator, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    Validation(validator).check(files[:1], None)
    out = capsys.readouterr().out
    assert out.startswith("students.xml: ACCEPTED\n")
    assert "\n\n" not in out
    assert "1 file" not in out


def test_json_is_one_line_for_each_file_in_plain_ascii(
    validator: Validator, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files[0].write_text(users(user(Patron("T000001", group="Ünder"))))
    Validation(validator, as_json=True).check(files, None)
    out = capsys.readouterr().out
    first, second = map(json.loads, out.splitlines())
    assert first["groups"] == {"Ünder": 1}
    assert second["records"]["left_out"] == 1
    assert out.isascii()


def test_nobody_is_named_unless_it_is_wanted(
    validator: Validator, files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for as_json in (True, False):
        Validation(validator, as_json=as_json).check(files, None)
        assert "T777777" not in capsys.readouterr().out
        Validation(validator, as_json=as_json, identify=True).check(files, None)
        assert "T777777" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    validator: Validator, files: list[Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    validation = Validation(validator)
    validation.check([tmp_path / "none\x1b.xml", tmp_path, *files], None)
    said = capsys.readouterr()
    assert validation.unread == 2
    assert [made.file for made in validation.reports] == ["students.xml", "students.xml"]
    assert r"none\x1b.xml: No such file or directory" in said.err
    assert "Is a directory" in said.err
    assert said.out.endswith("4 files: 1 good, 1 with records left out, 2 not read.\n")


def test_a_file_that_is_being_written_is_not_read(
    validator: Validator,
    files: list[Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def changing(*_: object) -> Report:
        raise Unsteady("it changed while it was read")

    monkeypatch.setattr(Validator, "validate", changing)
    Validation(validator).check(files[:1], None)
    assert "students.xml: it changed while it was read" in capsys.readouterr().err


def test_the_report_is_written_for_its_owner_alone(
    validator: Validator, files: list[Path], tmp_path: Path
) -> None:
    for name in ("r.html", "r.json", "R.HTML"):
        Validation(validator).check(files[1:], tmp_path / name)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert "T777777" in (tmp_path / name).read_text("utf-8")
    assert (tmp_path / "R.HTML").read_text().startswith("<!DOCTYPE html>")
    assert json.loads((tmp_path / "r.json").read_text())["format"] == "sisdrop-report/1"


def test_a_report_replaces_the_one_before_at_once(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")
    before = path.stat().st_ino
    write_report(path, reports.report())
    assert path.stat().st_ino != before
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.html"]


def test_a_report_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "r.html").mkdir()
    with pytest.raises(ReportRefused, match=r"cannot be written to .*r\.html: Is a directory"):
        write_report(tmp_path / "r.html", reports.report())
    with pytest.raises(ReportRefused, match=r"the folder is missing or not writable"):
        refuse_report(tmp_path / "none" / "r.html", [])


@pytest.mark.parametrize("name", ["r.txt", "r", "html", "r.html.gz", "r.pdf"])
def test_a_report_is_html_or_json(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportRefused, match=r"must end in \.html or \.json"):
        refuse_report(tmp_path / name, [])


def test_a_report_is_of_one_file_and_never_replaces_it(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ReportRefused, match="one file at a time"):
        refuse_report(tmp_path / "r.html", files)
    page = tmp_path / "page.html"
    page.write_text(GOOD)
    (tmp_path / "link.html").symlink_to(page)
    for same in (page, tmp_path / "link.html", tmp_path / "a" / ".." / "page.html"):
        with pytest.raises(ReportRefused, match="would replace the file"):
            refuse_report(same, [page])


def test_an_old_report_may_be_replaced_and_a_missing_file_is_no_report(
    files: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "r.html").touch()
    refuse_report(tmp_path / "r.html", files[:1])
    refuse_report(tmp_path / "r.html", [tmp_path / "none.xml"])


def test_a_report_goes_into_the_folder_where_one_is(
    monkeypatch: pytest.MonkeyPatch, files: list[Path], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    refuse_report(Path("r.html"), files[:1])
    write_report(Path("r.html"), reports.report())
    assert (tmp_path / "r.html").exists()


def test_a_name_that_is_not_text_can_be_complained_of(
    validator: Validator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Validation(validator).check([tmp_path / os.fsdecode(b"\xff.xml")], None)
    assert r"\udcff.xml: No such file" in capsys.readouterr().err
