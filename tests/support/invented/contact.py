"""How an invented person can be reached: the parts of `contact_info`."""

import random

from support.invented.person import Person
from support.invented.pools import (
    DEPARTMENTS,
    FIRST_NAMES,
    HALLS,
    STREETS,
    TOWNS,
    YEAR,
    Town,
    pick,
)


def contact_info(dice: random.Random, person: Person) -> str:
    """One or two addresses, one or two emails, up to three phones; the first is preferred."""
    return (
        f"  <contact_info>\n{_addresses(dice, person)}{_emails(dice, person)}"
        f"{_phones(dice, person)}  </contact_info>\n"
    )


def _addresses(dice: random.Random, person: Person) -> str:
    home = (f"{1 + int(9999 * dice.random() ** 2)} {pick(dice, STREETS)}", person.home)
    flat = f"Apt {1 + int(400 * dice.random())}" if dice.random() < 0.3 else ""
    found = _address("true", *home, flat, "home", "")
    campus = f"{pick(dice, HALLS)}, Room {100 + int(600 * dice.random())}"
    if person.role.jobs or dice.random() < 0.2:
        kind = "work" if person.role.jobs else "school"
        began = f"{YEAR - int(4 * dice.random())}-08-15"
        found += _address("false", campus, TOWNS[0], pick(dice, DEPARTMENTS), kind, began)
    return f"   <addresses>\n{found}   </addresses>\n"


def _address(  # noqa: PLR0913, PLR0917  # an address has that many parts
    preferred: str, line1: str, town: Town, line2: str, kind: str, began: str
) -> str:
    second = f"     <line2>{line2}</line2>\n" if line2 else ""
    since = f"     <start_date>{began}</start_date>\n" if began else ""
    return (
        f'    <address preferred="{preferred}" segment_type="External">\n'
        f"     <line1>{line1}</line1>\n{second}"
        f"     <city>{town.name}</city>\n"
        f"     <state_province>{town.state}</state_province>\n"
        f"     <postal_code>{town.postal_code}</postal_code>\n"
        f"     <country>{town.country}</country>\n{since}"
        f"     <address_types><address_type>{kind}</address_type></address_types>\n"
        "    </address>\n"
    )


def _emails(dice: random.Random, person: Person) -> str:
    found = _email("true", f"{person.login}@example.edu", "work" if person.role.jobs else "school")
    if dice.random() < 0.3:
        address = f"{pick(dice, FIRST_NAMES).lower()}{int(99999 * dice.random())}@mail.example.org"
        found += _email("false", address, "personal")
    return f"   <emails>\n{found}   </emails>\n"


def _email(preferred: str, address: str, kind: str) -> str:
    return (
        f'    <email preferred="{preferred}" segment_type="External">\n'
        f"     <email_address>{address}</email_address>\n"
        f"     <email_types><email_type>{kind}</email_type></email_types>\n"
        "    </email>\n"
    )


def _phones(dice: random.Random, person: Person) -> str:
    found = ""
    for kind, chance in (("mobile", 0.8), ("home", 0.2), ("office", 0.6)):
        if dice.random() > chance or (kind == "office" and not person.role.jobs):
            continue
        # 555-01XX is kept free for invented numbers.
        number = f"{person.home.area_code}-555-01{int(100 * dice.random()):02d}"
        if kind == "office":
            number += f" x{1000 + int(9000 * dice.random())}"
        found += (
            f'    <phone preferred="{"false" if found else "true"}"'
            ' segment_type="External">\n'
            f"     <phone_number>{number}</phone_number>\n"
            f"     <phone_types><phone_type>{kind}</phone_type></phone_types>\n"
            "    </phone>\n"
        )
    return f"   <phones>\n{found}   </phones>\n" if found else ""
