"""`sisdrop diff` against a naive model: a dictionary of people, each a dictionary of fields."""

from collections import Counter
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sisdrop.diff import diff
from sisdrop.difference import Compared, Difference, Shift
from sisdrop.offline import Validator
from sisdrop.reader import Reader
from support.clock import START
from support.zips import zipped

Person = dict[str, Any]
GROUPS = ("GRAD", "STAFF")
words = st.sampled_from(["Una", "Bo", "Zoë  Ann"])
addresses = st.fixed_dictionaries({"line1": words}, optional={"city": words, "postal_code": words})
people = st.fixed_dictionaries(
    {
        # Upper and lower case make no other person.
        "primary_id": st.sampled_from("tT"),
        "last_name": words,
        "user_group": st.sampled_from(GROUPS),
    },
    optional={
        "first_name": words,
        "middle_name": words,
        "birth_date": st.sampled_from(["1990-01-01", "1991-02-02"]),
        "campus_code": words,
        "preferred_email": st.sampled_from(["a@example.edu", "b@example.edu"]),
        "other_email": st.lists(words, min_size=1, max_size=2, unique=True),
        "preferred_address": addresses,
        "note": st.lists(words, min_size=1, max_size=3),
        "statistic": st.lists(words, min_size=1, max_size=2),
        "identifier:BARCODE": st.sampled_from(["B1", "B2"]),
        "identifier:OTHER": st.sampled_from(["X1", "X2"]),
    },
)
files = st.dictionaries(st.integers(0, 12), people, min_size=1, max_size=8)


@cache
def validator() -> Validator:
    return Validator((), None)


def document(file: dict[int, Person], dice: Random) -> str:
    """The people in any order, in records whose elements stand in any order they may."""
    records = [_record(number, person, dice) for number, person in file.items()]
    dice.shuffle(records)
    return f"<users>{'  '.join(records)}</users>"


def _record(number: int, person: Person, dice: Random) -> str:
    simple = ("last_name", "first_name", "middle_name", "birth_date", "campus_code", "user_group")
    parts = [
        f"<primary_id>{person['primary_id']}{number}</primary_id>",
        "<expiry_date>2030-05-31</expiry_date>",
        _contact(person, dice),
        _list("user_note", [_note(text) for text in person.get("note", ())], dice),
        _list("user_statistic", [_statistic(text) for text in person.get("statistic", ())], dice),
        _list("user_identifier", list(_identifiers(number, person)), dice),
        *(f"<{name}>{person[name]}</{name}>" for name in simple if name in person),
    ]
    dice.shuffle(parts)
    return f"<user>{dice.choice(['', '<!-- x -->', chr(10)]).join(parts)}</user>"


def _contact(person: Person, dice: Random) -> str:
    emails = [_email(text, "false") for text in person.get("other_email", ())]
    if "preferred_email" in person:
        emails.append(_email(person["preferred_email"], "true"))
    address = ""
    if "preferred_address" in person:
        parts = [f"<{name}>{text}</{name}>" for name, text in person["preferred_address"].items()]
        parts.append("<address_types><address_type>home</address_type></address_types>")
        dice.shuffle(parts)
        address = f'<address preferred="true">{"".join(parts)}</address>'
    dice.shuffle(emails)
    lists = f"<addresses>{address}</addresses><emails>{''.join(emails)}</emails>"
    return f"<contact_info>{lists}</contact_info>"


def _email(text: str, preferred: str) -> str:
    types = "<email_types><email_type>school</email_type></email_types>"
    address = f"<email_address>{text}</email_address>"
    return f'<email preferred="{preferred}">{address}{types}</email>'


def _note(text: str) -> str:
    seen = "<user_viewable>false</user_viewable><popup_note>false</popup_note>"
    return f"<note_type>OTHER</note_type><note_text>{text}</note_text>{seen}"


def _statistic(text: str) -> str:
    return f"<statistic_category>{text}</statistic_category>"


def _identifiers(number: int, person: Person) -> list[str]:
    return [
        f"<id_type>{name.removeprefix('identifier:')}</id_type><value>{value}-{number}</value>"
        for name, value in person.items()
        if name.startswith("identifier:")
    ]


def _list(name: str, entries: list[str], dice: Random) -> str:
    dice.shuffle(entries)
    return f"<{name}s>{''.join(f'<{name}>{entry}</{name}>' for entry in entries)}</{name}s>"


def fields(person: Person) -> dict[str, Any]:
    """What each field of a person holds."""
    held: dict[str, Any] = {
        name: sorted(value) if isinstance(value, list) else value for name, value in person.items()
    }
    if address := held.get("preferred_address"):
        held["address_type"] = "home"
        held["address_line1"] = address["line1"]
        held |= {name: address[name] for name in ("city", "postal_code") if name in address}
    return held


def model(old: dict[int, Person], new: dict[int, Person]) -> Difference:
    """What differs, said slowly."""
    found = Difference(
        new=len(new.keys() - old.keys()),
        absent=len(old.keys() - new.keys()),
        new_groups=Counter(new[n]["user_group"] for n in new.keys() - old.keys()),
        absent_groups=Counter(old[n]["user_group"] for n in old.keys() - new.keys()),
    )
    for number in old.keys() & new.keys():
        before, after = fields(old[number]), fields(new[number])
        for name in before.keys() | after.keys():
            if before.get(name) == after.get(name):
                continue
            shift = found.fields.setdefault(name, Shift())
            shift.lose += name not in after
            shift.gain += name not in before
            shift.change += name in before and name in after
        found.changed += before != after
        found.unchanged += before == after
        if before["user_group"] != after["user_group"]:
            found.moves[before["user_group"], after["user_group"]] += 1
    return found


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(files, files, st.integers(0, 2**32), st.booleans())
def test_a_difference_is_what_the_model_says(
    tmp_path: Path, old: dict[int, Person], new: dict[int, Person], seed: int, as_zip: bool
) -> None:
    dice = Random(seed)  # noqa: S311  # test data, not secrets
    before, after = tmp_path / "old", tmp_path / "new.xml"
    content = document(old, dice)
    before.write_bytes(zipped(content) if as_zip else content.encode())
    after.write_text(document(new, dice))
    reader = Reader(validator(), START, lambda _: nullcontext(lambda _: None))
    compared = diff(before, after, reader, tmp_path)
    assert isinstance(compared, Compared)
    assert compared.old.refined.counts.delivered == len(old)
    assert compared.difference == model(old, new)
