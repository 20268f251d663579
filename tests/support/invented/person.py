"""Who an invented person is: the few things that the rest of their record follows from."""

import random
from dataclasses import dataclass

from support.invented.pools import (
    FIRST_NAMES,
    FIRST_NAMES_ABROAD,
    LAST_NAMES,
    LAST_NAMES_ABROAD,
    ROLES,
    TOWNS,
    TOWNS_ABROAD,
    Role,
    Town,
    pick,
)

_ABROAD = 0.06
_DOUBLE_NAMES = 0.04


@dataclass(frozen=True, slots=True)
class Person:
    """One of them. Their number makes all their identifiers."""

    number: int
    role: Role
    first: str
    last: str
    home: Town

    @property
    def primary_id(self) -> str:
        """What the library matches them by."""
        return f"u{scattered(self.number, 38_226_163, 8)}"

    @property
    def login(self) -> str:
        """What stands before the @ of their address: ASCII, whatever the name, and theirs alone."""
        letters = f"{self.first[:2]}{self.last[:5]}".lower()
        return f"{''.join(c for c in letters if c.isascii() and c.isalpha())}{self.number}"


def draw_person(dice: random.Random, number: int) -> Person:
    """The person with this number; all else about them is chance."""
    abroad = dice.random() < _ABROAD
    firsts, lasts, towns = (
        (FIRST_NAMES_ABROAD, LAST_NAMES_ABROAD, TOWNS_ABROAD)
        if abroad
        else (FIRST_NAMES, LAST_NAMES, TOWNS)
    )
    last = pick(dice, lasts)
    if dice.random() < _DOUBLE_NAMES:
        last = f"{last}-{pick(dice, LAST_NAMES)}"
    return Person(number, _role(dice), pick(dice, firsts), last, pick(dice, towns))


def _role(dice: random.Random) -> Role:
    drawn = dice.random()
    for role in ROLES:
        drawn -= role.share
        if drawn < 0:
            return role
    return ROLES[0]


def scattered(number: int, factor: int, digits: int) -> str:
    """Another number for each number below ten to the digits, without order.

    No two meet, as long as the factor is a prime above five.
    """
    return f"{number * factor % 10**digits:0{digits}d}"
