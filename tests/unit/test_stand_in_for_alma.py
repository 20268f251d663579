"""The stand-in for Alma does what is known of Alma's patron load."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from support.alma import Alma, Rejection, Summary
from support.fake_server import FakeServer
from support.xml import Patron, patrons, user, users

ONE, TWO, THREE = patrons(3)


def zipped(*documents: str) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for number, document in enumerate(documents):
            archive.writestr(f"{number}.xml", document)
    return into.getvalue()


def load(alma: Alma, *people: Patron) -> Summary:
    return alma.load("a.zip", zipped(users(*map(user, people))))


def counts(summary: Summary) -> tuple[int, int, int, int]:
    return summary.created, summary.updated, summary.unchanged, summary.rejected.total()


def test_it_counts_who_is_created_updated_and_unchanged() -> None:
    alma = Alma()
    assert counts(load(alma, ONE, TWO)) == (2, 0, 0, 0)
    assert counts(load(alma, ONE, replace(TWO, group="STAFF"), THREE)) == (1, 1, 1, 0)


def test_in_a_file_the_first_record_of_a_person_wins_and_across_files_the_later_one() -> None:
    alma = Alma()
    again = replace(ONE, primary_id=ONE.primary_id.lower(), last_name="Other")
    summary = load(alma, ONE, again)
    assert summary.rejected == {Rejection.TAKEN_IN_FEED: 1}
    assert "Testperson1" in repr(alma.users)
    load(alma, again)
    assert "Testperson1" not in repr(alma.users)


def test_swap_all_erases_what_a_record_no_longer_carries_and_leaves_what_staff_added() -> None:
    alma = Alma()
    load(alma, ONE)
    alma.staff_adds(ONE.primary_id, "a note")
    (before,) = alma.users.values()
    load(alma, replace(ONE, omit=frozenset({"contact_info", "purge_date"}), barcodes=()))
    (after,) = alma.users.values()
    assert "una@example.edu" not in repr(before) or "una@example.edu" not in repr(after)
    assert "email_address" in repr(before.external)
    assert "email_address" not in repr(after.external)
    assert "purge_date" not in repr(after.external)
    assert after.identifiers == {ONE.primary_id.casefold()}
    assert after.internal == ("a note",)


def test_who_is_in_no_file_stays_as_they_are() -> None:
    alma = Alma()
    load(alma, ONE, TWO)
    before = dict(alma.users)
    load(alma, TWO)
    assert alma.users.keys() == before.keys()
    assert alma.users["t000001"] == before["t000001"]


def test_who_comes_back_is_known_and_counted_as_such() -> None:
    alma = Alma()
    load(alma, ONE, TWO)
    load(alma, TWO)
    summary = load(alma, replace(ONE, last_name="Other"), TWO)
    assert counts(summary) == (0, 1, 1, 0)
    assert (summary.returned, summary.returned_changed) == (1, 1)


def test_layout_order_of_elements_and_types_of_segments_change_nothing() -> None:
    alma = Alma()
    load(alma, ONE)
    other = user(ONE).replace(' segment_type="External"', "").replace("\n", "").replace("  ", "")
    status = "<status>ACTIVE</status>"
    other = other.replace(status, "").replace("<user>", f"<user>{status}")
    assert counts(alma.load("b.zip", zipped(users(other)))) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (replace(TWO, primary_id=" "), Rejection.NO_MATCH_ID),
        (replace(TWO, omit=frozenset({"primary_id"})), Rejection.NO_MATCH_ID),
        (replace(TWO, barcodes=(ONE.barcodes[1].lower(),)), Rejection.TAKEN),
        (replace(TWO, barcodes=(ONE.primary_id,)), Rejection.TAKEN),
        (replace(TWO, primary_id=ONE.barcodes[0]), Rejection.TAKEN),
        (replace(TWO, barcodes=("",)), Rejection.BLANK_IDENTIFIER),
        (replace(TWO, expiry="05/31/2030"), Rejection.WRONG_DATE),
        (replace(TWO, primary_id="desk"), Rejection.NOT_EXTERNAL),
        (
            replace(
                TWO,
                extra="<user_statistics><user_statistic><statistic_category/>"
                "</user_statistic></user_statistics>",
            ),
            Rejection.BLANK_STATISTIC,
        ),
    ],
)
def test_what_it_rejects_leaves_the_table_as_it_is(person: Patron, reason: Rejection) -> None:
    alma = Alma()
    alma.staff_creates("DESK")
    load(alma, ONE)
    before = dict(alma.users)
    summary = load(alma, person, THREE)
    assert summary.rejected == {reason: 1}
    assert summary.created == 1
    assert {key: alma.users[key] for key in before} == before
    assert len(alma.users) == len(before) + 1


def test_in_one_file_an_identifier_goes_to_the_first_who_has_it() -> None:
    summary = load(Alma(), ONE, replace(TWO, barcodes=ONE.barcodes), THREE)
    assert summary.rejected == {Rejection.TAKEN_IN_FEED: 1}
    assert summary.created == 2


def test_an_identifier_that_its_owner_gave_up_is_free_for_another() -> None:
    alma = Alma()
    load(alma, ONE)
    assert counts(load(alma, replace(ONE, barcodes=()), replace(TWO, barcodes=ONE.barcodes))) == (
        *(1, 1, 0),
        0,
    )


@pytest.mark.parametrize(("forgives", "created"), [(True, 1), (False, 0)])
def test_one_value_under_two_labels_is_a_matter_of_belief(forgives: bool, created: int) -> None:
    twice = replace(ONE, barcodes=(ONE.primary_id,))
    assert load(Alma(forgives_repeats=forgives), twice).created == created


@pytest.mark.parametrize("content", [b"no zip", zipped(users(user(ONE)), "<users>")])
def test_what_cannot_be_read_aborts_the_whole_load(content: bytes) -> None:
    alma = Alma()
    summary = alma.load("a.zip", content)
    assert summary.aborted
    assert not alma.users


def test_it_takes_zips_by_their_final_name_only_and_renames_them(tmp_path: Path) -> None:
    content = zipped(users(user(ONE)))
    names = ["b.zip", "a.zip", ".c.zip.part", ".d.zip", "e.txt", "f.zip.old"]
    server = FakeServer()
    for name in names:
        (tmp_path / name).write_bytes(content)
        server.put(name, content)
    alma, other = Alma(".handled"), Alma(".handled")
    assert [summary.zip_name for summary in alma.visit(tmp_path)] == ["a.zip", "b.zip"]
    assert [summary.zip_name for summary in other.visit_server(server)] == ["a.zip", "b.zip"]
    left = sorted({*names, "a.zip.handled", "b.zip.handled"} - {"a.zip", "b.zip"})
    assert sorted(path.name for path in tmp_path.iterdir()) == left == server.names
    assert alma.visit(tmp_path) == []
    assert alma.users == other.users


def test_it_knows_nothing_of_the_code_that_it_judges() -> None:
    """A stand-in that shared our reading of XML would share our errors."""
    source = Path(__file__).parents[1] / "support" / "alma.py"
    assert "sisdrop." not in source.read_text()
