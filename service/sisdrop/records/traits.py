"""What a record is, apart from who it is: read from a line of facts. Pure.

Thousands of records share a line, so a line is taken apart once.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sisdrop.records.fields import FIELDS, NAMES, WALKS
from sisdrop.records.rule import Rule

EXPIRED, DUE_FOR_PURGE, INACTIVE = "expired", "due_for_purge", "inactive"
STATES = (EXPIRED, DUE_FOR_PURGE, INACTIVE)
_IDENTIFIER = "identifier"
_ISO_DATE = len("2026-05-31")
# A day, whatever follows it (Z, -05:00); years may have five digits, and nobody's has ten.
_DAY = re.compile(r"(\d{4,9})-(\d\d)-(\d\d)", re.ASCII)
_ANSWER = re.compile("true|false")
_MOST_REMEMBERED = 4096
# Longer lines are rare, and could be megabytes each.
_LONGEST_REMEMBERED = 1024
# Alma's own limit. What is longer is no code, and would be kept in every count.
_LONGEST_CODE = 255
# What remains of a blank text whose spaces were normalized (see `fields.expand`).
_BLANKS = " \u00a0"


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What files are compared by, and the rules that the record breaks by itself.

    `fields` is a mask over `fields.FIELDS`, the first field being the lowest bit; `types` are the
    types of the identifiers that have a value, each once. Codes are cut at 255 characters.
    """

    group: str
    fields: int
    types: tuple[str, ...]
    states: tuple[str, ...]
    broken: tuple[Rule, ...]


class TraitsReader:
    """Takes lines of facts apart: which rules are broken is decided here."""

    def __init__(self, rules: Sequence[Rule], user_groups: frozenset[str], today: date) -> None:
        self._rules = rules
        self._user_groups = user_groups
        self._today = today
        self._known: dict[str, Traits] = {}

    def read_all(self, lines: Sequence[str]) -> list[Traits]:
        """The traits that each line tells of."""
        known = map(self._known.get, lines)
        return [traits or self.read(line) for traits, line in zip(known, lines, strict=True)]

    def read(self, line: str) -> Traits:
        """The traits that a line tells of."""
        traits = self._known.get(line)
        if traits is None:
            traits = self._interpret(_Facts.read(line))
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            if len(line) <= _LONGEST_REMEMBERED:
                self._known[line] = traits
        return traits

    def _interpret(self, facts: "_Facts") -> Traits:
        mask = sum(1 << bit for bit, name in enumerate(NAMES) if any(facts.there(name)))
        return Traits(
            group=facts.group[:_LONGEST_CODE],
            fields=mask,
            types=tuple(dict.fromkeys(label[:_LONGEST_CODE] for label in facts.types)),
            states=tuple(self._states(facts)),
            broken=tuple(rule for rule in self._rules if self._is_broken(rule, facts)),
        )

    def _states(self, facts: "_Facts") -> Iterator[str]:
        if self._is_past(facts.expiry):
            yield EXPIRED
        if self._is_past(facts.purge):
            yield DUE_FOR_PURGE
        if facts.status.lower() == INACTIVE:
            yield INACTIVE

    def _is_past(self, day: str) -> bool:
        """Whether the date is today or before; what is no date is not."""
        try:
            return date.fromisoformat(day[:_ISO_DATE]) <= self._today
        except ValueError:
            return False

    def _is_broken(self, rule: Rule, facts: "_Facts") -> bool:
        if rule.xpath:
            return rule.id in facts.marks
        if rule.check == "purge-before-expiry":
            return _is_before(facts.purge, facts.expiry)
        if rule.check == "unknown-user-group":
            return bool(facts.group) and facts.group not in self._user_groups
        return _breaks(rule, facts)


@dataclass(frozen=True, slots=True)
class _Facts:
    """A line taken apart; `answers` has, for each field, which elements of its walk have it."""

    group: str
    expiry: str
    purge: str
    status: str
    marks: frozenset[str]
    answers: dict[str, list[bool]]
    types: list[str]

    @classmethod
    def read(cls, line: str) -> "_Facts":
        group, expiry, purge, status, marks, *walked = line.split("\t")
        told = {"user_group": group, "expiry_date": expiry, "purge_date": purge}
        answers = {f.name: [bool(told[f.name].strip(_BLANKS))] if f.told else [] for f in FIELDS}
        types = []
        for column in walked:
            head, _, label = column.partition(";")
            asked = [field for field in WALKS[int(head[0])].fields if not field.told]
            given = [word == "true" for word in _ANSWER.findall(head)]
            given = given or [not field.rare for field in asked]
            for field, is_there in zip(asked, given, strict=True):
                answers[field.name].append(is_there)
            if (label := label.strip()) and answers[_IDENTIFIER][-1]:
                types.append(label)
        return cls(group.strip(), expiry, purge, status, frozenset(marks.split()), answers, types)

    def there(self, name: str) -> list[bool]:
        """For each element of the field's walk, whether it has the field."""
        return self.answers[name]


def _breaks(rule: Rule, facts: _Facts) -> bool:
    """What the rules about one field say; the other kinds say nothing."""
    if rule.missing:
        return not any(facts.there(rule.missing))
    if rule.blank:
        return not all(facts.there(rule.blank))
    if rule.several:
        return len(facts.there(rule.several)) > 1
    return rule.present is not None and any(facts.there(rule.present))


def _is_before(one: str, other: str) -> bool:
    """Whether one day comes before another; what is no date comes before nothing."""
    days = [tuple(map(int, day.groups())) for text in (one, other) if (day := _DAY.match(text))]
    return len(days) == 2 and days[0] < days[1]  # noqa: PLR2004 - both are dates
