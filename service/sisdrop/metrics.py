"""Counts what the service does, for Prometheus.

Every series exists from the start with 0, and no label takes a value from a file. Times are Unix
seconds; a time that is not known is 0, because NaN would silence every rule that compares it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from sisdrop.errors import REJECTED_REASONS, Reason
from sisdrop.metrics_catalogue import (
    BLOCKING,
    PREFIX,
    ROWS,
    AttemptResult,
    MailResult,
    Outcome,
    RecordOutcome,
    Row,
)
from sisdrop.model import Counts, Stage, State
from sisdrop.states import OPEN

__all__ = ["AttemptResult", "MailResult", "Metrics", "Outcome", "RecordOutcome"]

# From a rename (10 ms) to an export that takes two hours to settle.
BUCKETS: Final = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800, 7200)

_M = TypeVar("_M", Counter, Gauge, Histogram)


def _make(row: Row, registry: CollectorRegistry) -> MetricWrapperBase:
    name, labels = PREFIX + row.name, [label for label, _ in row.labels]
    match row.kind:
        case "counter":
            return Counter(name, row.sentence, labels, registry=registry)
        case "gauge":
            return Gauge(name, row.sentence, labels, registry=registry)
        case "histogram":
            return Histogram(name, row.sentence, labels, registry=registry, buckets=BUCKETS)


def _label_sets(row: Row, given: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Every combination of values that the labels of a row can take."""
    lists = [given[label] if values is None else values for label, values in row.labels]
    yield from product(*lists)


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()


class Metrics:
    """All series of one instance, in a registry of their own.

    Give every stream that the settings name and those that the ledger still has files of; the
    series of any other one begins when it is first counted.
    """

    def __init__(self, streams: Sequence[str], version: str, python: str) -> None:
        # A `_created` series beside each counter would double the page and fail promtool's lint.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self._registry = CollectorRegistry()
        self._made = {row.name: _make(row, self._registry) for row in ROWS}
        given = {"stream": streams, "version": [version], "python": [python]}
        for row in ROWS:
            for values in _label_sets(row, given) if row.labels else ():
                self._made[row.name].labels(*values)
        self._gauge("build_info", version, python).set(1)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def _series(self, kind: type[_M], name: str, labels: tuple[str, ...]) -> _M:
        metric = self._made[name]
        series = metric.labels(*labels) if labels else metric
        if not isinstance(series, kind):
            raise TypeError(f"{name} is no {kind.__name__}")
        return series

    def _counter(self, name: str, *labels: str) -> Counter:
        return self._series(Counter, name, labels)

    def _gauge(self, name: str, *labels: str) -> Gauge:
        return self._series(Gauge, name, labels)

    def file_finished(self, stream: str, outcome: Outcome) -> None:
        """One more file came to this end (or was held)."""
        self._counter("files_total", stream, Outcome(outcome)).inc()

    def file_rejected(self, stream: str, reason: Reason) -> None:
        """One more file was rejected for this reason; counts the reason only, not the file.

        Raises:
            ValueError: if no file is ever rejected for it.
        """
        if reason not in REJECTED_REASONS:
            raise ValueError(f"{reason} rejects no file")
        self._counter("rejections_total", stream, reason).inc()

    def records(self, stream: str, counts: Counts) -> None:
        """The records of one more delivered file."""
        for outcome, count in (
            (RecordOutcome.DELIVERED, counts.delivered),
            (RecordOutcome.LEFT_OUT, counts.left_out),
            (RecordOutcome.DUPLICATE, counts.duplicates),
            (RecordOutcome.YIELDED, counts.yielded),
            (RecordOutcome.WARNED, counts.warned),
        ):
            self._counter("records_total", stream, outcome).inc(count)

    def delivered_bytes(self, stream: str, size: int) -> None:
        """A zip of this many bytes was delivered."""
        self._counter("delivered_bytes_total", stream).inc(size)

    def refined_bytes(self, stream: str, size: int) -> None:
        """A file of this many bytes was read and checked."""
        self._counter("refined_bytes_total", stream).inc(size)

    def stage_took(self, stage: Stage, seconds: float) -> None:
        """A stage took so long; a negative time (a clock that jumped) counts as 0."""
        self._series(Histogram, "stage_duration_seconds", (Stage(stage),)).observe(max(0, seconds))

    def delivery_attempted(self, result: AttemptResult) -> None:
        """One more attempt to deliver ended like this."""
        self._counter("delivery_attempts_total", AttemptResult(result)).inc()

    def mail(self, result: MailResult) -> None:
        """One more mail was handed to the mail server, or could not be."""
        self._counter("mails_total", MailResult(result)).inc()

    def set_mails_waiting(self, mails: int) -> None:
        """How many mails are owed and not sent yet."""
        self._gauge("mails_waiting").set(mails)

    def woken(self) -> None:
        """A file system event called for a scan."""
        self._counter("watch_wakeups_total").inc()

    def set_open_files(self, files: Mapping[State, int], oldest: Mapping[State, datetime]) -> None:
        """How many files stand in each state that is not final, and since when the oldest does."""
        for state in OPEN:
            self._gauge("files_in_state", state).set(files.get(state, 0))
            since = _seconds(oldest.get(state))
            self._gauge("oldest_waiting_timestamp_seconds", state).set(since)

    def set_last_delivery(self, stream: str, at: datetime | None, records: int | None) -> None:
        """When the stream last delivered, and how many records."""
        self._gauge("last_delivery_timestamp_seconds", stream).set(_seconds(at))
        self._gauge("last_file_records", stream).set(records or 0)

    def set_last_pickup(self, stream: str, at: datetime | None) -> None:
        """When the receiver last fetched a file of the stream."""
        self._gauge("last_pickup_timestamp_seconds", stream).set(_seconds(at))

    def set_next_expected(self, stream: str, at: datetime | None) -> None:
        """When the stream's next file should have come at the latest; None: none is expected."""
        self._gauge("next_expected_timestamp_seconds", stream).set(_seconds(at))

    def set_content_unchanged(self, stream: str, *, unchanged: bool) -> None:
        """Whether the stream's files have been the same for too long."""
        self._gauge("content_unchanged", stream).set(unchanged)

    def set_pickup_overdue(self, stream: str, files: int) -> None:
        """How many delivered files of the stream should have been fetched by now."""
        self._gauge("pickup_overdue_files", stream).set(files)

    def set_unmatched(self, files: int) -> None:
        """How many files in the inbox belong to no stream."""
        self._gauge("unmatched_files").set(files)

    def set_inbox_oldest(self, since: datetime | None) -> None:
        """Since when the file has not changed that has lain in the inbox longest."""
        self._gauge("inbox_oldest_timestamp_seconds").set(_seconds(since))

    def set_blocked(self, reasons: Collection[Reason]) -> None:
        """What an operator must mend now; reasons of other kinds have no series and are passed."""
        for reason in BLOCKING:
            self._gauge("blocked", reason).set(reason in reasons)

    def set_share_up(self, *, up: bool) -> None:
        """Whether the inbox can be read."""
        self._gauge("share_up").set(up)

    def set_last_scan(self, at: datetime) -> None:
        """When the inbox was last looked at with success."""
        self._gauge("last_scan_timestamp_seconds").set(_seconds(at))

    def set_watcher_up(self, *, up: bool) -> None:
        """Whether file system events are watched."""
        self._gauge("watcher_up").set(up)

    def set_archive(self, files: int, size: int, oldest: datetime | None) -> None:
        """What the archive holds: files, bytes, and since when the oldest."""
        self._gauge("archive_files").set(files)
        self._gauge("archive_bytes").set(size)
        self._gauge("archive_oldest_timestamp_seconds").set(_seconds(oldest))

    def set_data_free(self, size: int) -> None:
        """Free bytes on the data volume."""
        self._gauge("data_free_bytes").set(size)

    def set_ledger_writable(self, *, writable: bool) -> None:
        """Whether the ledger can be written."""
        self._gauge("ledger_writable").set(writable)

    def set_leader(self, *, leader: bool) -> None:
        """Whether this instance holds the lock."""
        self._gauge("leader").set(leader)

    def render(self) -> tuple[bytes, str]:
        """The page that Prometheus reads, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4
