"""The invented world that extracts are drawn from: names, streets, towns, codes. Nothing is real.

Every pool is put together from syllables, always in the same order, so that it needs no seed. The
further down a pool, the rarer: `pick` favours the beginning, as life favours some names.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Town:
    """A town and what follows from living there."""

    name: str
    state: str
    postal_code: str
    country: str
    area_code: str


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of patron: `share` of all people, years from now until they leave, and codes."""

    share: float
    group: str
    description: str
    years: int
    jobs: tuple[tuple[str, str], ...] = ()


def pick(dice: random.Random, pool: Sequence[_T]) -> _T:
    """One of the pool; the first ones come up most."""
    return pool[int(len(pool) * dice.random() ** 2)]


def _shuffled(pool: Sequence[_T]) -> tuple[_T, ...]:
    mixed = list(dict.fromkeys(pool))
    random.Random(len(mixed)).shuffle(mixed)  # noqa: S311  # test data, not secrets
    return tuple(mixed)


def _words(*syllables: str) -> list[str]:
    return ["".join(parts) for parts in product(*(each.split() for each in syllables))]


_STEMS = "Bra Cel Dor Fen Gil Hav Jor Kel Lin Mor Nev Ost Pel Quin Ros Sav Tor Ull Ven Wes Yar Zab"
_MIDDLES = "a ber da fi gar lo ma ne ri sto ve"

FIRST_NAMES = _shuffled(_words(_STEMS, "a e i o u y", "la n ra ssa th ven x"))
LAST_NAMES = _shuffled(
    _words(_STEMS, _MIDDLES, "ck dale ford ham kin ley man ner s son ton well wick worth")
    + _words("O'", _STEMS, "ley nan ry ton")
)
FIRST_NAMES_ABROAD = _shuffled(
    _words("Ağa Björ Céli Dvoř Łuci Måri Núri Šári Zoë", "a k n ne ta ë")
)
LAST_NAMES_ABROAD = _shuffled(
    _words("Çel Dvo Grę Hör Jø Łub Mül Ñor Šte Žul", _MIDDLES, "ić nský ová řák ström ñez çalo")
)
NAMES_IN_OTHER_SCRIPTS = ("Бранила", "Οστρία", "לינור", "زابيل", "金芙蓉", "たつみ", "한누리")

_KINDS = "Street Avenue Road Court Drive Lane Terrace"
STREETS = tuple(
    f"{name} {kind}"
    for name, kind in zip(
        _shuffled(_words(_STEMS, _MIDDLES, "brook field gate hill mead wood")),
        _KINDS.split() * 1000,
        strict=False,
    )
)
HALLS = tuple(f"{name} Hall" for name in _shuffled(_words(_STEMS, "a e i o", "stone bury")))
DEPARTMENTS = _shuffled([
    f"{first} {second}"
    for first in ("Applied", "Biomedical", "Civic", "Data", "Early", "Music &amp; Sound", "Rural")
    for second in ("Arts", "Design", "Education", "Engineering", "Policy", "Science", "Studies")
])  # fmt: skip


def _towns() -> tuple[Town, ...]:
    names = _shuffled(_words(_STEMS, _MIDDLES, "burg field mouth port ville"))
    states = ["IL"] * 8 + ["IN", "WI", "MO", "IA"]
    return tuple(
        Town(name, states[n % 12], f"{60000 + n * 7919 % 3000}", "USA", f"{200 + n * 37 % 600}")
        for n, name in enumerate(names)
    )


TOWNS = _towns()
TOWNS_ABROAD = (
    Town("Šternová", "Dolní Kraj", "999 01", "CZE", "+999 1"),
    Town("Jøvik", "Nordøy", "N-9990", "NOR", "+999 2"),
    Town("Müllerau", "Südgau", "D-00999", "DEU", "+999 3"),
    Town("Ñorquín", "Provincia Ñ", "Z9990XX", "ARG", "+999 4"),
    Town("Velapur", "Ostrada", "000 999", "IND", "+999 5"),
)

ROLES = (
    Role(0.58, "UNDERGRAD", "Undergraduate Student", 4),
    Role(0.20, "GRAD", "Graduate Student", 3),
    Role(
        0.08,
        "FACULTY",
        "Faculty Member",
        5,
        (("PROF", "Professor"), ("ASSTPROF", "Assistant Professor"), ("LECT", "Lecturer")),
    ),
    Role(
        0.11,
        "STAFF",
        "Staff Member",
        3,
        (("ADMIN", "Administrative Aide"), ("TECH", "Technician"), ("FACIL", "Facilities Worker")),
    ),
    Role(0.03, "VISITOR", "Visiting Scholar", 1, (("VISIT", "Visitor"),)),
)
CAMPUSES = (
    ("MAIN", "Main Campus"),
    ("NORTH", "North Campus"),
    ("RIVER", "Riverside Campus"),
    ("ONLINE", "Online"),
)
# The year that the extracts are written in, and when its terms end.
YEAR = 2026
TERM_ENDS = ("05-15", "08-10", "12-20")
NOTES = (
    "Moved from the evening programme; the old card was destroyed.",
    "Prefers to be called in the afternoon.",
    "Fees waived by the registrar until the end of the term.",
    "Identity checked at the desk with two documents.",
)
