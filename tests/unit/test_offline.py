import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from sisdrop.errors import ConfigError, Reason
from sisdrop.model import Refined, Report, Severity, StillChanging, Verdict
from sisdrop.offline import DEFAULT_RULES, Unsteady, Validator, is_bad
from support.clock import START
from support.rows import SIGNATURE
from support.xml import Patron, user, users

GOOD = users(user(Patron("T000001")), user(Patron("T000002")))


@pytest.fixture(scope="module")
def validator() -> Validator:
    return Validator(DEFAULT_RULES, None)


def report(validator: Validator, folder: Path, document: str | bytes) -> Report:
    path = folder / "students.xml"
    path.write_bytes(document.encode() if isinstance(document, str) else document)
    return validator.validate(path, START)


def test_a_good_file_is_accepted_and_not_bad(validator: Validator, tmp_path: Path) -> None:
    found = report(validator, tmp_path, GOOD)
    assert (found.verdict, found.reason, found.hint) == (Verdict.ACCEPTED, None, None)
    assert (found.file, found.stream, found.made_at) == ("students.xml", "", START)
    assert found.refined.counts.delivered == 2
    assert not is_bad(found)


def test_nothing_is_written(validator: Validator, tmp_path: Path) -> None:
    report(validator, tmp_path, GOOD)
    assert [path.name for path in tmp_path.iterdir()] == ["students.xml"]


def test_a_fatal_fault_refuses_the_file_with_its_reason(
    validator: Validator, tmp_path: Path
) -> None:
    found = report(validator, tmp_path, GOOD.removesuffix("</users>\n").removesuffix("</users>"))
    assert (found.verdict, found.reason) == (Verdict.REJECTED, Reason.XML_TRUNCATED)
    assert found.refined.fatal is not None
    assert found.hint == f"{found.refined.fatal.message} {found.refined.fatal.hint}"
    assert is_bad(found)


def test_a_file_of_which_nothing_can_be_sent_is_refused(
    validator: Validator, tmp_path: Path
) -> None:
    found = report(validator, tmp_path, users(user(Patron(omit=frozenset({"expiry_date"})))))
    assert (found.verdict, found.reason) == (Verdict.REJECTED, Reason.NO_DELIVERABLE_RECORDS)
    assert is_bad(found)


def test_one_record_that_is_left_out_makes_an_accepted_file_bad(
    validator: Validator, tmp_path: Path
) -> None:
    lacking = user(Patron("T000002", omit=frozenset({"expiry_date"})))
    found = report(validator, tmp_path, users(user(), lacking))
    assert found.verdict is Verdict.ACCEPTED
    assert found.refined.counts.left_out == 1
    assert is_bad(found)


def test_a_repeated_person_is_dropped_as_alma_does_and_is_not_bad(
    validator: Validator, tmp_path: Path
) -> None:
    found = report(validator, tmp_path, users(user(Patron("T1")), user(Patron("t1"))))
    assert found.verdict is Verdict.ACCEPTED
    assert found.refined.counts.duplicates == 1
    assert not is_bad(found)


def test_a_warning_is_not_bad(validator: Validator, tmp_path: Path) -> None:
    found = report(validator, tmp_path, users(user(Patron(preferred=False))))
    assert {finding.severity for finding in found.refined.findings} == {Severity.WARNING}
    assert not is_bad(found)


def test_the_limits_of_a_stream_do_not_apply(validator: Validator, tmp_path: Path) -> None:
    lacking = [user(Patron(f"T{n}", omit=frozenset({"expiry_date"}))) for n in range(50)]
    found = report(validator, tmp_path, users(user(), *lacking))
    assert found.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe<\0", b"a;b;c", os.urandom(100)])
def test_whatever_lies_there_gets_a_report(
    validator: Validator, tmp_path: Path, content: bytes
) -> None:
    found = report(validator, tmp_path, content)
    assert found.verdict is Verdict.REJECTED
    assert is_bad(found)


@pytest.mark.parametrize("raw", [b"a\nb.xml", b"\xff\xfe.xml", b"-rf.xml", b"con"])
def test_a_file_of_any_name_is_checked(validator: Validator, tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / os.fsdecode(raw)
    path.write_text(GOOD)
    found = validator.validate(path, START)
    assert found.verdict is Verdict.ACCEPTED
    assert found.file == path.name


def test_a_link_is_followed_here(validator: Validator, tmp_path: Path) -> None:
    (tmp_path / "students.xml").write_text(GOOD)
    (tmp_path / "link.xml").symlink_to("students.xml")
    found = validator.validate(tmp_path / "link.xml", START)
    assert (found.file, found.verdict) == ("link.xml", Verdict.ACCEPTED)


def test_what_is_no_file_is_said(validator: Validator, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("nothing.xml", ".", "pipe"):
        with pytest.raises(OSError, match=r".+"):
            validator.validate(tmp_path / name, START)


def test_progress_is_told_in_bytes_up_to_the_whole(validator: Validator, tmp_path: Path) -> None:
    path = tmp_path / "students.xml"
    path.write_text(GOOD)
    told: list[int] = []
    validator.validate(path, START, told.append)
    assert told == sorted(told)
    assert told[-1] == len(GOOD.encode())


def test_a_file_that_changes_while_it_is_read_is_unsteady(
    validator: Validator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(*_: object, **__: object) -> Refined | StillChanging:
        return StillChanging(SIGNATURE)

    monkeypatch.setattr("sisdrop.offline.refine", changing)
    with pytest.raises(Unsteady, match="changed while it was read"):
        report(validator, tmp_path, GOOD)


def test_somebody_who_writes_during_the_read_is_noticed(
    validator: Validator, tmp_path: Path
) -> None:
    path = tmp_path / "students.xml"
    path.write_text(GOOD)

    def write(_: int) -> None:
        with path.open("a") as file:
            file.write("\n")

    with pytest.raises(Unsteady):
        validator.validate(path, START, write)


def test_the_report_is_dated_in_utc(validator: Validator, tmp_path: Path) -> None:
    path = tmp_path / "students.xml"
    path.write_text(GOOD)
    there = datetime(2026, 11, 23, 13, 3, 1, tzinfo=timezone(timedelta(hours=-6)))
    assert validator.validate(path, there).made_at == START
    assert validator.validate(path, there).made_at.tzinfo is UTC


def test_an_id_in_a_report_says_the_time_in_utc(validator: Validator, tmp_path: Path) -> None:
    path = tmp_path / "students.xml"
    path.write_text(GOOD)
    there = datetime(2026, 11, 23, 13, 3, 1, tzinfo=timezone(timedelta(hours=-6)))
    assert validator.validate(path, there).file_id.startswith("20261123T190301Z-")


def test_no_rules_named_are_the_usual_rules(tmp_path: Path) -> None:
    found = report(Validator((), None), tmp_path, GOOD)
    assert found.refined.rules == DEFAULT_RULES


def test_rules_and_a_schema_that_cannot_be_used_are_problems_of_the_settings(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError):
        Validator(("no-such-rules",), None)
    (tmp_path / "bad.xsd").write_text("<not-a-schema/>")
    with pytest.raises(ConfigError):
        Validator(DEFAULT_RULES, tmp_path / "bad.xsd")
