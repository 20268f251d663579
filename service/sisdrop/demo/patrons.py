"""Invented students and staff, and the file in which a campus would export them.

Pure. The same seed and day give the same people, so the files of successive nights differ by what
was done to them and by nothing else.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

# Chances in a hundred.
_GROUPS = {"UNDERGRAD": 70, "GRAD": 15, "STAFF": 9, "FACULTY": 6}
_FIRST_NAMES = (
    *("Ada", "Bo", "Chidi", "Dolores", "Eun-ji", "Fatima", "Gus", "Halima", "Iñigo", "Jörg"),
    *("Kofi", "Łucja", "Mae", "Nkechi", "Olu", "Priya", "Quinn", "Rosa", "Sven", "Zoë"),
)
_LAST_NAMES = (
    *("Anonymous", "Dummyson", "Example", "Fabricated", "Fictitious", "Imaginary", "Invented"),
    *("Madeup", "Mockingham", "Nobody", "Nonesuch", "Notreal", "Placeholder", "Pretend"),
    *("Sampleton", "Testperson", "Unreal", "O'Fiction"),
)
_STREETS = ("Example Avenue", "Imaginary Street", "Placeholder Lane", "Sample Road")
_YEAR = 365


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person as the student system knows them; None is a field that is missing."""

    primary_id: str
    first_name: str
    last_name: str
    group: str
    barcode: str
    street: str
    postal_code: str | None
    phone: str
    email: str | None
    expiry: date | None
    purge: date


def people(count: int, today: date, seed: int = 1) -> list[Person]:
    """So many different people, all without fault and with accounts that last."""
    dice = random.Random(seed)  # noqa: S311 - invented people, no secret
    return [_person(number, today, dice) for number in range(1, count + 1)]


def _person(number: int, today: date, dice: random.Random) -> Person:
    first, last = dice.choice(_FIRST_NAMES), dice.choice(_LAST_NAMES)
    expiry = date(today.year + dice.randrange(1, 5), 5, 31)
    return Person(
        primary_id=f"demo{number:04d}@example.edu",
        first_name=first,
        last_name=last,
        group=dice.choices(list(_GROUPS), list(_GROUPS.values()))[0],
        barcode=f"2999900{number:07d}",
        street=f"{dice.randrange(1, 400)} {dice.choice(_STREETS)}",
        postal_code=f"60{dice.randrange(1000):03d}",
        phone=f"555-01{dice.randrange(100):02d}",
        email=f"demo{number:04d}@mail.example.edu",
        expiry=expiry,
        purge=expiry + timedelta(days=2 * _YEAR),
    )


def without_expiry(crowd: Sequence[Person], *places: int) -> list[Person]:
    """The same people, some of them without an expiry date."""
    return _change(crowd, places, expiry=None)


def without_barcode(crowd: Sequence[Person], *places: int) -> list[Person]:
    """The same people, the barcode of some left blank."""
    return _change(crowd, places, barcode="")


def without_postal_code(crowd: Sequence[Person], *places: int) -> list[Person]:
    """The same people, some of them without a postal code."""
    return _change(crowd, places, postal_code=None)


def without_emails(crowd: Sequence[Person]) -> list[Person]:
    """The same people, all of them without an email address."""
    return _change(crowd, range(len(crowd)), email=None)


def with_second_record(crowd: Sequence[Person], place: int) -> list[Person]:
    """The same people, one of them once more at the end, as a student who also works is."""
    again = replace(crowd[place], group="STAFF", primary_id=crowd[place].primary_id.upper())
    return [*crowd, replace(again, barcode=f"2999901{place:07d}")]


def _change(crowd: Sequence[Person], places: Sequence[int], **fields: str | None) -> list[Person]:
    chosen = frozenset(places)
    return [
        replace(person, **fields) if place in chosen else person  # type: ignore[arg-type]  # names and types are given in this module only
        for place, person in enumerate(crowd)
    ]


def export(crowd: Sequence[Person], made_at: datetime) -> bytes:
    """The file that a student system would write for these people at that time."""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<!-- Invented for a demonstration at {made_at:%Y-%m-%d %H:%M:%S}; true of nobody -->\n"
    )
    return f"{head}<users>\n{''.join(map(_record, crowd))}</users>\n".encode()


def _record(person: Person) -> str:
    expiry = f"    <expiry_date>{person.expiry}</expiry_date>\n" if person.expiry else ""
    return f"""\
  <user>
    <primary_id>{person.primary_id}</primary_id>
    <first_name>{person.first_name}</first_name>
    <last_name>{person.last_name}</last_name>
    <user_group>{person.group}</user_group>
{expiry}    <purge_date>{person.purge}</purge_date>
    <status>ACTIVE</status>
    <contact_info>
{_address(person)}{_email(person)}      <phones>
        <phone preferred="true">
          <phone_number>{person.phone}</phone_number>
          <phone_types><phone_type>mobile</phone_type></phone_types>
        </phone>
      </phones>
    </contact_info>
    <user_identifiers>
      <user_identifier>
        <id_type>BARCODE</id_type>
        <value>{person.barcode}</value>
      </user_identifier>
    </user_identifiers>
  </user>
"""


def _address(person: Person) -> str:
    code = person.postal_code
    postal = f"          <postal_code>{code}</postal_code>\n" if code else ""
    return f"""\
      <addresses>
        <address preferred="true">
          <line1>{person.street}</line1>
          <city>Inventville</city>
          <state_province>IL</state_province>
{postal}          <country>USA</country>
          <address_types><address_type>home</address_type></address_types>
        </address>
      </addresses>
"""


def _email(person: Person) -> str:
    if person.email is None:
        return ""
    return f"""\
      <emails>
        <email preferred="true">
          <email_address>{person.email}</email_address>
          <email_types><email_type>school</email_type></email_types>
        </email>
      </emails>
"""
