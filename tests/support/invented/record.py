"""The record of one invented person, as an extract writes it."""

import random

from support.invented.contact import contact_info
from support.invented.person import Person, draw_person, scattered
from support.invented.pools import (
    CAMPUSES,
    DEPARTMENTS,
    FIRST_NAMES,
    NAMES_IN_OTHER_SCRIPTS,
    NOTES,
    TERM_ENDS,
    YEAR,
    pick,
)


def record(dice: random.Random, number: int) -> str:
    """The `user` element of the person with this number, line break included."""
    person = draw_person(dice, number)
    return (
        f" <user>\n{_names(dice, person)}{_affiliation(dice, person)}{_dates(dice, person)}"
        f"{contact_info(dice, person)}"
        f"{_identifiers(dice, person)}{_notes(dice)}{_statistics(dice, person)} </user>\n"
    )


def _names(dice: random.Random, person: Person) -> str:
    middle = pick(dice, FIRST_NAMES) if dice.random() < 0.7 else ""
    return (
        "  <record_type>PUBLIC</record_type>\n"
        f"  <primary_id>{person.primary_id}</primary_id>\n"
        f"  <first_name>{person.first}</first_name>\n"
        f"  <middle_name>{middle}</middle_name>\n"
        f"  <last_name>{person.last}</last_name>\n"
        f"{_preferred_name(dice)}"
    )


def _preferred_name(dice: random.Random) -> str:
    drawn = dice.random()
    if drawn > 0.12:
        return ""
    name = pick(dice, NAMES_IN_OTHER_SCRIPTS if drawn < 0.01 else FIRST_NAMES)
    return f"  <pref_first_name>{name}</pref_first_name>\n"


def _affiliation(dice: random.Random, person: Person) -> str:
    role = person.role
    job = ""
    if role.jobs:
        code, title = pick(dice, role.jobs)
        job = (
            f"  <job_category>{code}</job_category>\n"
            f"  <job_description>{title}, {pick(dice, DEPARTMENTS)}</job_description>\n"
        )
    code, name = pick(dice, CAMPUSES)
    return (
        f'{job}  <user_group desc="{role.description}">{role.group}</user_group>\n'
        f'  <campus_code desc="{name}">{code}</campus_code>\n'
        "  <preferred_language>en</preferred_language>\n"
    )


def _dates(dice: random.Random, person: Person) -> str:
    has_left = dice.random() < 0.02
    year = YEAR - 1 if has_left else YEAR + 1 + int(person.role.years * dice.random())
    term = pick(dice, TERM_ENDS)
    born = 2009 - person.role.years * 2 - int(30 * dice.random() ** 3)
    status = "Inactive" if has_left else "Active"
    return (
        f"  <birth_date>{born}-{_day(dice)}</birth_date>\n"
        f"  <expiry_date>{year}-{term}</expiry_date>\n"
        f"  <purge_date>{year + 2}-{term}</purge_date>\n"
        "  <account_type>EXTERNAL</account_type>\n"
        "  <external_id>SIS</external_id>\n"
        f'  <status desc="{status}">{status.upper()}</status>\n'
        f"  <status_date>{YEAR - int(4 * dice.random())}-{_day(dice)}</status_date>\n"
    )


def _day(dice: random.Random) -> str:
    return f"{1 + int(12 * dice.random()):02d}-{1 + int(28 * dice.random()):02d}"


def _identifiers(dice: random.Random, person: Person) -> str:
    values = [
        ("BARCODE", f"2{scattered(person.number, 7_368_787_271_623, 13)}"),
        ("UNIV_ID", f"W{scattered(person.number, 614_889_817, 9)}"),
    ]
    if dice.random() < 0.45:
        values.append(("INST_ID", f"{person.login}@id.example.edu"))
    if dice.random() < 0.15:
        values.append(("OTHER_ID_1", f"P{scattered(person.number, 275_604_541, 9)}"))
    found = "".join(
        '   <user_identifier segment_type="External">'
        f"<id_type>{kind}</id_type><value>{value}</value></user_identifier>\n"
        for kind, value in values
    )
    return f"  <user_identifiers>\n{found}  </user_identifiers>\n"


def _notes(dice: random.Random) -> str:
    if dice.random() > 0.08:
        return ""
    return (
        "  <user_notes>\n"
        '   <user_note segment_type="External">\n'
        "    <note_type>LIBRARY</note_type>\n"
        f"    <note_text>{pick(dice, NOTES)}</note_text>\n"
        "    <user_viewable>false</user_viewable>\n"
        "    <popup_note>false</popup_note>\n"
        "   </user_note>\n"
        "  </user_notes>\n"
    )


def _statistics(dice: random.Random, person: Person) -> str:
    values = [("COLLEGE", f"COL{int(12 * dice.random()):02d}")]
    if not person.role.jobs:
        values.append(("MAJOR", f"MAJ{int(180 * dice.random() ** 2):03d}"))
    found = "".join(
        '   <user_statistic segment_type="External">'
        f"<statistic_category>{value}</statistic_category>"
        f"<category_type>{kind}</category_type></user_statistic>\n"
        for kind, value in values
    )
    return f"  <user_statistics>\n{found}  </user_statistics>\n"
