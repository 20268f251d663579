"""What mails say: a subject, and a text that tells what happened, what to do, and what changed.

Pure. Counts, sentences and file names; never a name, an identifier or a value of a patron.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sisdrop import plain, story
from sisdrop.model import FileRow, Report, Verdict

_WIDTH = 76
_QUOTE = "> "
_SIGNATURE = "-- \nsisdrop writes counts, never names of patrons. Nobody reads answers to it.\n"
_LOOK_AT_THE_PROFILE = (
    "What to do: look in Alma whether the integration profile is active, when it is scheduled, and"
    " what its last job report says."
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail. `key` is the same whenever the same thing is told again; `at` is when it was."""

    key: str
    at: datetime
    subject: str
    text: str
    file_id: str | None = None


class MailFailed(Exception):
    """A mail could not be handed over; it is tried again. The text says why, without quoting."""


class MailRefused(Exception):
    """The server will never take this mail. The text says why, without quoting."""


def about_file(key: str, at: datetime, report: Report, page: str, entry: str) -> Letter:
    """About a file that is held, rejected or delivered, by its report's verdict.

    `page` is where its report lies on the share, `entry` the name of its XML in the zip.
    """
    told = story.tell(report)
    paragraphs = [f"{report.file}: {' '.join(told.happened)}"]
    if report.verdict is Verdict.ACCEPTED:
        paragraphs.append(_delivered(at, report, entry))
    paragraphs += [f"What to do: {' '.join(told.to_do)}", *_to_forward(report, told, page)]
    paragraphs += [*_counts(report), f"Report on the share: {page}\nFile id: {report.file_id}"]
    return replace(_letter(key, at, _subject(report, told), paragraphs), file_id=report.file_id)


def about_absence(key: str, at: datetime, stream: str, since: datetime | None) -> Letter:
    """About a file that has not come though it should have."""
    last = f"The last one came at {plain.clock_time(since)}." if since else "None has ever come."
    return _letter(
        key,
        at,
        f"{stream}: no file has come",
        [
            f"A file of the stream {stream} should have come by now. {last}",
            "Alma does not say so: a load without a file counts as a success there.",
            "What to do: ask campus IT whether the export ran and where it wrote the file.",
        ],
    )


def about_pickup(key: str, at: datetime, row: FileRow, entry: str) -> Letter:
    """About a zip that Alma should have fetched."""
    delivered = plain.clock_time(row.delivered_at) if row.delivered_at else "an earlier time"
    letter = _letter(
        key,
        at,
        f"{row.stream}: Alma has not fetched {row.name}",
        [
            f"The file {row.name} was delivered at {delivered} and still lies on the server.",
            _LOOK_AT_THE_PROFILE,
            f"Zip on the server: {row.remote_name}\nXML in it: {entry}\nFile id: {row.id}",
        ],
    )
    return replace(letter, file_id=row.id)


def _subject(report: Report, told: story.Story) -> str:
    if report.verdict is Verdict.ACCEPTED:
        records = plain.quantity(report.refined.counts.delivered, "record")
        return f"{report.stream}: delivered, {records} ({report.file})"
    why = story.why_title(report.reason)
    title = f"{told.title.lower()}, {_lower(why)}" if why else told.title.lower()
    return f"{report.stream}: {title} ({report.file})"


def _letter(key: str, at: datetime, subject: str, paragraphs: list[str]) -> Letter:
    text = "\n\n".join(_wrapped(paragraph) for paragraph in paragraphs)
    return Letter(key, at, f"[sisdrop] {plain.visible(subject)}", f"{text}\n\n{_SIGNATURE}")


def _wrapped(paragraph: str) -> str:
    return "\n".join(_filled(plain.visible(line)) for line in paragraph.split("\n"))


def _filled(line: str) -> str:
    quote = _QUOTE if line.startswith(_QUOTE) else ""
    return textwrap.fill(
        line.removeprefix(quote),
        _WIDTH,
        initial_indent=quote,
        subsequent_indent=quote,
        # A path or an identifier must be found again as it stands.
        break_long_words=False,
        break_on_hyphens=False,
    )


def _delivered(at: datetime, report: Report, entry: str) -> str:
    return (
        f"It was delivered at {plain.clock_time(at)} as {report.zip_name}. Alma's job report calls"
        f" it {entry}."
    )


def _to_forward(report: Report, told: story.Story, page: str) -> Iterator[str]:
    """What whoever makes the export has to know, to be sent on as it stands."""
    left_out = report.refined.counts.left_out
    if report.verdict is Verdict.ACCEPTED and not left_out:
        return
    about = f"Our patron file {report.file}"
    match report.verdict:
        case Verdict.HELD:
            was = f"{about} waits for a decision and was not sent to Alma yet"
        case Verdict.ACCEPTED:
            records = plain.quantity(left_out, "record")
            was = f"{about} was sent to Alma, but {records} had to be left out because of errors"
        case _:
            was = f"{about} could not be used"
    why = " ".join(told.happened[1:]) if report.verdict is not Verdict.ACCEPTED else ""
    yield "To forward to those who make the file:"
    text = f"{was}. {why}".strip()
    yield f"{_QUOTE}{text} The report with all details lies on the share: {page}"


def _counts(report: Report) -> Iterator[str]:
    if report.refined.counts.total:
        yield f"Records: {story.count_text(report.refined.counts)}."
    compared = report.compared_with
    if compared is not None and compared.new is not None:
        kinds = {
            "new": compared.new,
            "changed": compared.changed,
            "unchanged": compared.unchanged,
            "no longer listed": compared.absent,
        }
        told = ", ".join(f"{plain.number(n)} {kind}" for kind, n in kinds.items() if n is not None)
        yield f"Compared with the file before, in people: {told}."
        lost = [
            f"{plain.label(field)}: {plain.number(count)}"
            for field, count in compared.lost.items()
            if count
        ]
        if lost:
            yield f"People who would lose a field: {'; '.join(lost)}."


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]
