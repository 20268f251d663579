"""Cut a small file for a test load out of a large one: what would be sent, in little."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sisdrop.model import Report, Verdict
from sisdrop.offline import LIMITS
from sisdrop.plain import quantity, visible
from sisdrop.reader import Reader, readable
from sisdrop.records.check import Checked
from sisdrop.records.framing import Framer, Opening
from sisdrop.records.judge import Place
from sisdrop.records.place import blocks
from sisdrop.records.reading import Beginning
from sisdrop.records.refine import with_count
from sisdrop.records.source import Dropped, opened
from sisdrop.sampling import Choice, Spot, Taken

# A record begins on a line of its own, indented as it was, by no more than this.
_INDENT = 64


class SampleRefused(Exception):
    """There is no such sample, or it cannot be written where it is wanted; the text says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was chosen of a file that is still open.

    `pieces` make up the XML, of at most `size_bound` bytes, and can be taken once.

    Raises:
        FileUnread: while pieces are taken, if the file cannot be read or has changed.
    """

    taken: Taken
    size_bound: int
    pieces: Iterator[bytes]


@contextmanager
def sampled(path: Path, most: int, reader: Reader) -> Iterator[Sample | Report]:
    """A sample of at most `most` records; a report if the file is rejected.

    Raises:
        FileUnread: if the file cannot be read, or somebody is writing to it.
        SampleRefused: if it has more user groups than `most`.
    """
    gathering = _Gathering(Choice(most))
    with ExitStack() as stack:
        with readable(path):
            file = opened(path.resolve(strict=True), LIMITS.max_file_size)
            dropped = stack.enter_context(file)
        report = reader.read(path, gathering.observe, dropped.before)
        if report.verdict is Verdict.REJECTED:
            yield report
        else:
            yield _sample(path, dropped, gathering, most)


@dataclass(slots=True)
class _Gathering:
    """Observes a reading: after how many bytes the records begin, and which are chosen."""

    choice: Choice
    beginning: int | None = None

    def observe(self, checked: Checked, place: Place, kept: list[int]) -> None:
        if self.beginning is None:
            self.beginning = place.offset
        for index in kept:
            start, end = checked.chunk.spans[index]
            spot = Spot(place.offset + start, place.offset + end, checked.traits[index].group)
            self.choice.offer(spot)


def _sample(path: Path, dropped: Dropped, gathering: _Gathering, most: int) -> Sample:
    choice = gathering.choice
    if choice.groups > most:
        raise SampleRefused(f"{visible(str(path))}: {_too_many(choice.groups, most)}")
    spots = choice.chosen
    taken = Counter(spot.group for spot in spots)
    groups = {group: (taken[group], choice.counts[group]) for group in sorted(taken)}
    pieces = _pieces(path, dropped, gathering.beginning, spots)
    # Each record may get a line of its own.
    return Sample(Taken(path.name, groups), dropped.content_size + len(spots), pieces)


def _pieces(
    path: Path, dropped: Dropped, beginning: int | None, spots: list[Spot]
) -> Iterator[bytes]:
    source = dropped.content()
    with readable(path):
        head = Beginning.of(_opening(b"".join(blocks(source, 0, beginning))))
        yield head.prolog + with_count(head.opening, len(spots))
        at = head.end
        for spot in spots:
            # Never further back than we are: in a zip that would begin anew.
            before = b"".join(blocks(source, max(at, spot.start - _INDENT), spot.start))
            yield b"\n" + before[len(before.rstrip(b" \t")) :]
            yield from blocks(source, spot.start, spot.end)
            at = spot.end
        yield b"\n</" + head.opening.name + b">\n"
        dropped.check_unchanged()


def _opening(head: bytes) -> Opening:
    (opening,) = (piece for piece in Framer(len(head)).feed(head) if isinstance(piece, Opening))
    return opening


def _too_many(groups: int, most: int) -> str:
    return (
        f"there are {quantity(groups, 'user group')}, and a sample of "
        f"{quantity(most, 'record')} cannot have one of each; use --max {groups}"
    )
