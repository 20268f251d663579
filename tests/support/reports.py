"""Reports and status views of invented files, for tests of what people read."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sisdrop.errors import Reason
from sisdrop.model import (
    Blocked,
    Bundle,
    Comparison,
    Counts,
    Example,
    Excerpt,
    Fatal,
    FileView,
    Finding,
    HeldFor,
    Profile,
    Refined,
    Report,
    Severity,
    State,
    StatusView,
    StreamView,
    Verdict,
    Waiting,
)

AT = datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC)
FILE_ID = "20261123T190301Z-4f7c"
HOSTILE = '<script>alert("x")</script>\n\u202e&\x1b[2J\udc92.xml'

EXPIRY = Finding(
    rule="ishare.expiry-date",
    severity=Severity.ERROR,
    message="The record has no expiry date.",
    hint="Fill expiry_date; without it the account never expires.",
    count=3,
    records=3,
    why="Mandatory in I-Share. It is what ends the account of somebody who leaves.",
    examples=(
        Example(record=17, line=402, primary_id="MOUSE17"),
        Example(record=1023, line=30011, primary_id=None),
        Example(record=None, line=30500, primary_id="DUCK\u00a01"),
    ),
)
POSTCODE = Finding(
    rule="ishare.postal-code",
    severity=Severity.WARNING,
    message="The preferred address has no postal code.",
    hint="Fill postal_code; borrowing at other libraries needs it.",
    count=700,
    records=700,
    examples=tuple(Example(record=n, line=20 * n, primary_id=f"MOUSE{n}") for n in range(1, 101)),
)
ORDER = Finding(
    rule="schema.invalid",
    severity=Severity.ERROR,
    message="An element stands in the wrong place.",
    hint="Write addresses, then emails, then phones.",
    count=1200,
    records=1200,
    examples=(Example(record=1, line=9, primary_id="MOUSE1"),),
    element="user/contact_info/emails",
)
FATAL = Fatal(
    rule="xml.encoding",
    line=402,
    column=17,
    offset=18233,
    bytes_hex="92206f66",
    message="Byte 92 is not UTF-8.",
    hint="It looks like Windows-1252 (a curly apostrophe).",
    record=17,
    excerpt=Excerpt("<last_name>O", r"\x92", "Mouse</last_name>"),
)


def refined(**changes: object) -> Refined:
    """A refined file of 1,200 records, 1,190 of them good."""
    whole = Refined(
        sha256="ab" * 32,
        size=2_345_678,
        counts=Counts(1200, 1190, 5, 3, 2, 700),
        profile=Profile(
            records=1190,
            groups={"UNDERGRAD": 1000, "STAFF": 190},
            coverage={"preferred_email": 1189, "expiry_date": 1190},
            states={"expired": 40},
        ),
        findings=(POSTCODE, EXPIRY),
        fatal=None,
        bundle=Bundle(Path("/data/x.zip"), "students.4f7c.xml", 99_000, "cd" * 32, identical=False),
        schema="builtin sha256:12ab34cd",
        rules=("alma", "ishare-public"),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test names real fields


def report(**changes: object) -> Report:
    """An accepted report on that file."""
    whole = Report(
        file_id=FILE_ID,
        file="students.xml",
        stream="patrons",
        verdict=Verdict.ACCEPTED,
        reason=None,
        hint=None,
        refined=refined(),
        made_at=AT,
        compared_with=Comparison("20261122T190301Z-11aa", 12, 340, 838, 4),
        zip_name="20261123T190301Z-01-patrons-abababab.zip",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test names real fields


def rejected() -> Report:
    """A file with a byte that is not UTF-8."""
    fault = refined(
        fatal=FATAL, bundle=None, findings=(), counts=Counts(), profile=Profile(), encoding="?"
    )
    return report(
        verdict=Verdict.REJECTED,
        reason=Reason.XML_ENCODING,
        hint=FATAL.hint,
        refined=fault,
        compared_with=None,
        zip_name=None,
    )


def held() -> Report:
    """A file that lost its emails."""
    return report(
        verdict=Verdict.HELD,
        reason=Reason.FIELD_LOSS,
        zip_name=None,
        held_for=(
            HeldFor(
                Reason.FIELD_LOSS,
                "Preferred email: 98.0 % of the records had one in the last file, now 3.0 %.",
            ),
            HeldFor(Reason.SHRUNK, "1,190 records where the last file had 1,900 (-37 %)."),
        ),
    )


def file_view(**changes: object) -> FileView:
    """A delivered and archived file."""
    whole = FileView(
        id=FILE_ID,
        file="students.xml",
        stream="patrons",
        state=State.ARCHIVED,
        reason=None,
        hint=None,
        since=AT,
        size=2_345_678,
        counts=Counts(1200, 1190, 5, 3, 2, 700),
        remote_name="20261123T190301Z-01-patrons-abababab.zip",
        delivered_at=AT,
        rehearsed=False,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test names real fields


_SOON = "Next file expected by Mon 30 Nov 19:03 UTC; the last came Mon 23 Nov 19:03 UTC."
_LATE = "No file since Sat 14 Nov 19:03 UTC, and one was expected by Sun 22 Nov 19:03 UTC."
_SAME = "No file is expected. Every file since Mon 23 Nov 19:03 UTC has been the same."


def status(**changes: object) -> StatusView:
    """A quiet share: one delivered file and nothing to do."""
    whole = StatusView(
        version="0.1.0",
        now=AT,
        mode="deliver",
        last_scan=AT,
        share_up=True,
        recent=(file_view(),),
        streams=(
            StreamView(
                "patrons", AT, "students.xml", 1190, AT.replace(day=30), 0, 0, expectation=_SOON
            ),
        ),
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test names real fields


def busy_status() -> StatusView:
    """A share on a bad day: blocked, held, waiting, late and unmatched."""
    held_for = held().held_for
    return status(
        blocked=(
            Blocked(
                Reason.REMOTE_PERMISSION, "Account abcftp may not write to ~/upload/ALMA/SIS.", AT
            ),
        ),
        waiting=(Waiting("employees.xml", "It is still being written.", AT),),
        unmatched=(Waiting("notes.docx", "No stream takes this name.", AT),),
        open_files=(
            file_view(state=State.HELD, reason=Reason.FIELD_LOSS, held_for=held_for),
            file_view(id="q", file="queued.xml", state=State.QUEUED, reason=Reason.CONNECT),
        ),
        recent=(
            file_view(),
            file_view(state=State.REJECTED, reason=Reason.XML_ENCODING, counts=Counts()),
            file_view(state=State.DUPLICATE),
            file_view(state=State.SUPERSEDED),
            file_view(file="a-rather-long-name-of-a-file-from-the-registrar-2026-fall.xml"),
            file_view(rehearsed=True),
        ),
        streams=(
            StreamView(
                "students", AT, "students.xml", 1190, AT.replace(day=22), 0, 1, expectation=_LATE
            ),
            StreamView("employees", None, None, None, None, 1, 0, None, AT, _SAME),
        ),
    )
