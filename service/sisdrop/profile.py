"""Count what the records to be sent carry: user groups, fields, and states of dates.

A later file of the same stream is judged by these counts, so what they mean must not change
without the ledger's knowing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from lxml import etree

from sisdrop.model import Profile

MAX_GROUPS = 500
MAX_IDENTIFIER_TYPES = 100
OTHER = "(other)"
EXPIRED, DUE_FOR_PURGE, INACTIVE = "expired", "due_for_purge", "inactive"
_ISO_DATE = len("2026-05-31")

_TRUE = "[@preferred='true' or @preferred='1']"
# One XPath per field: the records that have it with something in it.
_FIELDS = {
    "preferred_email": f"contact_info/emails/email{_TRUE}/email_address[normalize-space()]",
    "preferred_address": f"contact_info/addresses/address{_TRUE}",
    "phone": "contact_info/phones/phone/phone_number[normalize-space()]",
    "last_name": "last_name[normalize-space()]",
    "first_name": "first_name[normalize-space()]",
    "user_group": "user_group[normalize-space()]",
    "expiry_date": "expiry_date[normalize-space()]",
    "purge_date": "purge_date[normalize-space()]",
    "statistic": "user_statistics/user_statistic/statistic_category[normalize-space()]",
    "note": "user_notes/user_note",
    "block": "user_blocks/user_block",
}
FIELDS = tuple(_FIELDS)
_COUNTERS = {name: etree.XPath(f"count(*[{path}])") for name, path in _FIELDS.items()}
_GROUPS = etree.XPath("*/user_group[normalize-space()]")
_EXPIRY = etree.XPath("*/expiry_date")
_PURGE = etree.XPath("*/purge_date")
_INACTIVE = etree.XPath(
    "count(*[translate(normalize-space(status), 'INACTVE', 'inactve') = 'inactive'])"
)
_IDENTIFIERS = etree.XPath(
    "*/user_identifiers/user_identifier[normalize-space(value)]/id_type[normalize-space()]"
)


@dataclass(slots=True)
class Tally:
    """Counts that grow chunk by chunk; `profile` freezes them."""

    today: date
    records: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(FIELDS, 0)))
    identifiers: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(
        default_factory=lambda: Counter({EXPIRED: 0, DUE_FOR_PURGE: 0, INACTIVE: 0})
    )

    def add(self, root: etree._Element) -> None:
        """Count the records that stand directly under `root`, which was parsed without comments."""
        self.records += len(root)
        for name, count in _COUNTERS.items():
            self.fields[name] += int(_number(count, root))
        for group in _elements(_GROUPS, root):
            self._count(self.groups, text_of(group), MAX_GROUPS)
        for label in _labels(root):
            self._count(self.identifiers, label, MAX_IDENTIFIER_TYPES)
        self.states[EXPIRED] += sum(_is_past(e, self.today) for e in _elements(_EXPIRY, root))
        self.states[DUE_FOR_PURGE] += sum(_is_past(e, self.today) for e in _elements(_PURGE, root))
        self.states[INACTIVE] += int(_number(_INACTIVE, root))

    @property
    def profile(self) -> Profile:
        """The counts so far."""
        coverage = dict(self.fields)
        coverage.update({f"identifier:{t}": n for t, n in sorted(self.identifiers.items())})
        return Profile(self.records, dict(sorted(self.groups.items())), coverage, dict(self.states))

    @staticmethod
    def _count(counter: Counter[str], word: str, most: int) -> None:
        known = word in counter or len(counter) < most
        counter[word if known else OTHER] += 1


def merge(one: Profile, other: Profile) -> Profile:
    """The counts of both, as if their records stood in one file."""
    return Profile(
        one.records + other.records,
        _sum(one.groups, other.groups),
        _sum(one.coverage, other.coverage),
        _sum(one.states, other.states),
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def text_of(element: etree._Element | None) -> str:
    """The element's text without the space around it; empty when there is none."""
    return ((element.text if element is not None else "") or "").strip()


def _labels(root: etree._Element) -> list[str]:
    """Each record's identifier types, every type once per record."""
    pairs = {
        (next(islice(label.iterancestors(), 2, None)), text_of(label)): None
        for label in _elements(_IDENTIFIERS, root)
    }
    return [label for _, label in pairs]


def _is_past(element: etree._Element, today: date) -> bool:
    """Whether the date in the element is today or before; no date is not."""
    text = text_of(element)[:_ISO_DATE]
    try:
        return date.fromisoformat(text) <= today
    except ValueError:
        return False


def _elements(path: etree.XPath, root: etree._Element) -> list[etree._Element]:
    found: list[etree._Element] = path(root)  # type: ignore[assignment]  # paths that end in elements
    return found


def _number(path: etree.XPath, root: etree._Element) -> float:
    found: float = path(root)  # type: ignore[assignment]  # count() gives a number
    return found
