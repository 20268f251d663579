"""What the metrics are: one row per name, with its labels and the closed lists behind them.

`python -m sisdrop.metrics_catalogue > docs/metrics.md` writes the catalogue for people.
"""

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from sisdrop.errors import OPERATOR_REASONS, REJECTED_REASONS, Reason
from sisdrop.model import Stage
from sisdrop.states import OPEN

PREFIX: Final = "sisdrop_"


class Outcome(StrEnum):
    """What became of a file, as `files_total` counts it."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    HELD = "held"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    NOTHING = "nothing"
    RESENT = "resent"


class RecordOutcome(StrEnum):
    """What became of a record; `warned` ones are among the delivered."""

    DELIVERED = "delivered"
    LEFT_OUT = "left_out"
    DUPLICATE = "duplicate"
    YIELDED = "yielded"
    WARNED = "warned"


class AttemptResult(StrEnum):
    """How one attempt to deliver ended."""

    OK = "ok"
    TRANSIENT = "transient"
    NEEDS_OPERATOR = "needs_operator"


class MailResult(StrEnum):
    """How handing one mail to the mail server ended."""

    SENT = "sent"
    FAILED = "failed"


Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Row:
    """One metric: its name without the prefix, and per label the closed list of values.

    The value lists hold None for a label whose values come from the settings (streams) or the
    build (versions).
    """

    name: str
    kind: Kind
    sentence: str
    labels: tuple[tuple[str, tuple[str, ...] | None], ...] = ()


_STREAM = ("stream", None)
_STATES = ("state", OPEN)
# An operator must mend these, and nobody else makes room on our own disk.
BLOCKING: Final = tuple(sorted({*OPERATOR_REASONS, Reason.DATA_FULL}))
_REJECTING = tuple(sorted(REJECTED_REASONS))

ROWS: Final = (
    Row(
        "files_total",
        "counter",
        "Files by what became of them",
        (_STREAM, ("outcome", (*Outcome,))),
    ),
    Row(
        "rejections_total", "counter", "Rejected files by reason", (_STREAM, ("reason", _REJECTING))
    ),
    Row(
        "records_total",
        "counter",
        "Records by what became of them; warned ones are among the delivered",
        (_STREAM, ("outcome", (*RecordOutcome,))),
    ),
    Row("delivered_bytes_total", "counter", "Bytes of the zips delivered", (_STREAM,)),
    Row("refined_bytes_total", "counter", "Bytes of the files read and checked", (_STREAM,)),
    Row("stage_duration_seconds", "histogram", "How long a stage took", (("stage", (*Stage,)),)),
    Row(
        "delivery_attempts_total",
        "counter",
        "Attempts to deliver by how they ended",
        (("result", (*AttemptResult,)),),
    ),
    Row("files_in_state", "gauge", "Files that stand in a state that is not final", (_STATES,)),
    Row(
        "oldest_waiting_timestamp_seconds",
        "gauge",
        "When the file that has been longest in the state entered it; 0 when none is in it",
        (_STATES,),
    ),
    Row(
        "last_delivery_timestamp_seconds",
        "gauge",
        "When the last file was delivered; 0 before the first; survives a restart",
        (_STREAM,),
    ),
    Row(
        "last_pickup_timestamp_seconds",
        "gauge",
        "When the receiver was last seen to have fetched a file; 0 before the first; survives a "
        "restart",
        (_STREAM,),
    ),
    Row(
        "last_file_records",
        "gauge",
        "Records sent with the last delivered file; survives a restart",
        (_STREAM,),
    ),
    Row(
        "next_expected_timestamp_seconds",
        "gauge",
        "When the next file should have come at the latest; 0 when none is expected",
        (_STREAM,),
    ),
    Row(
        "content_unchanged",
        "gauge",
        "1 once every file has been the same for `expect.unchanged_for`, else 0",
        (_STREAM,),
    ),
    Row(
        "pickup_overdue_files",
        "gauge",
        "Delivered files that the receiver should have fetched by now",
        (_STREAM,),
    ),
    Row(
        "inbox_oldest_timestamp_seconds",
        "gauge",
        "Since when the file that has lain in the inbox longest has not changed; 0 when none is to "
        "be taken",
    ),
    Row("unmatched_files", "gauge", "Files in the inbox that no stream's pattern matches"),
    Row(
        "blocked",
        "gauge",
        "1 while an operator must mend this before the service goes on, else 0",
        (("reason", BLOCKING),),
    ),
    Row("share_up", "gauge", "1 while the inbox can be read, else 0"),
    Row(
        "last_scan_timestamp_seconds",
        "gauge",
        "When the inbox was last looked at with success; 0 before the first",
    ),
    Row("watch_wakeups_total", "counter", "Scans that a file system event called for"),
    Row("watcher_up", "gauge", "1 while file system events are watched; scans go on without"),
    Row(
        "mails_total",
        "counter",
        "Mails by whether the mail server took them; one that is tried again counts each time",
        (("result", (*MailResult,)),),
    ),
    Row("mails_waiting", "gauge", "Mails that are owed and not sent yet"),
    Row("archive_bytes", "gauge", "Bytes in the archive"),
    Row("archive_files", "gauge", "Files in the archive"),
    Row(
        "archive_oldest_timestamp_seconds",
        "gauge",
        "When the oldest file in the archive was archived; 0 when it is empty",
    ),
    Row("data_free_bytes", "gauge", "Free bytes on the data volume"),
    Row("ledger_writable", "gauge", "1 while the ledger can be written, else 0"),
    Row("leader", "gauge", "1 while this instance holds the lock, else 0"),
    Row("build_info", "gauge", "Always 1; what is running", (("version", None), ("python", None))),
)

_HEAD = f"""# Metrics

<!-- Written by `python -m sisdrop.metrics_catalogue`; a test keeps it fresh. -->

Served at `/metrics`. Every name begins with `{PREFIX}`. Every series exists from the start, because
`increase()` over a counter that is born at 1 is 0. Label values come from the closed lists below or
from the settings, never from a file. Times are Unix seconds; **a time that is not known is 0**, so
guard a rule that computes an age with `!= 0`. Beside these stand the `process_*` and `python_*`
metrics of the client library.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def _lists() -> str:
    """Each closed list once, whatever number of metrics uses it."""
    seen: dict[tuple[str, ...], list[str]] = {}
    for row in ROWS:
        for label, values in row.labels:
            if values is not None:
                seen.setdefault((label, *values), []).append(f"`{row.name}`")
    return "".join(
        f"- `{label}` of {', '.join(names)}: {', '.join(f'`{value}`' for value in values)}\n"
        for (label, *values), names in seen.items()
    )


def document() -> str:
    """The catalogue as Markdown."""
    rows = "".join(
        f"| `{row.name}` | {row.kind} | {', '.join(f'`{label}`' for label, _ in row.labels)} "
        f"| {row.sentence} |\n"
        for row in ROWS
    )
    return f"{_HEAD}{rows}\n## Label values\n\n{_lists()}- `stream`: the streams of the settings\n"


if __name__ == "__main__":
    sys.stdout.write(document())
