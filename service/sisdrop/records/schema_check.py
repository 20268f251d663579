"""The schema's verdict on the records of a chunk."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from sisdrop.records.chunk import Chunk, Root, Span, parse_under
from sisdrop.records.framing import holds_crowded_record, is_crowded_record
from sisdrop.records.roots import RECORD, ROOT
from sisdrop.records.schema import Schema
from sisdrop.records.schema_faults import (
    CROWDED,
    STRAY_TEXT,
    UNKNOWN_PLACE,
    SchemaFault,
    describe,
    place_of,
)

# libxml2 keeps a line number in sixteen bits.
_MOST_LINES = 0xFFFF
# Where each fault is in a record of more tags and attributes is not asked: for the path of each,
# lxml walks all earlier siblings.
_MOST_PLACED = 2_000


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """Asks the schema. It keeps its last answer on itself, so it serves one thread."""

    schema: Schema

    def root_faults(self, element: etree._Element) -> list[SchemaFault]:
        """What is wrong with the root itself, given without its records."""
        return [describe(entry) for entry in self._errors(element)]

    def faults(self, element: etree._Element, chunk: Chunk) -> Iterator[tuple[int, SchemaFault]]:
        """What is wrong with which record, at which line of the chunk.

        On all records at once if that can be told apart, else on each alone.
        """
        if holds_crowded_record(chunk.content, chunk.spans, _MOST_PLACED):
            yield from self._alone(chunk)
            return
        if not chunk.root.valid:
            element.attrib.clear()
        entries = self._errors(element)
        if not entries:
            return
        places = [place for entry in entries if (place := place_of(entry)) is not None]
        above = _lines_above(chunk.root)
        lines = above + chunk.content.count(b"\n")
        if lines > _MOST_LINES or len(places) < len(entries):
            yield from self._alone(chunk)
            return
        for place, entry in zip(places, entries, strict=True):
            yield place, _moved(describe(entry), -above)

    def _alone(self, chunk: Chunk) -> Iterator[tuple[int, SchemaFault]]:
        for index in range(len(chunk.spans)):
            for fault in self._faults_of(chunk, index):
                yield index, fault

    def _faults_of(self, chunk: Chunk, index: int) -> Iterator[SchemaFault]:
        """What is wrong with one record alone, so that no other record has a say in it."""
        start, end = chunk.spans[index]
        element = parse_under(chunk.root, chunk.content[start:end], 1)
        line = chunk.first_line(index)
        if not chunk.root.valid:
            element.attrib.clear()
        if element[0].tag != RECORD:
            yield SchemaFault(etree.QName(element[0]).localname, UNKNOWN_PLACE, line)
            return
        if is_crowded_record(chunk.content, start, end, _MOST_PLACED):
            if not self._is_valid(element):
                yield SchemaFault(RECORD, CROWDED, line)
            return
        above = _lines_above(chunk.root)
        for entry in self._errors(element):
            yield _moved(describe(entry), line - above)

    def _is_valid(self, element: etree._Element) -> bool:
        """Whether there is no fault, wherever it would be."""
        parser = etree.XMLParser(schema=self.schema.validator)
        try:
            etree.fromstring(etree.tostring(element, encoding="utf-8"), parser)
        except etree.XMLSyntaxError:
            return False
        return True

    def _errors(self, element: etree._Element) -> list[Any]:
        if self.schema.validator.validate(element):
            return []
        # The stubs do not know that the log can be walked.
        log: Any = self.schema.validator.error_log
        return list(log)


def text_faults(chunk: Chunk, stray: list[Span]) -> Iterator[SchemaFault]:
    """That text stands between records, where only records may."""
    line = at = 0
    for start, _ in stray:
        line += chunk.content.count(b"\n", at, start)
        at = start
        yield SchemaFault(ROOT, STRAY_TEXT, line)


def _lines_above(root: Root) -> int:
    """The line, from 1, on which a chunk's content begins in its document."""
    return root.tag.count(b"\n") + 1


def _moved(fault: SchemaFault, lines: int) -> SchemaFault:
    return SchemaFault(fault.element, fault.sentence, max(fault.line + lines, 0))
