"""What a load would change, for people on a terminal and as JSON. Pure."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final, TypeVar

from sisdrop.difference import Compared, Difference, Shift
from sisdrop.hints import LONGEST, field_label, hints, short
from sisdrop.model import Report
from sisdrop.plain import number, quantity, visible

_Key = TypeVar("_Key", str, tuple[str, str])
FORMAT: Final = "sisdrop-diff/1"
_WIDTH: Final = 80
_LABEL: Final = 41
_COUNT: Final = 12
_MOST_GROUPS: Final = 5
_MOST_MOVES: Final = 20
_SAME = "All other fields are the same for everybody who is in both."
_LOSE = (
    "Lose: a person of whom OLD has the field is in NEW without it, so that a load with "
    "Swap All erases it in Alma."
)


def difference_text(compared: Compared) -> str:
    """What a load of NEW after OLD would change, at most 80 columns wide, ending in a line end."""
    found = compared.difference
    blocks = [
        [*_side_lines("OLD", compared.old), *_side_lines("NEW", compared.new)],
        [line for hint in hints(found) for line in textwrap.wrap(hint, _WIDTH)],
        list(_people_lines(found)),
        list(_field_lines(found)),
        list(_move_lines(found)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def difference_json(compared: Compared) -> dict[str, Any]:
    """The same as a JSON object; no patron data is in it."""
    found = compared.difference
    return {
        "format": FORMAT,
        "old": _side_json(compared.old),
        "new": _side_json(compared.new),
        "people": {
            "new": found.new,
            "changed": found.changed,
            "unchanged": found.unchanged,
            "absent": found.absent,
        },
        "fields": {name: asdict(shift) for name, shift in _in_order(found)},
        "moves": [
            {"from": old, "to": new, "count": count}
            for (old, new), count in _commonest(found.moves)
        ],
        "new_groups": dict(_commonest(found.new_groups)),
        "absent_groups": dict(_commonest(found.absent_groups)),
        "hints": hints(found),
    }


def _side_lines(side: str, report: Report) -> list[str]:
    counts = report.refined.counts
    less = {"left out": counts.left_out, "repeated": counts.duplicates}
    told = "".join(f", {number(count)} {what}" for what, count in less.items() if count)
    line = f"{side}  {short(report.file)}: {quantity(counts.delivered, 'record')} to send{told}"
    return textwrap.wrap(line, _WIDTH, subsequent_indent="     ")


def _people_lines(found: Difference) -> Iterator[str]:
    rows = (
        ("absent", found.absent, f"only in OLD: {_groups(found.absent_groups)}"),
        ("new", found.new, f"only in NEW: {_groups(found.new_groups)}"),
        ("changed", found.changed, ""),
        ("unchanged", found.unchanged, ""),
    )
    for what, count, more in rows:
        line = f"{what:<10}{number(count):>{_COUNT}}  {more if count else ''}"
        yield from textwrap.wrap(line, _WIDTH, subsequent_indent=" " * (10 + _COUNT + 2))


def _groups(groups: Counter[str]) -> str:
    shown = [f"{_group(name)} {number(n)}" for name, n in _commonest(groups)[:_MOST_GROUPS]]
    rest = len(groups) - len(shown)
    return ", ".join((*shown, quantity(rest, "other group")) if rest else shown)


def _field_lines(found: Difference) -> Iterator[str]:
    if not found.fields:
        yield _without_fields(found)
        return
    yield _row("Field", "lose", "gain", "change")
    for name, shift in _in_order(found):
        yield _row(field_label(name), *map(number, (shift.lose, shift.gain, shift.change)))
    yield _SAME
    if found.losses:
        yield from textwrap.wrap(_LOSE, _WIDTH)


def _without_fields(found: Difference) -> str:
    if not found.changed + found.unchanged:
        return "Nobody is in both."
    if not found.new + found.absent:
        return "A load of NEW after OLD would change nothing."
    return "No field differs for anybody who is in both."


def _move_lines(found: Difference) -> Iterator[str]:
    moves = _commonest(found.moves)
    if moves:
        yield _row("User group", "people")
    for (old, new), count in moves[:_MOST_MOVES]:
        yield _row(f"{_group(old)} -> {_group(new)}", number(count))
    if rest := sum(count for _, count in moves[_MOST_MOVES:]):
        yield _row("other moves", number(rest))


def _row(first: str, *counts: str) -> str:
    return f"{first:<{_LABEL}}" + "".join(f"{count:>{_COUNT}}" for count in counts)


def _in_order(found: Difference) -> list[tuple[str, Shift]]:
    def weight(row: tuple[str, Shift]) -> tuple[int, int, int, str]:
        name, shift = row
        return -shift.lose, -shift.change, -shift.gain, name

    return sorted(found.fields.items(), key=weight)


def _commonest(counts: Mapping[_Key, int]) -> list[tuple[_Key, int]]:
    return sorted(counts.items(), key=lambda row: (-row[1], row[0]))


def _group(name: str) -> str:
    return short(name, LONGEST // 2 - 2) or "(none)"


def _side_json(report: Report) -> dict[str, Any]:
    counts = report.refined.counts
    return {
        "file": visible(report.file),
        "sha256": report.refined.sha256,
        "records": {
            "total": counts.total,
            "delivered": counts.delivered,
            "left_out": counts.left_out,
            "duplicates": counts.duplicates,
        },
    }
