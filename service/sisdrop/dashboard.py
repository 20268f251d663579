"""Decides what the status page says first, and where the bars of its chart stand. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sisdrop import words
from sisdrop.errors import TRANSIENT_REASONS, Reason
from sisdrop.model import Blocked, Day, FileView, State, StatusView, StreamView
from sisdrop.plain import number, quantity, visible

MAX_NAME: Final = 80
DAYS: Final = 60
# Units of the drawing; the page stretches it to the width there is.
STEP: Final = 10
BAR: Final = 8
HEIGHT: Final = 100
STRIP: Final = 20


class Tone(StrEnum):
    """How urgent a sentence is; also the style class of its panel."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Point:
    """One sentence about the state of the service, and how urgent it is."""

    tone: Tone
    sentence: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One mark of the chart in units of the drawing, and what it says in words."""

    x: int
    y: int
    height: int
    text: str


@dataclass(frozen=True, slots=True)
class Strip:
    """Files of one outcome over the days: how many in all, and a mark on each day with any."""

    name: str
    tone: str
    total: int
    marks: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Records delivered per day as bars, files per outcome as strips, and all of it in words."""

    width: int
    first: str
    last: str
    peak: int
    bars: tuple[Bar, ...]
    strips: tuple[Strip, ...]
    summary: str
    days: tuple[Day, ...]


def short_name(name: str) -> str:
    """A file's name for a page: every character visible, at most 80 of them."""
    shown = visible(name)
    return shown if len(shown) <= MAX_NAME else shown[: MAX_NAME - 1] + "…"


def _lower(title: str) -> str:
    """A title inside a sentence; a name keeps its capitals."""
    return title if title.startswith("sisdrop") else title[:1].lower() + title[1:]


_INTAKE: Final = frozenset({Reason.SHARE_GONE, Reason.SHARE_CHANGED, Reason.SHARE_PERMISSION})


def _blocked_point(block: Blocked) -> Point:
    title = _lower(words.REASONS[block.reason].title)
    if block.reason in _INTAKE or block.reason is Reason.DATA_FULL:
        return Point(Tone.BAD, f"No file can be taken in: {title}.")
    if block.reason is Reason.LEDGER_UNUSABLE:
        return Point(Tone.BAD, f"The service has stopped: {title}.")
    if block.reason in TRANSIENT_REASONS:
        return Point(Tone.WARN, f"Delivery waits and is tried again by itself: {title}.")
    return Point(Tone.BAD, f"Delivery has stopped: {title}.")


def is_late(stream: StreamView, view: StatusView) -> bool:
    """Whether a file of the stream should have come by now."""
    return stream.next_expected is not None and stream.next_expected < view.now


def _rejected_last(view: StatusView) -> Iterator[FileView]:
    """The newest file of a stream, where that one was rejected and nothing came since."""
    busy = {file.stream for file in view.open_files}
    for file in view.recent:
        if file.stream not in busy and file.state is State.REJECTED:
            yield file
        busy.add(file.stream)


def _points(view: StatusView) -> Iterator[Point]:
    yield from map(_blocked_point, view.blocked)
    if not view.share_up and not any(block.reason in _INTAKE for block in view.blocked):
        title = _lower(words.REASONS[Reason.SHARE_GONE].title)
        yield Point(Tone.BAD, f"No file can be taken in: {title}.")
    held = sum(file.state is State.HELD for file in view.open_files)
    if held:
        sentence = quantity(held, "file needs", "files need")
        yield Point(Tone.WARN, f"{sentence} a decision.")
    for stream in view.streams:
        if is_late(stream, view):
            yield Point(Tone.WARN, f"A file is late: {stream.name}.")
        if stream.unchanged_since:
            yield Point(Tone.WARN, f"The files of {stream.name} have been the same for too long.")
        if stream.not_fetched:
            files = quantity(stream.not_fetched, "file", "files")
            yield Point(Tone.WARN, f"Alma has not fetched {files} of {stream.name}.")
    for file in _rejected_last(view):
        yield Point(Tone.WARN, f"The last file of {file.stream} was rejected.")
    if view.unmatched:
        sentence = quantity(len(view.unmatched), "file in the inbox is", "files in the inbox are")
        yield Point(Tone.WARN, f"{sentence} not recognized.")


def headline(view: StatusView) -> tuple[Point, ...]:
    """What the page says first: all that needs somebody, the worst first, or that all is well."""
    points = sorted(_points(view), key=lambda point: point.tone is not Tone.BAD)
    if points:
        return tuple(points)
    if view.last_scan is None:
        return (Point(Tone.WARN, "Just started: the inbox has not been looked at yet."),)
    moving = len(view.waiting) + len(view.open_files)
    if moving:
        sentence = quantity(moving, "file is", "files are")
        return (Point(Tone.GOOD, f"All is well: {sentence} on the way."),)
    return (Point(Tone.GOOD, "All is well: nothing waits."),)


def file_tone(file: FileView) -> Tone | None:
    """The tone of a file's state; None for what is neither good nor bad."""
    match file.state:
        case State.REJECTED:
            return Tone.BAD
        case State.HELD:
            return Tone.WARN
        case State.DELIVERED | State.ARCHIVED:
            return None if file.rehearsed else Tone.GOOD
        case _:
            return None


def how_to_decide(file: FileView) -> str | None:
    """What a person can do about a held file."""
    reasons = frozenset(held.reason for held in file.held_for)
    return words.how_to_decide(reasons or frozenset({file.reason} if file.reason else ()))


_STRIPS: Final = (
    ("delivered", Tone.GOOD.value),
    ("held", Tone.WARN.value),
    ("rejected", Tone.BAD.value),
    ("duplicate", "same"),
)


def _count(day: Day, outcome: str) -> int:
    count = getattr(day, outcome)
    return count if isinstance(count, int) else 0


def _strip(days: tuple[Day, ...], outcome: str, tone: str) -> Strip:
    counts = [_count(day, outcome) for day in days]
    marks = tuple(
        Bar(at * STEP, 0, STRIP, f"{day.date}: {number(count)} {outcome}")
        for at, (day, count) in enumerate(zip(days, counts, strict=True))
        if count
    )
    return Strip(outcome.capitalize(), tone, sum(counts), marks)


def _bar(at: int, day: Day, peak: int) -> Bar:
    # At least two units, so that a small day beside a large one is still seen.
    height = max(2, round(HEIGHT * day.records / peak))
    text = f"{day.date}: {quantity(day.records, 'record')}"
    return Bar(at * STEP, HEIGHT - height, height, text)


def _summary(days: tuple[Day, ...], strips: tuple[Strip, ...], peak: int) -> str:
    files = ", ".join(f"{number(strip.total)} {strip.name.lower()}" for strip in strips)
    records = quantity(sum(day.records for day in days), "record")
    busiest = max(days, key=lambda day: day.records)
    most = f" The most on one day: {number(peak)} on {busiest.date}." if peak else ""
    return f"In {quantity(len(days), 'day')}: {records} delivered. Files: {files}.{most}"


def chart(days: tuple[Day, ...]) -> Chart | None:
    """The chart of the last 60 days (oldest first), or None when nothing happened in them."""
    shown = days[-DAYS:]
    strips = tuple(_strip(shown, outcome, tone) for outcome, tone in _STRIPS)
    peak = max((day.records for day in shown), default=0)
    if not peak and not any(strip.total for strip in strips):
        return None
    return Chart(
        width=len(shown) * STEP,
        first=shown[0].date,
        last=shown[-1].date,
        peak=peak,
        bars=tuple(_bar(at, day, peak) for at, day in enumerate(shown) if day.records),
        strips=strips,
        summary=_summary(shown, strips, peak),
        days=tuple(
            day for day in reversed(shown) if any(_count(day, outcome) for outcome, _ in _STRIPS)
        ),
    )
