"""What a log line may say: the closed list of events and the closed list of keys.

`python -m sisdrop.log_catalogue > docs/logging.md` writes the catalogue for people.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypedDict

from sisdrop.errors import Reason
from sisdrop.model import Counts, Stage, State


class Level(StrEnum):
    """Who must act: info nobody, warning somebody may look, error we must."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogEvent(StrEnum):
    """Every event that a line can report, as `noun.verb_past`."""

    SERVICE_STARTED = "service.started"
    SERVICE_STANDBY = "service.standby"
    SERVICE_STOPPING = "service.stopping"
    SERVICE_STOPPED = "service.stopped"
    HTTP_STARTED = "http.started"
    SHARE_GONE = "share.gone"
    SHARE_BACK = "share.back"
    SHARE_CHANGED = "share.changed"
    SHARE_UNTIDY = "share.untidy"
    SCAN_FAILED = "scan.failed"
    WATCHER_FAILED = "watcher.failed"
    FILE_CLAIMED = "file.claimed"
    FILE_CLAIM_WAITED = "file.claim_waited"
    FILE_REFINED = "file.refined"
    FILE_HELD = "file.held"
    FILE_APPROVED = "file.approved"
    FILE_REFUSED = "file.refused"
    FILE_RESENT = "file.resent"
    FILE_QUEUED = "file.queued"
    FILE_DELIVERED = "file.delivered"
    FILE_DELIVERY_FAILED = "file.delivery_failed"
    FILE_ARCHIVED = "file.archived"
    FILE_REJECTED = "file.rejected"
    FILE_DUPLICATE = "file.duplicate"
    FILE_SUPERSEDED = "file.superseded"
    FILE_FINISHED = "file.finished"
    FILE_OUTDATED = "file.outdated"
    ROSTER_UNKNOWN = "roster.unknown"
    FILE_BROKEN = "file.broken"
    STREAM_OVERDUE = "stream.overdue"
    STREAM_RESUMED = "stream.resumed"
    STREAM_UNCHANGED = "stream.unchanged"
    PICKUP_SEEN = "pickup.seen"
    PICKUP_VANISHED = "pickup.vanished"
    PICKUP_OVERDUE = "pickup.overdue"
    PICKUP_FAILED = "pickup.failed"
    LANE_BLOCKED = "lane.blocked"
    LANE_RECOVERED = "lane.recovered"
    PURGE_PLANNED = "purge.planned"
    PURGE_REMOVED = "purge.removed"
    PURGE_FAILED = "purge.failed"
    REQUEST_ANSWERED = "request.answered"
    MAIL_SENT = "mail.sent"
    MAIL_FAILED = "mail.failed"
    DATA_FULL = "data.full"
    LEDGER_UNUSABLE = "ledger.unusable"
    LIBRARY_LOGGED = "library.logged"
    EXCEPTION_UNCAUGHT = "exception.uncaught"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the catalogue: the levels it comes at, and what it means."""

    levels: tuple[Level, ...]
    sentence: str


_INFO = (Level.INFO,)
_WARNING = (Level.WARNING,)
_ERROR = (Level.ERROR,)

EVENTS: Final[Mapping[LogEvent, Entry]] = {
    LogEvent.SERVICE_STARTED: Entry(_INFO, "The service runs and begins to look at the inbox."),
    LogEvent.SERVICE_STANDBY: Entry(
        _INFO, "Another instance holds the lock; this one waits and touches nothing."
    ),
    LogEvent.SERVICE_STOPPING: Entry(_INFO, "Asked to stop: nothing new is claimed."),
    LogEvent.SERVICE_STOPPED: Entry(_INFO, "Everything is at rest; the process ends."),
    LogEvent.HTTP_STARTED: Entry(_INFO, "Health, metrics and the status page are served."),
    LogEvent.SHARE_GONE: Entry(
        _ERROR, "The inbox cannot be read. Files are safe; nothing new is taken until it is back."
    ),
    LogEvent.SHARE_BACK: Entry(_INFO, "The inbox can be read again."),
    LogEvent.SHARE_CHANGED: Entry(
        _ERROR, "Another share (or an empty mount point) is where ours was; nothing is written."
    ),
    LogEvent.SHARE_UNTIDY: Entry(
        _WARNING,
        "A move or a report on the share could not be made; the file is safe and it is retried.",
    ),
    LogEvent.SCAN_FAILED: Entry(_WARNING, "One look at the inbox failed; the next one follows."),
    LogEvent.WATCHER_FAILED: Entry(
        _WARNING, "File system events are off; scans still find every file, a little later."
    ),
    LogEvent.FILE_CLAIMED: Entry(_INFO, "A settled file was moved into `work/` and is ours."),
    LogEvent.FILE_CLAIM_WAITED: Entry(
        _INFO, "A settled file could not be moved yet, because somebody has it open."
    ),
    LogEvent.FILE_REFINED: Entry(_INFO, "The file was read, checked and zipped."),
    LogEvent.FILE_HELD: Entry(_WARNING, "A person must decide before the file is sent."),
    LogEvent.FILE_APPROVED: Entry(_INFO, "A person approved a held file."),
    LogEvent.FILE_REFUSED: Entry(_INFO, "A person refused a held file."),
    LogEvent.FILE_RESENT: Entry(_INFO, "A person had an archived file queued to be sent again."),
    LogEvent.FILE_QUEUED: Entry(_INFO, "The file is secured on the data volume and may be sent."),
    LogEvent.FILE_DELIVERED: Entry(
        _INFO, "The zip stands complete on the server under its final name."
    ),
    LogEvent.FILE_DELIVERY_FAILED: Entry(
        _WARNING, "An attempt failed and another follows by itself; the file is safe."
    ),
    LogEvent.FILE_ARCHIVED: Entry(_INFO, "Zip, original, report and manifest are archived."),
    LogEvent.FILE_REJECTED: Entry(_WARNING, "The file is at fault; its report says where."),
    LogEvent.FILE_DUPLICATE: Entry(_INFO, "The same content was already sent; nothing is sent."),
    LogEvent.FILE_SUPERSEDED: Entry(_INFO, "A newer full file of the stream took its place."),
    LogEvent.FILE_FINISHED: Entry(
        _INFO,
        "The one line that tells a file's whole story once it stands in a final state: state, "
        "reason, counts, attempts, times.",
    ),
    LogEvent.FILE_OUTDATED: Entry(
        _INFO,
        "A file of a stream with higher precedence came after this one was read, so it is read "
        "again: who is left to the other stream is decided anew.",
    ),
    LogEvent.ROSTER_UNKNOWN: Entry(
        _WARNING,
        "Who was in an earlier file (`other_id`) cannot be looked up, so nobody is left to it and "
        "nothing is kept for its people; `hint` says why.",
    ),
    LogEvent.FILE_BROKEN: Entry(
        _ERROR, "The program failed on this file; after three times it is set aside as held."
    ),
    LogEvent.STREAM_OVERDUE: Entry(
        _WARNING, "The next file of a stream has not come in time; told once for each absence."
    ),
    LogEvent.STREAM_RESUMED: Entry(_INFO, "A file came after all for a stream that was overdue."),
    LogEvent.STREAM_UNCHANGED: Entry(
        _WARNING, "Every file of a stream has been the same for longer than the settings allow."
    ),
    LogEvent.PICKUP_SEEN: Entry(_INFO, "The receiver fetched a delivered file."),
    LogEvent.PICKUP_VANISHED: Entry(
        _WARNING, "A delivered file is gone without trace; it was probably fetched."
    ),
    LogEvent.PICKUP_OVERDUE: Entry(_WARNING, "A delivered file still lies where it was put."),
    LogEvent.PICKUP_FAILED: Entry(
        _WARNING, "Nobody could look whether a file was fetched; it is tried again."
    ),
    LogEvent.LANE_BLOCKED: Entry(
        _ERROR, "Delivery stopped until an operator mends the cause; one slow probe goes on."
    ),
    LogEvent.LANE_RECOVERED: Entry(_INFO, "Delivery works again, after `attempts` attempts."),
    LogEvent.PURGE_PLANNED: Entry(_INFO, "These archived files are about to be removed by age."),
    LogEvent.PURGE_REMOVED: Entry(_INFO, "An archived file was removed by age."),
    LogEvent.PURGE_FAILED: Entry(
        _WARNING, "A file could not be removed by age; it is tried again with the next purge."
    ),
    LogEvent.REQUEST_ANSWERED: Entry(
        (Level.INFO, Level.WARNING),
        "What a person asked for (`request`) was done, or was not (`accepted`: false).",
    ),
    LogEvent.MAIL_SENT: Entry(_INFO, "A mail was handed to the mail server."),
    LogEvent.MAIL_FAILED: Entry(
        (Level.WARNING, Level.ERROR),
        "A mail could not be handed to the mail server, which is told once and tried again; "
        "a warning: some of its receivers were refused.",
    ),
    LogEvent.DATA_FULL: Entry(
        _ERROR, "The data volume has no room; nothing is lost, nothing new is taken."
    ),
    LogEvent.LEDGER_UNUSABLE: Entry(
        _ERROR, "The ledger cannot be read or written; the service stops rather than guess."
    ),
    LogEvent.LIBRARY_LOGGED: Entry(
        (Level.WARNING, Level.ERROR),
        "A library (`logger`) had something to say. Its words are left out: they may name people.",
    ),
    LogEvent.EXCEPTION_UNCAUGHT: Entry(
        _ERROR, "The program failed where nobody expected it; `error` and `frames` say where."
    ),
}


class Keys(TypedDict, total=False):
    """The keys that a caller may add. What is not here does not reach a line."""

    file_id: str
    stream: str
    stage: Stage | None
    reason: Reason | None
    hint: str | None
    state: State
    outcome: StrEnum
    result: StrEnum
    total: int
    delivered: int
    left_out: int
    duplicates: int
    yielded: int
    warned: int
    new: int | None
    changed: int | None
    unchanged: int | None
    absent: int | None
    rule: str
    line: int
    column: int
    offset: int
    size: int
    sha256: str
    attempts: int
    failures: int
    files: int
    seconds: float
    settle_seconds: float
    claim_seconds: float
    refine_seconds: float
    guard_seconds: float
    deliver_seconds: float
    archive_seconds: float
    retry_seconds: float
    age_seconds: float
    remote_name: str | None
    other_id: str | None
    found: bool
    rehearsed: bool
    request: str
    accepted: bool
    check: str
    mode: str
    port: int
    version: str
    python: str
    logger: str


KEYS: Final[Mapping[str, str]] = {
    "timestamp": "when, UTC, RFC 3339",
    "level": "who must act, see above",
    "event": "what happened, from the list above",
    "file_id": "the file, as `sisdrop show` takes it",
    "stream": "the stream, as the settings name it",
    "stage": "the step of the file's life",
    "reason": "the word from the closed list of reasons",
    "hint": "what the reader can do about it",
    "state": "where the file stands now",
    "outcome": "what became of the file",
    "result": "how an attempt ended",
    "total": "records in the file",
    "delivered": "records sent",
    "left_out": "records left out because of an error finding",
    "duplicates": "records dropped because a later one replaces them",
    "yielded": "records left to a stream with higher precedence",
    "warned": "records sent with a warning",
    "new": "people who are not in the file it was compared with",
    "changed": "people whose record changed since then",
    "unchanged": "people whose record did not change",
    "absent": "people who are no longer listed",
    "rule": "the rule that was broken",
    "line": "line in the file, from 1",
    "column": "column in the line, from 1",
    "offset": "bytes from the start of the file",
    "size": "bytes",
    "sha256": "digest of the content, or its beginning",
    "attempts": "how often it was tried",
    "failures": "how often the program failed on this file",
    "files": "how many files",
    "seconds": "how long it took",
    "settle_seconds": "from first seen to settled",
    "claim_seconds": "from settled to claimed",
    "refine_seconds": "reading, checking and zipping",
    "guard_seconds": "comparing with history",
    "deliver_seconds": "from queued to delivered",
    "archive_seconds": "moving to the archive",
    "retry_seconds": "until the next attempt",
    "age_seconds": "how long it has been so",
    "remote_name": "the name of the zip on the server",
    "other_id": "the other file that decided this one's fate",
    "found": "an earlier attempt had already put it there",
    "rehearsed": "everything was done but the upload",
    "request": "what a person asked for: approve, refuse, resend, purge",
    "accepted": "whether it was done",
    "check": "name of a check of `/readyz`",
    "mode": "deliver or rehearse",
    "port": "TCP port",
    "version": "version of sisdrop",
    "python": "version of Python",
    "logger": "the library's logger",
    "error": "classes of the exception and its causes, outermost first; never their texts",
    "frames": "file:line:function, innermost last; never values",
}


def counts_keys(counts: Counts) -> Keys:
    """The keys that tell a file's counts."""
    return Keys(
        total=counts.total,
        delivered=counts.delivered,
        left_out=counts.left_out,
        duplicates=counts.duplicates,
        yielded=counts.yielded,
        warned=counts.warned,
    )


_HEAD = """# Logs

<!-- Written by `python -m sisdrop.log_catalogue`; a test keeps it fresh. -->

One JSON object a line on stderr (`log.format: text` for reading by eye). Events and keys come from
the two lists below and from nowhere else. No line holds a name, an identifier or a value from a
patron file, nor the text of an exception, nor a library's own words.

| level | who must act |
|---|---|
| `info` | nobody |
| `warning` | somebody may look: a bad file, a decision, a passing fault |
| `error` | we must |

`file.finished` is the one line per file that tells its whole story.

## Events
"""


def document() -> str:
    """The catalogue as Markdown; each event is a heading, so that runbooks can link to it."""
    events = "".join(
        f"\n### {event}\n\n{' or '.join(entry.levels)}: {entry.sentence}\n"
        for event, entry in EVENTS.items()
    )
    rows = "".join(f"| `{key}` | {sentence} |\n" for key, sentence in KEYS.items())
    return f"{_HEAD}{events}\n## Keys\n\n| key | meaning |\n|---|---|\n{rows}"


if __name__ == "__main__":
    sys.stdout.write(document())
