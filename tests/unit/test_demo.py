"""The demo's decisions: its files, its judge, its words, its stage and its stand-in for Alma."""

import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sisdrop.demo.acts import Act, acts
from sisdrop.demo.alma import StandIn
from sisdrop.demo.evidence import count_records, left_on_share
from sisdrop.demo.judge import Seen, differences, strays, summary, unfinished
from sisdrop.demo.narrator import Places, step
from sisdrop.demo.stage import Stage, Unsuitable
from sisdrop.errors import Reason
from sisdrop.model import Counts, Event, FileRow, HeldFor, Signature, State, Verdict
from sisdrop.offline import Validator
from sisdrop.settings import load_settings

NOW = datetime(2026, 11, 23, 22, 14, 3, tzinfo=UTC)
GOOD, FAULTY, REPEAT, BARE = acts(NOW)
ZIP = "20261123T221403Z-01-patrons-0a1b2c3d.zip"
PLACES = Places(inbox="var/inbox", data="var/data")


def row(act: Act, state: State, file_id: str = "20261123T221403Z-4f7c") -> FileRow:
    """A file of an act in some state, as the ledger would tell of it."""
    sent = state is State.ARCHIVED
    return FileRow(
        file_id,
        "students.xml",
        "patrons",
        state,
        NOW,
        NOW,
        Signature(1, 1, 1),
        counts=act.counts,
        reason=act.reason if state is State.HELD else None,
        remote_name=ZIP if sent else None,
        delivered_at=NOW if sent else None,
        folder=f"archive/2026/11/23/{file_id}" if sent else None,
    )


def as_it_must(act: Act) -> Seen:
    """What is seen when all went well with an act."""
    rested, ended = row(act, act.rests), row(act, act.ends)
    if not act.is_sent:
        return Seen(rested, ended)
    kept = frozenset({"manifest.json", "report.html", "report.json", f"{ended.id}.zip"})
    return Seen(rested, ended, (f"{ZIP}.old",), act.counts.delivered, kept)


def test_every_dropped_file_holds_what_its_act_says(tmp_path: Path) -> None:
    validator = Validator((), None)
    for act in (GOOD, FAULTY, REPEAT, BARE):
        path = tmp_path / "students.xml"
        path.write_bytes(act.content)
        report = validator.validate(path, NOW)
        assert report.verdict is Verdict.ACCEPTED
        assert report.refined.counts == act.counts


def test_the_repeat_is_the_same_to_the_byte() -> None:
    assert REPEAT.content == FAULTY.content


def test_a_later_start_drops_other_bytes() -> None:
    assert acts(NOW.replace(minute=15))[0].content != GOOD.content


def test_people_are_obviously_invented() -> None:
    assert b"true of nobody" in GOOD.content
    assert GOOD.content.count(b"@mail.example.edu<") == 200
    assert b"<email" not in BARE.content


@pytest.mark.parametrize("act", [GOOD, FAULTY, REPEAT, BARE], ids=lambda act: act.title)
def test_the_judge_finds_nothing_when_all_went_as_it_must(act: Act) -> None:
    assert differences(act, as_it_must(act)) == []


def test_a_file_that_never_came_to_rest_is_a_difference() -> None:
    assert differences(GOOD, Seen()) == ["it did not come to archived in time"]


def test_a_bad_file_that_was_not_held_is_a_difference() -> None:
    sent = row(BARE, State.ARCHIVED)
    found = differences(BARE, replace(as_it_must(BARE), rested=sent))
    assert found == [
        "it first came to archived, not held",
        "its reason was None, not field_loss",
    ]


def test_a_file_held_for_another_reason_is_a_difference() -> None:
    held = replace(row(BARE, State.HELD), reason=Reason.SHRUNK)
    found = differences(BARE, replace(as_it_must(BARE), rested=held))
    assert found == ["its reason was shrunk, not field_loss"]


def test_a_held_file_that_nobody_approved_is_a_difference() -> None:
    held = row(BARE, State.HELD)
    found = differences(BARE, Seen(held, held))
    assert "it ended as held, not archived" in found


def test_other_counts_are_a_difference() -> None:
    other = replace(row(FAULTY, State.ARCHIVED), counts=Counts(total=201, delivered=201))
    assert differences(FAULTY, replace(as_it_must(FAULTY), rested=other)) != []


def test_a_zip_with_another_number_of_records_is_a_difference() -> None:
    found = differences(FAULTY, replace(as_it_must(FAULTY), records=201))
    assert found == ["its zip on the server holds 201, not 196"]


def test_a_zip_that_cannot_be_read_or_was_not_fetched_is_a_difference() -> None:
    seen = as_it_must(GOOD)
    assert differences(GOOD, replace(seen, records=None)) != []
    assert differences(GOOD, replace(seen, on_server=(ZIP,))) != []
    assert differences(GOOD, replace(seen, on_server=())) != []


def test_a_duplicate_on_the_server_is_a_difference() -> None:
    found = differences(REPEAT, replace(as_it_must(REPEAT), on_server=(f"{ZIP}.old",)))
    assert found == [f"it must not be on the server, but {ZIP}.old is"]


def test_a_file_missing_from_the_archive_is_a_difference() -> None:
    seen = as_it_must(GOOD)
    found = differences(GOOD, replace(seen, archived=seen.archived - {"manifest.json"}))
    assert found == ["the archive lacks manifest.json"]


def test_what_is_left_in_the_upload_folder_is_a_difference() -> None:
    assert strays([f"{ZIP}.old"], 1) == []
    assert strays([], 1) == ["the files in the upload folder are 0, not 1"]
    assert strays([f"{ZIP}.old", f".{ZIP}.part"], 1)[0] == (
        f".{ZIP}.part is left in the upload folder"
    )
    assert strays([ZIP], 1) == [f"{ZIP} is left in the upload folder"]


def test_a_ledger_with_open_or_missing_files_is_a_difference() -> None:
    done, still = row(GOOD, State.ARCHIVED), row(BARE, State.HELD, "20261123T221404Z-4f7d")
    assert unfinished([done], 1) == []
    assert unfinished([done, still], 2) == ["20261123T221404Z-4f7d is still held"]
    assert unfinished([done], 4) == ["the files in the ledger are 1, not 4"]


def test_the_outcomes_read_on_one_line() -> None:
    seen = [as_it_must(act) for act in (GOOD, FAULTY, REPEAT, BARE)]
    assert summary([*seen, Seen()]) == (
        "delivered; delivered with 4 left out; duplicate; held, approved, delivered; unfinished"
    )


def test_the_judge_counts_the_records_of_a_sound_zip_only(tmp_path: Path) -> None:
    sound, broken = tmp_path / "sound.zip", tmp_path / "broken.zip"
    with zipfile.ZipFile(sound, "w") as archive:
        archive.writestr("students.xml", BARE.content)
    broken.write_bytes(sound.read_bytes()[:500])
    assert count_records(sound) == 200
    assert count_records(broken) is None


def test_the_judge_sees_what_is_left_anywhere_on_the_share(tmp_path: Path) -> None:
    for place in (
        "held/a.xml",
        ".sisdrop/work/20261123T221403Z-4f7c",
        "b.xml",
        "reports/a.html",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    assert left_on_share(tmp_path) == [
        "b.xml is left on the share",
        "held/a.xml is left on the share",
        ".sisdrop/work/20261123T221403Z-4f7c is left on the share",
    ]


def event(before: State | None, after: State) -> Event:
    return Event(NOW, "ada", before, after, None, "looks right")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, State.CLAIMED, "taken from the inbox"),
        (State.CLAIMED, State.REFINED, "checked: 196 of 201 records good"),
        (State.HELD, State.REFINED, "approved by ada: looks right"),
        (State.DELIVERING, State.DELIVERED, f"delivered as {ZIP}, and verified"),
        (State.DELIVERED, State.ARCHIVED, "archived in var/data/archive/2026/11/23/"),
        (State.REFINED, State.DUPLICATE, "nothing is sent"),
        (State.DELIVERING, State.QUEUED, "tried again by itself"),
    ],
)
def test_the_narrator_tells_each_step_in_plain_words(
    before: State | None, after: State, words: str
) -> None:
    said = step(event(before, after), row(FAULTY, State.ARCHIVED), PLACES)
    assert said is not None
    assert words in said[0]


def test_the_narrator_says_nothing_of_steps_that_nobody_waits_for() -> None:
    seen = row(GOOD, State.ARCHIVED)
    assert step(event(State.REFINED, State.QUEUED), seen, PLACES) is None
    assert step(event(State.QUEUED, State.DELIVERING), seen, PLACES) is None


def test_a_held_file_is_told_with_its_sentence_and_its_report() -> None:
    why = HeldFor(Reason.FIELD_LOSS, "Alma would erase it")
    held = replace(row(BARE, State.HELD), held_for=(why,))
    said = step(event(State.REFINED, State.HELD), held, PLACES)
    assert said is not None
    assert "Alma would erase it." in said[0]
    assert "var/inbox/held/students.20261123T221403Z-4f7c.report.html" in said[0]


def test_the_settings_of_the_stage_are_good_and_reach_this_machine_only(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "var")
    stage.check()
    stage.furnish()
    stage.make_key()
    stage.write_config(2222, 0, hurry=False)
    settings = load_settings(stage.config, {})
    assert settings.sftp.host == settings.http.host == "127.0.0.1"
    assert settings.sftp.port == 2222
    assert settings.sftp.key == stage.key
    assert stage.key.stat().st_mode & 0o077 == 0


def test_what_a_demo_left_is_taken_again_with_a_new_key(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.furnish()
    first = stage.make_key()
    stage.write_config(2222, 0, hurry=False)
    stage.check()
    stage.furnish()
    assert stage.make_key() != first


@pytest.mark.parametrize("name", ["inbox", "data", "server"])
def test_folders_of_somebody_else_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(Unsuitable, match=name):
        Stage(tmp_path).check()


def test_the_stand_in_fetches_what_has_waited_and_leaves_hidden_names_alone(tmp_path: Path) -> None:
    (tmp_path / ZIP).touch()
    (tmp_path / f".{ZIP}.part").touch()
    (tmp_path / ".hidden.zip").touch()
    alma = StandIn(tmp_path, patience=3.0)
    assert alma.look(100.0) == []
    assert alma.look(102.9) == []
    assert alma.look(103.0) == [ZIP]
    assert alma.look(110.0) == []
    assert alma.fetched == {ZIP}
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{ZIP}.old", f".{ZIP}.part", ".hidden.zip"}
