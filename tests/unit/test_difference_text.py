import json
from collections import Counter
from dataclasses import replace

import pytest

from sisdrop.difference import Compared, Difference, Shift
from sisdrop.difference_text import difference_json, difference_text
from sisdrop.hints import hints
from sisdrop.model import Counts, Report
from support import reports

LOST = Difference(
    new=703,
    changed=12_345,
    unchanged=86_452,
    absent=1_203,
    fields={
        "preferred_email": Shift(lose=9_412, change=12),
        "identifier:BARCODE": Shift(lose=1, gain=3),
        "middle_name": Shift(gain=40, change=2),
    },
    moves=Counter({("UNDERGRAD", "GRAD"): 300, ("GRAD", ""): 2}),
    new_groups=Counter(UNDERGRAD=703),
    absent_groups=Counter(UNDERGRAD=1_100, GRAD=103),
)


def report(name: str, counts: Counts) -> Report:
    made = reports.report()
    return replace(made, file=name, refined=replace(made.refined, counts=counts))


def compared(difference: Difference, old: str = "old.xml", new: str = "new.xml") -> Compared:
    counts = Counts(100_015, 100_000, 12, 3)
    return Compared(report(old, counts), report(new, Counts(99_500, 99_500)), difference)


def test_it_reads_like_this() -> None:
    assert (
        difference_text(compared(LOST))
        == """\
OLD  old.xml: 100,000 records to send, 12 left out, 3 repeated
NEW  new.xml: 99,500 records to send

9,412 people would lose their preferred email.
1 person would lose their identifier of type BARCODE.
1,203 people of OLD are not in NEW; a load leaves them in Alma as they are.

absent           1,203  only in OLD: UNDERGRAD 1,100, GRAD 103
new                703  only in NEW: UNDERGRAD 703
changed         12,345
unchanged       86,452

Field                                            lose        gain      change
Preferred email                                 9,412           0          12
Identifier of type BARCODE                          1           3           0
Middle name                                         0          40           2
All other fields are the same for everybody who is in both.
Lose: a person of whom OLD has the field is in NEW without it, so that a load
with Swap All erases it in Alma.

User group                                     people
UNDERGRAD -> GRAD                                 300
GRAD -> (none)                                      2
"""
    )


def test_the_same_again_would_change_nothing() -> None:
    text = difference_text(compared(Difference(unchanged=100_000)))
    assert "A load of NEW after OLD would change nothing." in text
    assert "Lose:" not in text
    assert "User group" not in text


def test_other_people_with_the_same_fields_are_no_change_of_fields() -> None:
    text = difference_text(compared(Difference(new=1, unchanged=3)))
    assert "would change nothing" not in text
    assert "No field differs for anybody who is in both." in text


def test_files_with_nobody_in_common_have_no_fields_to_compare() -> None:
    assert "Nobody is in both." in difference_text(compared(Difference(new=5, absent=5)))


def test_a_switched_identifier_is_said_first() -> None:
    said = hints(Difference(new=100, absent=100, unchanged=2))
    assert said[0].startswith("The primary identifiers of nearly all people differ: was the")
    assert len(said) == 2


def test_nothing_to_look_at_is_no_hint() -> None:
    gains = {"birth_date": Shift(gain=5, change=9)}
    assert hints(Difference(new=5, changed=9, fields=gains)) == []


def test_who_loses_an_address_is_not_told_that_it_has_parts() -> None:
    whole = {"preferred_address": Shift(lose=10), "city": Shift(lose=10)}
    assert [h for h in hints(Difference(fields=whole)) if "city" in h] == []
    part = {"preferred_address": Shift(lose=10), "city": Shift(lose=11)}
    assert hints(Difference(fields=part)) == [
        "11 people would lose their city.",
        "10 people would lose their preferred address.",
    ]


def test_many_losses_leave_the_rest_to_the_table() -> None:
    fields = {f"field_{n}": Shift(lose=n) for n in range(1, 9)}
    said = hints(Difference(changed=9, fields=fields))
    assert len(said) == 6
    assert said[-1] == "Other fields would be lost by fewer people."
    assert all(f"Field {n} " in difference_text(compared(Difference(fields=fields)))
               for n in range(1, 9))  # fmt: skip


def test_many_moves_are_summed_up() -> None:
    moves = Counter({("A", f"G{n:02d}"): 100 - n for n in range(25)})
    text = difference_text(compared(Difference(moves=moves)))
    assert text.count(" -> ") == 20
    assert f"other moves{sum(range(76, 81)):>42}" in text


@pytest.mark.parametrize("name", ["x" * 300, reports.HOSTILE, "学" * 100])
def test_no_name_breaks_the_page(name: str) -> None:
    odd = Difference(
        absent=5,
        fields={f"identifier:{name}": Shift(lose=5)},
        moves=Counter({(name, name[1:]): 5}),
        absent_groups=Counter({name * n: 1 for n in range(1, 9)}),
    )
    text = difference_text(compared(odd, name, name))
    assert all(char.isprintable() or char == "\n" for char in text)
    assert max(map(len, text.splitlines())) <= 80


def test_as_json_it_says_the_same() -> None:
    shape = json.loads(json.dumps(difference_json(compared(LOST))))
    assert shape["format"] == "sisdrop-diff/1"
    assert shape["old"]["records"] == {
        "total": 100_015,
        "delivered": 100_000,
        "left_out": 12,
        "duplicates": 3,
    }
    assert shape["people"] == {"new": 703, "changed": 12_345, "unchanged": 86_452, "absent": 1_203}
    assert shape["fields"]["preferred_email"] == {"lose": 9_412, "gain": 0, "change": 12}
    assert shape["moves"][0] == {"from": "UNDERGRAD", "to": "GRAD", "count": 300}
    assert shape["absent_groups"] == {"UNDERGRAD": 1_100, "GRAD": 103}
    assert shape["hints"] == hints(LOST)
