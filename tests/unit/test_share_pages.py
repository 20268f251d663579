import re
from dataclasses import replace

import pytest

from sisdrop.errors import Reason
from sisdrop.model import HeldFor, State, StatusView, Waiting
from sisdrop.share_pages import readme_text, status_html
from support import reports


def test_the_readme_is_five_lines_for_windows_editors() -> None:
    text = readme_text()
    assert text.count("\r\n") == 5
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert text.isascii()
    for word in ("STATUS.html", "held", "approved", "rejected", "reports", ".sisdrop"):
        assert word in text


def test_a_quiet_share_says_that_all_is_well() -> None:
    text = status_html(reports.status())
    assert "All is well. Nobody needs to do anything." in text
    assert "What is wrong" not in text
    assert "Waiting for a decision" not in text


def test_status_shows_when_it_last_looked_and_what_an_old_time_means() -> None:
    text = status_html(reports.status())
    assert '<time datetime="2026-11-23T19:03:01Z">2026-11-23 19:03 UTC</time>' in text
    assert "more than ten minutes old, sisdrop is not running" in text
    assert '<meta http-equiv="refresh" content="60">' in text


def test_status_before_the_first_look_says_so() -> None:
    text = status_html(reports.status(last_scan=None, recent=(), streams=()))
    assert "none yet" in text
    assert "None yet." in text


def test_status_says_everything_that_needs_somebody() -> None:
    text = status_html(reports.busy_status())
    assert (
        "Please look: something is wrong, 1 file waits for a decision, an expected file has not "
        "come, files have been the same for too long, 1 file is not recognized." in text
    )
    for part in (
        "No right to write on the server",
        "Account abcftp may not write to ~/upload/ALMA/SIS.",
        "Preferred email: 98.0 % of the records had one in the last file, now 3.0 %.",
        "move the file from the folder held into the folder approved",
        "It is still being written.",
        "No stream takes this name.",
        "No connection to the server",
        "Stream students: No file since Sat 14 Nov 19:03 UTC",
        "<strong>Late.</strong> No file since",
        "Stream employees: No file is expected. Every file since",
        "Rehearsed, not sent",
        "Replaced by a newer file",
        "Same as the last file",
        "1,190 of 1,200 records good",
    ):
        assert part in text


@pytest.mark.parametrize("reason", list(Reason))
def test_status_can_show_every_reason(reason: Reason) -> None:
    file = reports.file_view(state=State.QUEUED, reason=reason)
    held = replace(file, state=State.HELD)
    text = status_html(reports.status(open_files=(file, held), recent=(file,)))
    assert "Waiting to be sent" in text


@pytest.mark.parametrize("state", list(State))
def test_status_can_show_every_state(state: State) -> None:
    file = reports.file_view(state=state, counts=None)
    assert "students.xml" in status_html(reports.status(open_files=(file,), recent=(file,)))


def test_a_stale_file_is_not_offered_the_folder_that_cannot_help() -> None:
    file = reports.file_view(
        state=State.HELD, held_for=(HeldFor(Reason.STALE, "A newer file went out."),)
    )
    text = status_html(reports.status(open_files=(file,)))
    assert "A newer file went out." in text
    assert "sisdrop approve ID --stale" in text
    assert "into the folder approved" not in text


def test_a_lost_share_and_a_rehearsal_are_said() -> None:
    text = status_html(reports.status(share_up=False, mode="rehearse"))
    assert "Please look: something is wrong." in text
    assert "The folder into which files are dropped is missing" in text
    assert "nothing is sent to Alma" in text


def test_status_lists_at_most_thirty_files() -> None:
    files = tuple(reports.file_view(id=f"id-{n:02d}") for n in range(40))
    text = status_html(reports.status(recent=files))
    assert len(re.findall(r"id-\d\d", text)) == 30
    assert "id-29" in text
    assert "id-30" not in text


def test_hostile_names_are_harmless() -> None:
    name = reports.HOSTILE
    waiting = (Waiting(name, name, reports.AT),)
    view: StatusView = reports.status(
        waiting=waiting,
        unmatched=waiting,
        recent=(reports.file_view(file=name, hint=name),),
        open_files=(reports.file_view(file=name, hint=name, state=State.HELD),),
    )
    text = status_html(view)
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in text
    assert not any(char in text for char in "\u202e\x1b\udc92")
    text.encode()


def test_a_zip_that_alma_left_lying_is_told_with_what_to_do() -> None:
    quiet = reports.status()
    view = replace(quiet, streams=tuple(replace(one, not_fetched=1) for one in quiet.streams))
    text = status_html(view)
    assert "Please look: Alma has not fetched a file." in text
    assert "Ask the library to look at the schedule of the load in Alma." in text
