"""Gather issues into findings: one per rule, element and sentence, with the first places. Pure."""

from dataclasses import dataclass, field, replace

from sisdrop.model import Example, Finding, Severity
from sisdrop.records.check import Issue

MAX_EXAMPLES = 100
MAX_GROUPS = 200
_REST = "Further faults of this kind, too many to list one by one."
# Longer ones are no identifiers, and a report is read by people.
_LONGEST_ID = 255


@dataclass(slots=True)
class _Group:
    issue: Issue
    count: int = 0
    records: int = 0
    last: int | None = None
    examples: list[Example] = field(default_factory=list)


class Findings:
    """Counts every issue; memory is bounded by the number of groups and examples kept."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str | None, str], _Group] = {}

    def add(
        self, issue: Issue, line: int, record: int | None, primary_id: str | None = None
    ) -> None:
        """Count an issue of a record (its ordinal; None: of what stands between records).

        `line` is that of the file.
        """
        group = self._group(issue)
        group.count += 1
        # Records come in order, so each one that differs from the last is another one.
        group.records += record is not None and record != group.last
        group.last = record
        if len(group.examples) < MAX_EXAMPLES:
            who = primary_id[:_LONGEST_ID] if primary_id else None
            group.examples.append(Example(record, line, who))

    def gathered(self) -> tuple[Finding, ...]:
        """The findings so far, errors first, otherwise in the order of their first place."""
        groups = sorted(self._groups.values(), key=_rank)
        return tuple(
            Finding(
                rule=group.issue.rule,
                severity=group.issue.severity,
                message=group.issue.message,
                hint=group.issue.hint,
                count=group.count,
                records=group.records,
                examples=tuple(group.examples),
                element=group.issue.element,
                why=group.issue.why,
            )
            for group in groups
        )

    def _group(self, issue: Issue) -> _Group:
        key = (issue.rule, issue.element, issue.message)
        if key not in self._groups and len(self._groups) >= MAX_GROUPS:
            issue = replace(issue, element=None, message=_REST)
            key = (issue.rule, None, _REST)
        return self._groups.setdefault(key, _Group(issue))


def _rank(group: _Group) -> tuple[bool, int, bool]:
    """By place: what stands between records is noted before all records of its chunk."""
    first = group.examples[0]
    return group.issue.severity != Severity.ERROR, first.line, first.record is not None
