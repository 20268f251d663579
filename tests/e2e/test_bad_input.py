"""The careless, the broken and the hostile: a clear verdict for each, and nothing lost."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.corpus import SECRETS, Dropped, corpus
from support.invented.extract import extract
from support.service import SISDROP, Service, installation, unzip
from support.smtp import HOST, Mailbox, mail_server
from support.sshd import Sshd
from support.xml import patrons, user, users

# A stream of changes, because the corpus is not a history: no file supersedes another. Only in such
# a stream a file may list nobody, so those that do come in another one.
_STREAMS = [
    {"name": "everybody", "match": ["empty.xml", "blank.xml", "no-records.xml"]},
    {"name": "patrons", "match": ["*.xml"], "kind": "changes"},
]


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
def after(
    session_sshd: Sshd, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that has dealt with the whole corpus, logging all that it ever logs."""
    for path in session_sshd.upload_dir.iterdir():
        path.unlink()
    base = tmp_path_factory.mktemp("corpus")
    changes: dict[str, Any] = {
        "streams": _STREAMS,
        "validation": {"max_left_out": "off"},
        "log": {"level": "debug"},
        "inbox": {"incomplete_after": "2s"},
        "notify": {
            "smtp": f"{HOST}:{mailbox.port}",
            "from": "sisdrop@example.edu",
            "to": ["library@example.edu"],
            "starttls": False,
        },
    }
    with installation(base, session_sshd, **changes) as service:
        service.start()
        for dropped in corpus():
            service.drop(dropped.name, dropped.content)
        service.wait_for(lambda: len(_final(service)) == len(corpus()), "all are dealt with")
        service.wait_for(lambda: len(mailbox.messages) == len(corpus()), "all are told by mail")
        yield service


def _final(service: Service) -> list[dict[str, Any]]:
    return [file for file in service.files() if file["state"] in {"rejected", "archived"}]


@pytest.mark.parametrize("dropped", corpus(), ids=lambda dropped: dropped.name[:40])
def test_each_file_gets_its_verdict(after: Service, dropped: Dropped) -> None:
    (file,) = [file for file in after.files() if file["file"] == dropped.name]
    assert (file["state"], file["reason"]) == (dropped.state, dropped.reason)


def test_every_byte_string_is_in_exactly_one_place(after: Service) -> None:
    """Rejected files lie untouched in rejected/, the good ones in the archive and on the server."""
    rejected = {path.read_bytes() for path in after.inbox.glob("rejected/*.xml")}
    assert rejected == {dropped.content for dropped in corpus() if dropped.state == "rejected"}
    assert len(list(after.inbox.glob("rejected/*.xml"))) == len(rejected)
    good = [dropped for dropped in corpus() if dropped.state == "archived"]
    assert len(after.zips()) == len(good)
    assert not [path for path in after.inbox.iterdir() if path.suffix == ".xml"]
    assert not list((after.inbox / ".sisdrop" / "work").iterdir())
    assert not list((after.data / "outgoing").iterdir())


def test_each_rejected_file_has_a_report_beside_it_that_a_person_can_act_on(
    after: Service,
) -> None:
    for path in after.inbox.glob("rejected/*.xml"):
        report = path.with_name(path.name.removesuffix(".xml") + ".report.html")
        text = report.read_text()
        assert stat.S_IMODE(report.stat().st_mode) == 0o640
        assert "<h1" in text
        assert len(re.sub(r"<[^>]*>", "", text).split()) > 40, path.name


def test_names_on_the_share_fit_and_carry_nothing_odd(after: Service) -> None:
    for folder in ("rejected", "reports"):
        for path in (after.inbox / folder).iterdir():
            assert len(os.fsencode(path.name)) <= 255
            assert not re.search(r'[\x00-\x1f<>:"|?*]', path.name)
            assert not path.name.startswith("-")


def test_a_byte_order_mark_is_taken_off_and_a_declaration_is_added(after: Service) -> None:
    contents = [unzip(path)[1] for path in after.zips()]
    assert all(content.startswith(b"<?xml") for content in contents)


def test_no_patron_leaves_the_volumes(after: Service) -> None:
    """A planted name, identifier, email or birth date: in no log line, metric, page or answer."""
    pages = ["/", "/metrics", "/healthz", "/readyz", "/livez", "/api/status", "/api/files"]
    for file in after.files():
        pages += [f"/files/{file['id']}", f"/api/files/{file['id']}"]
    outputs = {page: after.get(page).decode() for page in pages}
    outputs["log"] = after.log_file.read_text()
    outputs["STATUS.html"] = (after.inbox / "STATUS.html").read_text()
    for arguments in (["status"], ["status", "--json"], ["purge", "--dry-run"]):
        result = after.command(*arguments)
        outputs[" ".join(arguments)] = result.stdout + result.stderr
    assert _leaks(outputs) == []
    manifests = {str(p): p.read_text() for p in after.data.glob("archive/**/manifest.json")}
    assert _leaks(manifests) == []
    (planted,) = after.inbox.glob("rejected/cp1252.*.xml")
    assert b"Quillfeather" in planted.read_bytes(), "the search would find nothing anyway"


def test_no_patron_gets_into_a_mail(after: Service, mailbox: Mailbox) -> None:
    assert after.process is not None
    told = {f"{mail['Subject']}": mail.get_content() for mail in mailbox.messages}
    assert {subject.split(":")[0].strip() for subject in told} == {
        "[sisdrop] patrons",
        "[sisdrop] everybody",
    }
    assert _leaks(told | {text: subject for subject, text in told.items()}) == []


def test_validate_names_nobody_unless_it_is_asked_to(after: Service, tmp_path: Path) -> None:
    outputs = {}
    for number, dropped in enumerate(corpus()):
        path = tmp_path / f"{number}.xml"
        path.write_bytes(dropped.content)
        for options in ([], ["--json"]):
            result = subprocess.run(
                [SISDROP, "validate", *options, str(path)],
                capture_output=True,
                text=True,
                check=False,
            )
            outputs[f"{dropped.name} {options}"] = result.stdout + result.stderr
            assert result.returncode == (1 if dropped.state == "rejected" else 0), result.stderr
    assert _leaks(outputs) == []


def test_exceptions_of_our_own_carry_no_patron(tmp_path: Path) -> None:
    """Whatever `refine` raises on a broken disk, its text names nobody: run in a process."""
    script = tmp_path / "raise.py"
    script.write_text(_RAISES)
    result = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(Path(__file__).parents[1])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "raised" in result.stdout, result.stderr
    assert _leaks({"raised": result.stdout + result.stderr}) == []


_RAISES = """
import sys, traceback
from datetime import date
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sisdrop.records.check import Checker
from sisdrop.records.refine import Limits, refine
from sisdrop.records.rules import load_rules
from sisdrop.records.schema import load_schema
from support.corpus import corpus
base = Path(sys.argv[1])
checker = Checker(load_schema(None), load_rules(("alma", "ishare-public"), {}, ()))
for dropped in corpus():
    path = base / "file.xml"
    path.write_bytes(dropped.content)
    try:
        refine(path, None, "id", "file.xml", base / "no" / "such", checker,
               Limits(1 << 33, 1 << 22), lambda _: None)
    except Exception:
        print("raised", traceback.format_exc())
"""


def _leaks(outputs: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (where, secret)
        for where, text in outputs.items()
        for secret in SECRETS
        if secret.lower() in text.lower()
    ]


def test_what_is_no_file_of_ours_is_left_alone_and_shown(service: Service) -> None:
    """Links, devices, folders, hidden and temporary names: never touched."""
    inbox = service.inbox
    (inbox / "folder.xml").mkdir()
    (inbox / "link.xml").symlink_to("/etc/hostname")
    os.mkfifo(inbox / "pipe.xml")
    content = users(*[user(person) for person in patrons(60)])
    ignored = [".hidden.xml", "~$students.xml", "a.xml.tmp", "a.xml.part", "Thumbs.db"]
    for name in (*ignored, "notes.docx"):
        (inbox / name).write_text(content)
    service.start()
    service.drop("students.xml", content)
    service.wait_for_states("archived")
    service.wait_for(lambda: service.metric("unmatched_files") == 3, "three are shown")
    page = (inbox / "STATUS.html").read_text()
    assert all(name in page for name in ("link.xml", "pipe.xml", "notes.docx"))
    assert not any(name in page for name in ignored)
    assert all((inbox / name).exists() for name in (*ignored, "notes.docx", "folder.xml"))
    assert (inbox / "link.xml").is_symlink()


def test_a_file_without_an_end_is_waited_for_and_then_judged(service: Service) -> None:
    service.configure({"inbox": {"incomplete_after": "8s"}})
    service.start()
    content = users(*[user(person) for person in patrons(60)])
    service.drop("students.xml", content[:-20])
    status = service.inbox / "STATUS.html"
    service.wait_for(lambda: status.exists() and "closing tag" in status.read_text(), "it is shown")
    assert (service.inbox / "students.xml").exists()
    (file,) = service.wait_for_states("rejected")
    assert file["reason"] == "xml_truncated"


def test_a_file_replaced_while_it_is_read_is_read_again(service: Service) -> None:
    """A writer that still has the file open writes on after the claim: the whole goes out."""
    service.start()
    # Large enough that it is still being read when the writer goes on.
    first = b"".join(extract(40_000))
    whole = users(*[user(person) for person in patrons(61)]).encode()
    path = service.inbox / "students.xml"
    with path.open("wb") as file:
        file.write(first)
        file.flush()
        service.wait_for(lambda: not path.exists(), "it is claimed", every=0.001)
        file.seek(0)
        file.write(whole)
        file.truncate()
    service.wait_for_states("archived")
    (delivered,) = service.zips()
    assert unzip(delivered)[1] == whole


def test_an_unreadable_file_stays_and_says_who_cannot_read_it(service: Service) -> None:
    """Without root's privilege to read everything, which is how the container runs."""
    service.start("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    locked = service.inbox / "locked.xml"
    locked.write_text(users(*[user(person) for person in patrons(60)]))
    locked.chmod(0o600)
    os.chown(locked, 54321, 54321)
    page = service.inbox / "STATUS.html"
    service.wait_for(
        lambda: page.exists() and "user 0 (group 0) may not" in page.read_text(), "it is shown"
    )
    assert locked.exists()
    locked.chmod(0o644)
    service.wait_for_states("archived")


def test_the_inbox_gone_and_back(service: Service) -> None:
    """A share that goes away is said so; an empty folder in its place is not taken for it."""
    service.start()
    service.drop("students.xml", users(*[user(person) for person in patrons(60)]))
    service.wait_for_states("archived")
    away = service.inbox.with_name("away")
    service.inbox.rename(away)
    service.wait_for(lambda: service.metric("share_up") == 0, "share gone")
    service.inbox.mkdir()
    service.wait_for(
        lambda: service.metric('blocked{reason="share_changed"}') == 1, "another share"
    )
    assert list(service.inbox.iterdir()) == [], "nothing is written on a share that is not ours"
    service.inbox.rmdir()
    away.rename(service.inbox)
    service.wait_for(lambda: service.metric("share_up") == 1, "share back")
    service.drop("students.xml", users(*[user(person) for person in patrons(61)]))
    service.wait_for_states("archived", "archived")
    events = [line["event"] for line in service.log()]
    assert "share.gone" in events
    assert "share.back" in events
