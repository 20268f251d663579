"""The table of a run: what was measured, what it is held against, and whether it holds."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

_HEAD = ("what", "measured", "yardstick", "ratio", "goal", "met")
# The columns with numbers stand to the right.
_RIGHT = (1, 3)


@dataclass(frozen=True, slots=True)
class Row:
    """One line, as people read it; `met` is `yes`, `no`, or empty where there is no goal."""

    what: str
    measured: str
    yardstick: str = ""
    ratio: str = ""
    goal: str = ""
    met: str = ""


def against(  # noqa: PLR0913, PLR0917  # a comparison has two sides and a limit
    what: str,
    ours: float,
    theirs: float,
    yardstick: str,
    at_most: float | None = None,
    unit: str = "s",
) -> Row:
    """A figure held against that of a yardstick; `at_most` limits the ratio of the two."""
    ratio = ours / theirs
    goal = "" if at_most is None else f"≤ {at_most:.2f}"
    met = "" if at_most is None else _met(ratio, at_most)
    measured, held_against = f"{_number(ours)} {unit}", f"{_number(theirs)} {unit}: {yardstick}"
    return Row(what, measured, held_against, f"{ratio:.2f}", goal, met)


def limited(what: str, value: float, at_most: float, unit: str) -> Row:
    """A figure with a limit of its own."""
    goal = f"≤ {at_most:g} {unit}"
    return Row(what, f"{_number(value)} {unit}", goal=goal, met=_met(value, at_most))


def told(what: str, measured: str) -> Row:
    """A figure that nothing is held against, or the reason why there is none."""
    return Row(what, measured)


def markdown(rows: Sequence[Row]) -> str:
    """The table in Markdown, its columns aligned for whoever reads the source."""
    lines = [_HEAD, *(tuple(map(str, astuple(row))) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEAD))]
    rule = [
        "-" * (width - 1) + ":" if place in _RIGHT else "-" * width
        for place, width in enumerate(widths)
    ]
    return "\n".join(_line(line, widths) for line in [lines[0], rule, *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if place in _RIGHT else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


def _met(value: float, at_most: float) -> str:
    return "yes" if value <= at_most else "no"


def _number(value: float) -> str:
    """Three figures, and no false precision for large numbers."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004
