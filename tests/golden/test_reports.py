"""What a librarian reads of files of every kind, word by word, in `reports/`.

After a change of words that is meant: `PYTHONPATH=tests python tests/golden/test_reports.py`
writes the texts anew, and the diff is what people will read differently.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sisdrop.offline import Validator
from sisdrop.report import report_text
from support import reports
from support.xml import Patron, patrons, user, users

FOLDER = Path(__file__).with_name("reports")
AT = datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC)
PEOPLE = [user(person) for person in patrons(40)]
GOOD = users(*PEOPLE)
UNDATED = user(Patron("T000900", omit=frozenset({"expiry_date", "last_name"})))
ODD = user(Patron("T000901", extra="<favourite_colour>green</favourite_colour>"))

FILES = {
    "good": GOOD.encode(),
    "few-faults": users(*PEOPLE, UNDATED, ODD, PEOPLE[0]).encode(),
    "every-record": GOOD.replace("2030-05-31", "05/31/2030").encode(),
    "most-records-warned": GOOD.replace("<purge_date>2031-05-31</purge_date>", "", 30).encode(),
    "windows-1252": GOOD.replace("Testperson7<", "Müller<").encode("cp1252"),
    "utf-16": GOOD.replace("UTF-8", "UTF-16").encode("utf-16"),
    "ampersand": GOOD.replace("Testperson7<", "Day & Night<").encode(),
    "control-character": GOOD.replace("Testperson7<", "Day\x1a<").encode(),
    "truncated": GOOD[: len(GOOD) // 2].encode(),
    "old-format": GOOD.replace("users>", "userRecords>").encode(),
    "table": b"id,name\nT000001,Testperson\n",
    "damaged-zip": b"PK\x03\x04" + bytes(60),
    "empty": b"",
    "nobody": b"<users>\n</users>\n",
}


def texts() -> Iterator[tuple[str, str]]:
    """Each report by its name."""
    validator = Validator((), None)
    with TemporaryDirectory() as folder:
        for name, content in FILES.items():
            path = Path(folder) / f"{name}.xml"
            path.write_bytes(content)
            yield name, report_text(validator.validate(path, AT))
    yield "held", report_text(reports.held())


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    return dict(texts())


@pytest.mark.parametrize("name", [*FILES, "held"])
def test_people_read_these_words(told: dict[str, str], name: str) -> None:
    assert told[name] == (FOLDER / f"{name}.txt").read_text("utf-8")


def test_every_text_that_is_kept_is_compared() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*FILES, "held"}


if __name__ == "__main__":
    for stem, text in texts():
        (FOLDER / f"{stem}.txt").write_text(text, "utf-8")
