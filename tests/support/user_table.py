"""The table of the Alma user record, and the smallest valid documents that follow from it."""

import csv
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

TABLE = Path(__file__).parents[1] / "data" / "alma-user-record.csv"
ONE_OF_EACH = {
    "string": "x",
    "date": "2026-05-31",
    "dateTime": "2026-05-31T12:00:00",
    "boolean": "true",
    "int": "1",
    "long": "1",
    "float": "1.5",
}


@dataclass(frozen=True)
class Attribute:
    """An attribute of an element; all are optional."""

    name: str
    type: str
    max_length: int | None


@dataclass(frozen=True)
class Row:
    """One line of the table: an element where it stands."""

    path: str
    lowest: int
    highest: int | None
    content: str
    max_length: int | None
    attributes: tuple[Attribute, ...]

    @property
    def name(self) -> str:
        """The element's own name."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The path of the element around it, empty for the document element."""
        return self.path.rpartition("/")[0]

    @property
    def simple(self) -> bool:
        """Whether the element holds text, not elements."""
        return self.content not in {"all", "sequence"}


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _attribute(text: str) -> Attribute:
    name, kind, length = [*text.split(":"), ""][:3]
    return Attribute(name, kind, _number(length))


def _row(line: dict[str, str]) -> Row:
    lowest, highest = line["occurs"].split("..")
    return Row(
        path=line["path"],
        lowest=int(lowest),
        highest=_number(highest),
        content=line["content"],
        max_length=_number(line["max_length"]),
        attributes=tuple(map(_attribute, line["attributes"].split())),
    )


with TABLE.open(encoding="utf-8", newline="") as lines:
    ROWS = {line["path"]: _row(line) for line in csv.DictReader(lines)}


def children(path: str) -> list[Row]:
    """The rows of the elements directly inside, in the order of the table."""
    return [row for row in ROWS.values() if row.parent == path]


def smallest(row: Row) -> etree._Element:
    """The element with only what it must hold."""
    element = etree.Element(row.name)
    if row.simple:
        element.text = ONE_OF_EACH[row.content]
    element.extend(smallest(child) for child in children(row.path) if child.lowest)
    return element


def document(path: str) -> tuple[etree._Element, etree._Element]:
    """The smallest valid document with one element at `path`: the document, and that element."""
    row = ROWS[path]
    if not row.parent:
        root = smallest(row)
        return root, root
    root, parent = document(row.parent)
    element = smallest(row)
    required = parent.find(row.name)
    if required is None:
        _insert(parent, element, row)
    else:
        parent.replace(required, element)
    return root, element


def _insert(parent: etree._Element, element: etree._Element, row: Row) -> None:
    """Put the element where the order of the table wants it."""
    names = [child.name for child in children(row.parent)]
    before = [e for e in parent if names.index(e.tag) < names.index(row.name)]
    parent.insert(len(before), element)
