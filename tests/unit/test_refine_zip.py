"""A dropped zip with one XML file in it is that XML file, as far as anybody can tell."""

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sisdrop.model import Counts, Fatal, Refined, StillChanging
from sisdrop.records.refine import Limits, refine
from sisdrop.records.rules import fatal_rules
from support.refining import LIMITS, checker, finding, refined, sent
from support.xml import patrons, user, users
from support.zips import How, bare, with_checksum, with_flags, with_method, with_sizes, zipped

THREE = patrons(3)
PLAIN = users(*(user(person) for person in THREE))
BAD = user(replace(THREE[1], expiry="31/05/2030"))
MIXED = users(user(THREE[0]), BAD, user(THREE[2]), attributes=' total_record_count="3"')
WAYS = {
    "deflated": How(),
    "stored": How(method=zipfile.ZIP_STORED),
    "streamed": How(streamed=True),
    "large": How(wide=True),
    "commented": How(comment=b"made at night"),
    "from a Mac": How(beside={"__MACOSX/._students.xml": b"\0" * 400_000, ".DS_Store": b"x"}),
}


def both(xml: str, folder: Path) -> tuple[Refined, Refined]:
    """What becomes of a document, dropped by itself and in a zip."""
    (folder / "plain").mkdir()
    return refined(xml, folder / "plain"), refined(zipped(xml), folder)


def alike(one: Refined, other: Refined) -> bool:
    """Whether both say the same of their records."""
    said = [(r.counts, r.profile, r.findings, r.fatal, r.schema, r.rules) for r in (one, other)]
    return said[0] == said[1]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_sent_is_the_xml_in_the_zip(tmp_path: Path, way: str) -> None:
    archive = zipped(PLAIN, how=WAYS[way])
    found = refined(archive, tmp_path)
    assert found.fatal is None
    assert found.counts == Counts(total=3, delivered=3)
    assert found.size == len(archive)
    assert found.sha256 == hashlib.sha256(archive).hexdigest()
    assert found.content_sha256 == found.content == hashlib.sha256(PLAIN.encode()).hexdigest()
    assert sent(found) == PLAIN.encode()
    assert found.bundle is not None
    assert found.bundle.entry == "students.F1.xml"


def test_the_zip_that_is_sent_is_the_same_as_if_the_xml_had_been_dropped(tmp_path: Path) -> None:
    plain, packed = both(PLAIN, tmp_path)
    assert alike(plain, packed)
    assert plain.content == packed.content
    assert plain.content_sha256 is None
    assert plain.bundle is not None
    assert packed.bundle is not None
    assert plain.bundle.sha256 == packed.bundle.sha256


def test_our_zip_never_stands_for_the_one_that_was_dropped(tmp_path: Path) -> None:
    plain, packed = both(PLAIN, tmp_path)
    assert plain.bundle is not None
    assert plain.bundle.identical
    assert packed.bundle is not None
    assert not packed.bundle.identical


def test_a_byte_order_mark_inside_is_removed(tmp_path: Path) -> None:
    found = refined(zipped(b"\xef\xbb\xbf" + PLAIN.encode()), tmp_path)
    assert sent(found) == PLAIN.encode()


def test_places_and_cuts_are_those_in_the_xml(tmp_path: Path) -> None:
    xml = MIXED.replace(' total_record_count="3"', "")
    plain, packed = both(xml, tmp_path)
    assert alike(plain, packed)
    assert packed.counts == Counts(total=3, delivered=2, left_out=1)
    (example,) = finding(packed, "schema.invalid").examples
    assert xml.splitlines()[example.line - 1].strip() in BAD
    assert sent(packed) == xml.replace(BAD.strip(), "").encode()


def test_a_count_that_is_no_longer_true_is_corrected(tmp_path: Path) -> None:
    """The root stands before what is left out, so the zip is read a second time."""
    plain, packed = both(MIXED, tmp_path)
    assert sent(packed) == sent(plain)
    assert b'total_record_count="2"' in sent(packed)
    assert BAD.encode() not in sent(packed)


def test_the_second_read_is_of_a_large_file_too(tmp_path: Path) -> None:
    people = patrons(2_000)
    records = [user(person) for person in people]
    records[1_000] = user(replace(people[1_000], expiry="31/05/2030"))
    xml = users(*records, attributes=' total_record_count="2000"')
    assert len(xml) > 1 << 20
    plain, packed = both(xml, tmp_path)
    assert packed.counts.left_out == 1
    assert sent(packed) == sent(plain)


@pytest.mark.parametrize(
    "xml",
    [
        PLAIN.replace("Testperson2", "A & B"),
        PLAIN.replace("Testperson2", "A\x01B"),
        PLAIN[: len(PLAIN) // 2],
        PLAIN + "\n" * 600_000 + "<",
        "<library/>",
        "<users/>",
        "",
        "one;two\n",
        "<!DOCTYPE users><users/>",
    ],
)
def test_a_fault_in_the_xml_is_found_in_its_place(tmp_path: Path, xml: str) -> None:
    plain, packed = both(xml, tmp_path)
    assert plain.fatal is not None
    assert alike(plain, packed)
    assert packed.bundle is None
    assert packed.content == plain.sha256


def test_a_record_beyond_the_limit_is_found_in_a_zip(tmp_path: Path) -> None:
    found = refined(zipped(PLAIN), tmp_path, limits=replace(LIMITS, max_record_size=100))
    assert found.fatal is not None
    assert found.fatal.rule == "xml.record-too-large"
    assert found.fatal.offset == PLAIN.index("<user>")


REFUSED: dict[str, tuple[bytes, str, str]] = {
    "half of it": (zipped(PLAIN)[:200], "zip.unreadable", "damaged"),
    "wrong checksum": (with_checksum(zipped(PLAIN), 1), "zip.unreadable", "damaged"),
    "wrong size": (with_sizes(zipped(PLAIN), len(PLAIN) - 9), "zip.unreadable", "damaged"),
    "password": (with_flags(zipped(PLAIN), 1), "zip.unreadable", "password"),
    "bzip2": (zipped(PLAIN, how=How(method=zipfile.ZIP_BZIP2)), "zip.unreadable", "deflate"),
    "lzma": (zipped(PLAIN, how=How(method=zipfile.ZIP_LZMA)), "zip.unreadable", "deflate"),
    "deflate64": (with_method(zipped(PLAIN), 9), "zip.unreadable", "deflate"),
    "nothing": (b"PK\x05\x06" + bytes(18), "zip.not-one-file", "no file"),
    "two": (bare(2), "zip.not-one-file", "2 files"),
    "a crowd": (bare(5_000), "zip.not-one-file", "too many"),
    "zip in a zip": (zipped(zipped(PLAIN)), "zip.not-one-file", "another zip"),
    "zip in a stored zip": (
        zipped(zipped(PLAIN), how=How(method=zipfile.ZIP_STORED)), "zip.not-one-file", "another",
    ),
    "bomb": (zipped(" " * (20 << 20)), "zip.too-large", "swells"),
    "too large": (zipped(PLAIN * 40), "zip.too-large", "larger than the service takes"),
    "too large, it says": (with_sizes(zipped(PLAIN), 1 << 30), "zip.too-large", "larger than"),
}  # fmt: skip
FEW = Limits(max_file_size=24 << 20, max_record_size=4 << 20)


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_zip_of_one_file_is_refused_with_a_word_on_what_to_do(
    tmp_path: Path, what: str
) -> None:
    archive, rule, words = REFUSED[what]
    limits = replace(FEW, max_file_size=len(PLAIN) * 30) if "too large" in what else FEW
    fatal = refused(archive, tmp_path, limits)
    assert fatal.rule == rule
    assert words in fatal.message
    assert fatal.hint
    assert fatal.reason == rule.replace(".", "_").replace("-", "_")


def refused(archive: bytes, folder: Path, limits: Limits) -> Fatal:
    """Why a zip is refused; nothing is left of it, and its digest is that of its bytes."""
    found = refined(archive, folder, limits=limits)
    assert found.fatal is not None
    assert found.fatal.rule in {rule.id for rule in fatal_rules()}
    assert (found.counts, found.bundle) == (Counts(), None)
    assert found.sha256 == hashlib.sha256(archive).hexdigest()
    assert [path.name for path in folder.iterdir()] == ["work"]
    return found.fatal


def test_a_damaged_zip_is_the_cause_of_whatever_its_xml_looks_like(tmp_path: Path) -> None:
    archive = bytearray(zipped(PLAIN, how=How(method=zipfile.ZIP_STORED)))
    archive[archive.index(b"<primary_id>")] = ord("x")
    assert refused(bytes(archive), tmp_path, LIMITS).rule == "zip.unreadable"


def test_the_name_says_nothing(tmp_path: Path) -> None:
    for name in ("students.xml", "students.zip"):
        for content in (PLAIN.encode(), zipped(PLAIN)):
            (tmp_path / "work").write_bytes(content)
            found = refine(
                tmp_path / "work", None, "F1", name, tmp_path, checker(), LIMITS, lambda _: None
            )
            assert isinstance(found, Refined)
            assert sent(found) == PLAIN.encode()


@pytest.mark.parametrize("xml", [MIXED, MIXED + "<", PLAIN])
@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"PK\x03\x04 and so on"),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"more"),
        lambda path: path.write_bytes(zipped("<users/>")),
    ],
)
def test_a_zip_that_changes_while_it_is_read_must_settle_again(
    tmp_path: Path, change: Callable[[Path], object], xml: str
) -> None:
    path = tmp_path / "work"
    path.write_bytes(zipped(xml))

    def meddle(_: int) -> None:
        change(path)

    found = refine(path, None, "F1", "students.zip", tmp_path, checker(), LIMITS, meddle)
    assert isinstance(found, StillChanging)
    assert [left.name for left in tmp_path.iterdir()] == ["work"]
