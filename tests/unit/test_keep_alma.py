"""`validation.incomplete: keep_alma`: what is missing now must not erase what was sent before."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from sisdrop.model import Refined, Severity
from sisdrop.records.check import Checker, person
from sisdrop.records.crew import Crew
from sisdrop.records.refine import refine
from sisdrop.roster import ROSTER, Roster
from support.documents import read
from support.refining import LIMITS, builtin_rules, builtin_schema, checker
from support.xml import Patron, patrons, user, users

KEY = b"a key for this test"
USING = Checker(builtin_schema(), builtin_rules(), key=KEY)
FULL = patrons(3)
ADDRESS = "<postal_code>60601</postal_code>"


class Known:
    """What was sent last, by primary id."""

    def __init__(self, **fields: Collection[str]) -> None:
        self._fields = {person(KEY, who): had for who, had in fields.items()}

    def fields_of(self, person: bytes) -> Collection[str]:
        """The fields of one of them."""
        return self._fields.get(person, ())


def document(*records: str) -> bytes:
    return users(*records).encode()


def without_postal_code(patron: Patron) -> str:
    record = user(patron)
    assert ADDRESS in record
    return record.replace(ADDRESS, "")


def refined(folder: Path, content: bytes, earlier: Roster | None = None) -> Refined:
    path = folder / "work"
    path.write_bytes(content)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    found = refine(path, None, "F1", "a.xml", out, USING, LIMITS, lambda _: None, earlier)
    assert isinstance(found, Refined)
    return found


def test_a_field_that_the_person_had_last_time_keeps_the_record_back(tmp_path: Path) -> None:
    refined(tmp_path, document(*map(user, FULL)))
    with Roster(tmp_path / "out" / ROSTER) as earlier:
        found = refined(
            tmp_path, document(without_postal_code(FULL[0]), *map(user, FULL[1:])), earlier
        )
    assert (found.counts.delivered, found.counts.left_out) == (2, 1)
    erasing, postal = found.findings
    assert (erasing.rule, erasing.severity, erasing.count) == (
        "alma.would-erase",
        Severity.ERROR,
        1,
    )
    assert (postal.rule, postal.severity) == ("ishare.postal-code", Severity.WARNING)
    assert erasing.examples[0].primary_id == FULL[0].primary_id


@pytest.mark.parametrize(
    "had",
    [(), ("city", "preferred_address")],
    ids=["a stranger", "who had other fields"],
)
def test_a_field_that_the_person_never_had_keeps_nothing_back(had: Collection[str]) -> None:
    earlier = Known(**{FULL[0].primary_id.lower(): had})
    found = read(document(without_postal_code(FULL[0])), 1 << 18, USING, earlier=earlier)
    assert [(finding.rule, finding.count) for finding in found.findings] == [
        ("ishare.postal-code", 1)
    ]


def test_the_person_is_known_whatever_the_case_of_the_identifier() -> None:
    shouting = replace(FULL[0], primary_id=FULL[0].primary_id.upper())
    earlier = Known(**{FULL[0].primary_id.lower(): ("postal_code",)})
    found = read(document(without_postal_code(shouting)), 1 << 18, USING, earlier=earlier)
    assert {finding.rule for finding in found.findings} == {
        "alma.would-erase",
        "ishare.postal-code",
    }


def test_a_rule_that_is_off_keeps_nothing_back() -> None:
    lenient = checker({"ishare.postal-code": Severity.OFF})
    using = Checker(lenient.schema, lenient.rules, key=KEY)
    earlier = Known(**{FULL[0].primary_id.lower(): ("postal_code",)})
    assert (
        read(document(without_postal_code(FULL[0])), 1 << 18, using, earlier=earlier).findings == ()
    )


def test_without_an_earlier_file_nothing_is_kept_back() -> None:
    found = read(document(without_postal_code(FULL[0])), 1 << 18, USING)
    assert [finding.rule for finding in found.findings] == ["ishare.postal-code"]


def test_slices_that_are_checked_ahead_keep_the_same_records_back() -> None:
    people = patrons(60)
    content = document(
        *(without_postal_code(p) if n % 3 else user(p) for n, p in enumerate(people))
    )
    earlier = Known(**{p.primary_id.lower(): ("postal_code",) for p in people[::2]})
    with Crew(USING, 2) as crew:
        found = read(content, 5000, USING, crew, earlier=earlier)
    assert found == read(content, 1 << 18, USING, earlier=earlier)
    assert len(found.cuts) == sum(1 for n in range(60) if n % 3 and n % 2 == 0)
