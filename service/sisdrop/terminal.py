"""What the commands print for people."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sisdrop import words
from sisdrop.model import FileStory, FileView, StatusView
from sisdrop.plain import clock_time, number, sentence, visible
from sisdrop.preflight import Point
from sisdrop.story import count_text


def console() -> Console:
    """Where people read: stdout, without guessing at what is a number or a path."""
    return Console(highlight=False, emoji=False, markup=False)


def print_status(view: StatusView) -> None:
    """Everything at a glance."""
    out = console()
    for blocked in view.blocked:
        out.print(Text(f"! {words.REASONS[blocked.reason].title}: {sentence(blocked.hint)}", "red"))
    out.print(_streams(view))
    for stream in view.streams:
        out.print(f"{stream.name}: {stream.expectation}", soft_wrap=True)
    files = (*view.open_files, *view.recent)
    out.print(_files(files) if files else Text("No file has come yet."))
    for waiting in (*view.waiting, *view.unmatched):
        out.print(f"{visible(waiting.file)} {waiting.why}")


def print_story(story: FileStory) -> None:
    """One file: what it is, why, and each step."""
    out, file = console(), story.file
    out.print(f"{file.id}  {visible(file.file)}  ({file.stream})  {words.outcome(file)}")
    for held in file.held_for:
        out.print(f"  {sentence(held.sentence)}")
    if file.hint and not file.held_for:
        out.print(f"  {sentence(file.hint)}")
    if file.counts:
        out.print(f"  {count_text(file.counts)}")
    if file.remote_name:
        out.print(f"  on the server as {file.remote_name}")
    if told := words.pickup_text(file):
        out.print(f"  {told}")
    table = Table(box=None, pad_edge=False)
    for heading in ("when", "who", "what", "note"):
        table.add_column(heading, overflow="fold")
    for event in story.events:
        note = event.note or event.reason or ""
        table.add_row(clock_time(event.at), visible(event.actor), event.to_state, visible(note))
    out.print(table)


def print_points(points: list[Point]) -> None:
    """One line per point of the preflight, with its fix."""
    out = console()
    for point in points:
        mark = Text("ok  " if point.ok else "BAD ", "green" if point.ok else "bold red")
        out.print(mark.append(f"{point.name}: {point.detail}", "default"), soft_wrap=True)


def _streams(view: StatusView) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("stream", "last delivery", "records", "waiting", "held"):
        table.add_column(heading)
    for stream in view.streams:
        last = clock_time(stream.last_delivery) if stream.last_delivery else "never"
        records = "" if stream.records is None else number(stream.records)
        table.add_row(stream.name, last, records, str(stream.waiting), str(stream.held))
    return table


def _files(files: tuple[FileView, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "state", "since"):
        table.add_column(heading, no_wrap=True)  # people copy these
    for heading in ("file", "why"):
        table.add_column(heading, overflow="fold")
    for file in files:
        why = file.held_for[0].sentence if file.held_for else file.hint or ""
        since = f"{file.since:%Y-%m-%d %H:%M}"
        table.add_row(file.id, file.state, since, visible(file.file), visible(why))
    return table
