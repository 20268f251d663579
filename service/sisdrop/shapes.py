"""The JSON shapes of files, streams and status that programs outside rely on. Pure.

Counts and sizes are named as in the report; times are RFC 3339 in UTC or null.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sisdrop.model import (
    Comparison,
    Counts,
    Event,
    FileStory,
    FileView,
    StatusView,
    StreamView,
    Waiting,
)
from sisdrop.plain import rfc3339

Shape = dict[str, Any]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def counts_shape(counts: Counts | None) -> Shape | None:
    """The records of a file, or null before it was read."""
    return None if counts is None else asdict(counts)


def _comparison_shape(compared: Comparison | None) -> Shape | None:
    """As in the report."""
    if compared is None:
        return None
    return {
        "id": compared.file_id,
        "new": compared.new,
        "changed": compared.changed,
        "unchanged": compared.unchanged,
        "absent": compared.absent,
        "lost": dict(compared.lost),
    }


def file_shape(file: FileView) -> Shape:
    """One file without its audit trail."""
    return {
        "id": file.id,
        "file": file.file,
        "stream": file.stream,
        "state": file.state,
        "reason": file.reason,
        "hint": file.hint,
        "since": _time(file.since),
        "bytes": file.size,
        "records": counts_shape(file.counts),
        "remote_name": file.remote_name,
        "delivered_at": _time(file.delivered_at),
        "rehearsed": file.rehearsed,
        "resent": file.resent,
        "pickup": file.pickup,
        "pickup_at": _time(file.pickup_at),
        "compared_with": _comparison_shape(file.comparison),
        "held_for": [{"reason": held.reason, "sentence": held.sentence} for held in file.held_for],
    }


def _event_shape(event: Event, *, notes: bool) -> Shape:
    shape: Shape = {
        "at": _time(event.at),
        "actor": event.actor,
        "from": event.from_state,
        "to": event.to_state,
        "reason": event.reason,
    }
    return shape | ({"note": event.note} if notes else {})


def story_shape(story: FileStory, *, notes: bool) -> Shape:
    """One file with its audit trail.

    Notes are what people typed, so they may name somebody: they are for the operator's terminal
    and never for HTTP.
    """
    events = [_event_shape(event, notes=notes) for event in story.events]
    return file_shape(story.file) | {"events": events}


def _stream_shape(stream: StreamView) -> Shape:
    return {
        "name": stream.name,
        "last_delivery": _time(stream.last_delivery),
        "last_file": stream.last_file,
        "records": stream.records,
        "next_expected": _time(stream.next_expected),
        "last_came": _time(stream.last_came),
        "unchanged_since": _time(stream.unchanged_since),
        "expectation": stream.expectation,
        "waiting": stream.waiting,
        "held": stream.held,
        "not_fetched": stream.not_fetched,
    }


def _waiting_shape(waiting: Waiting) -> Shape:
    return {"file": waiting.file, "why": waiting.why, "since": _time(waiting.since)}


def status_shape(view: StatusView) -> Shape:
    """Everything at a glance: files that are not final first, then the latest final ones."""
    return {
        "version": view.version,
        "now": _time(view.now),
        "mode": view.mode,
        "last_scan": _time(view.last_scan),
        "share_up": view.share_up,
        "blocked": [
            {"reason": block.reason, "hint": block.hint, "since": _time(block.since)}
            for block in view.blocked
        ],
        "waiting": [_waiting_shape(waiting) for waiting in view.waiting],
        "unmatched": [_waiting_shape(waiting) for waiting in view.unmatched],
        "files": [file_shape(file) for file in (*view.open_files, *view.recent)],
        "streams": [_stream_shape(stream) for stream in view.streams],
        "days": [asdict(day) for day in view.days],
    }
