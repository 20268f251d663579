"""What goes wrong in extracts: each fault is done to a sound record and breaks one rule."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Fault:
    """How often it happens (among 100 faults), the rule that it breaks, and what it does.

    `apply` takes the record and an earlier sound one, and gives the record with the fault.
    """

    weight: int
    rule: str
    apply: Callable[[str, str], str]


def spoil(dice: random.Random, record: str, earlier: str) -> str:
    """The record with one fault; `earlier` is a sound record before it, empty if there is none."""
    (fault,) = dice.choices(FAULTS, cum_weights=_WEIGHTS)
    if not earlier and fault.rule.startswith("alma.duplicate"):
        fault = FAULTS[0]
    return fault.apply(record, earlier)


def _value(record: str, name: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", record)
    if found is None:
        raise LookupError(name)
    return found[1]


def _with_value(record: str, name: str, value: str) -> str:
    return re.sub(f"<{name}>[^<]*</{name}>", f"<{name}>{value}</{name}>", record, count=1)


def _says(name: str, value: str) -> Callable[[str, str], str]:
    return lambda record, _: _with_value(record, name, value)


def _without(name: str) -> Callable[[str, str], str]:
    line = re.compile(rf" *<{name}\b[^\n]*</{name}>\n")
    return lambda record, _: line.sub("", record, count=1)


def _replaced(old: str, new: str) -> Callable[[str, str], str]:
    return lambda record, _: record.replace(old, new, 1)


def _doubled(element: str) -> Callable[[str, str], str]:
    """The first element of this name, which is preferred, comes twice."""
    whole = re.compile(rf" *<{element} .*?</{element}>\n", re.DOTALL)
    return lambda record, _: whole.sub(lambda found: found[0] * 2, record, count=1)


def _repeated_person(record: str, earlier: str) -> str:
    return _with_value(record, "primary_id", _value(earlier, "primary_id").upper())


def _borrowed_identifier(record: str, earlier: str) -> str:
    return _with_value(record, "value", _value(earlier, "value"))


def _repeated_identifier(record: str, _: str) -> str:
    return _with_value(record, "value", _value(record, "primary_id"))


# What is merely incomplete is by far the most common.
FAULTS = (
    Fault(18, "ishare.postal-code", _without("postal_code")),
    Fault(14, "ishare.several-preferred-emails", _doubled("email")),
    Fault(11, "ishare.preferred-email", _replaced('<email preferred="true"', "<email")),
    Fault(9, "ishare.preferred-address", _replaced('<address preferred="true"', "<address")),
    Fault(7, "ishare.address-type", _says("address_type", "permanent")),
    Fault(6, "alma.identifier-repeated-in-record", _repeated_identifier),
    Fault(4, "ishare.several-preferred-addresses", _doubled("address")),
    Fault(4, "ishare.state-province", _without("state_province")),
    Fault(3, "ishare.purge-date", _without("purge_date")),
    Fault(2, "ishare.city", _without("city")),
    Fault(2, "ishare.address-line1", _without("line1")),
    Fault(2, "alma.purge-before-expiry", _says("purge_date", "2019-05-31")),
    Fault(4, "alma.duplicate-primary-id", _repeated_person),
    Fault(3, "alma.duplicate-identifier", _borrowed_identifier),
    Fault(3, "ishare.expiry-date", _without("expiry_date")),
    Fault(2, "ishare.last-name", _without("last_name")),
    Fault(1, "ishare.user-group", _without("user_group")),
    Fault(1, "alma.blank-identifier", _says("value", " ")),
    Fault(1, "alma.blank-statistic", _says("statistic_category", "")),
    Fault(2, "schema.invalid", _says("expiry_date", "05/31/2030")),
    Fault(1, "schema.invalid", _replaced("<status ", "<shoe_size>9</shoe_size><status ")),
)
_WEIGHTS = tuple(accumulate(fault.weight for fault in FAULTS))
