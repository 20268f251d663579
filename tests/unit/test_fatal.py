from pathlib import Path

import pytest

from sisdrop.model import Excerpt, Fatal
from sisdrop.records.refine import Limits
from support.refining import LIMITS, refined
from support.xml import Patron, patrons, user, users

PLAIN = users(*(user(person) for person in patrons(3)))


def fatal(document: bytes | str, folder: Path, limits: Limits = LIMITS) -> Fatal:
    found = refined(document, folder, limits=limits)
    assert found.fatal is not None
    assert found.bundle is None
    assert found.findings == ()
    assert [path.name for path in folder.iterdir()] == ["work"]
    return found.fatal


@pytest.mark.parametrize(
    ("document", "rule", "place", "offending"),
    [
        (b"", "xml.empty", (1, 1, 0), ""),
        (b" \n\t\n", "xml.empty", (1, 1, 0), "20"),
        (b"\xef\xbb\xbf", "xml.empty", (1, 1, 0), "efbbbf"),
        ("<users/>".encode("utf-16"), "xml.encoding", (1, 1, 0), "ff"),
        (b"<?xml version='1.0' encoding='latin1'?><users/>", "xml.encoding", (1, 31, 30), "6c"),
        (b"<users>\n<user>\xe9t\xe9</user></users>", "xml.encoding", (2, 7, 14), "e9"),
        (b"<users><user>\x1a</user></users>", "xml.control-character", (1, 14, 13), "1a"),
        (b"<users><user>\x00</user></users>", "xml.control-character", (1, 14, 13), "00"),
        (b"<users><user a='\x01'/></users>", "xml.control-character", (1, 17, 16), "01"),
        (b"<users><!-- \x02 --></users>", "xml.control-character", (1, 13, 12), "02"),
        (b"<users><user/></users>\x00", "xml.control-character", (1, 23, 22), "00"),
        (b"<users><user>&#26;</user></users>", "xml.control-character", (1, 14, 13), "26"),
        (b"<users><user>\xef\xbf\xbf</user></users>", "xml.control-character", (1, 14, 13),
         "efbfbf"),
        (b"<!DOCTYPE users><users/>", "xml.forbidden-construct", (1, 1, 0), "3c"),
        (b"\n<!DOCTYPE html><html/>", "xml.forbidden-construct", (2, 1, 1), "3c"),
        (b"<users><!ENTITY a 'b'></users>", "xml.forbidden-construct", (1, 8, 7), "3c"),
        (b"<users><user><!DOCTYPE a></user></users>", "xml.forbidden-construct", (1, 14, 13),
         "3c"),
        (b"<userRecords/>", "xml.wrong-root", (1, 1, 0), "3c"),
        (b"<!-- x -->\n<Users/>", "xml.wrong-root", (2, 1, 11), "3c"),
        (b"<users xmlns='urn:x'/>", "xml.wrong-root", (1, 1, 0), "3c"),
        (b"<x:users xmlns:x='urn:x'/>", "xml.wrong-root", (1, 1, 0), "3c"),
        (b"hello", "xml.not-well-formed", (1, 1, 0), "68"),
        (b"PK\x03\x04 and so on", "zip.unreadable", (1, 1, 0), ""),
        (b"\n<?xml version='1.0'?><users/>", "xml.not-well-formed", (2, 1, 1), "3c"),
        (b"<users><user/></users>\n<users/>", "xml.not-well-formed", (2, 1, 23), "3c"),
        (b"<users><user/></users> junk", "xml.not-well-formed", (1, 24, 23), "6a"),
        (b"<users><user>A & B</user></users>", "xml.not-well-formed", (1, 16, 15), "26"),
        (b"<users><user>AT&T</user></users>", "xml.not-well-formed", (1, 16, 15), "26"),
        (b"<users><user>a < b</user></users>", "xml.not-well-formed", (1, 16, 15), "3c"),
        (b"<users><user>&nbsp;</user></users>", "xml.not-well-formed", (1, 14, 13), "26"),
        (b"<users><user><a></b></user></users>", "xml.not-well-formed", (1, 17, 16), "3c"),
        (b"<users><user></users>", "xml.not-well-formed", (1, 14, 13), "3c"),
        (b"<users><user/></user></users>", "xml.not-well-formed", (1, 15, 14), "3c"),
        (b"<users><user a='1' a='2'/></users>", "xml.not-well-formed", (1, 20, 19), "61"),
        (b"<users><user><x:y/></user></users>", "xml.not-well-formed", (1, 14, 13), "3c"),
        (b"<users><user a=1/></users>", "xml.not-well-formed", (1, 16, 15), "31"),
        (b"<users><!-- <user/></users>", "xml.not-well-formed", (1, 8, 7), "3c"),
        (b"<users><user/>", "xml.truncated", (1, 15, 14), ""),
        (b"<users>\n<user/>\n<user><a>x", "xml.truncated", (3, 11, 26), ""),
        (b"<users><user>\xe2\x82", "xml.truncated", (1, 15, 15), ""),
        (b"<users><user a='", "xml.truncated", (1, 17, 16), ""),
        (b"<?xml version='1.0'?>", "xml.truncated", (1, 22, 21), ""),
        (b"<users/>", "xml.no-records", (1, 1, 0), "3c"),
        (b"<users>\n <!-- nobody -->\n</users>", "xml.no-records", (1, 1, 0), "3c"),
    ],
)  # fmt: skip
def test_each_fatal_fault_is_named_with_its_exact_place(
    tmp_path: Path, document: bytes, rule: str, place: tuple[int, int, int], offending: str
) -> None:
    found = fatal(document, tmp_path)
    assert found.rule == rule
    assert (found.line, found.column, found.offset) == place
    assert found.bytes_hex == offending
    assert found.message.endswith(".")
    assert found.hint.endswith(".")


def test_the_place_is_exact_far_into_a_file(tmp_path: Path) -> None:
    document = users(*(user(person) for person in patrons(2000))).encode()
    at = document.index(b"Testperson1900<")
    found = fatal(document[:at] + b"&" + document[at:], tmp_path)
    assert (found.rule, found.offset, found.bytes_hex) == ("xml.not-well-formed", at, "26")
    assert found.line == document[:at].count(b"\n") + 1
    assert found.column == at - document.rindex(b"\n", 0, at)


def test_the_offset_counts_the_byte_order_mark_and_the_column_does_not(tmp_path: Path) -> None:
    found = fatal(b"\xef\xbb\xbf<users><user>&</user></users>", tmp_path)
    assert (found.column, found.offset) == (14, 16)


def test_of_two_faults_the_earlier_one_is_named(tmp_path: Path) -> None:
    assert fatal(b"<users><user>&</user>\xe9</users>", tmp_path).rule == "xml.not-well-formed"
    assert fatal(b"<users><user>\xe9 &</user></users>", tmp_path).rule == "xml.encoding"


def test_a_forgotten_end_tag_is_named_with_its_record(tmp_path: Path) -> None:
    document = PLAIN.replace("</user>\n  <user>", "\n  <user>", 1)
    found = fatal(document, tmp_path)
    assert found.rule == "xml.not-well-formed"
    assert found.message.startswith("Record 1 at line 3 has no </user>")
    assert "another <user> begins inside it" in found.message
    assert found.offset == document.encode().index(b"<user>", document.index("<user>") + 1)


def test_a_wrong_end_tag_before_a_forgotten_one_is_named_first(tmp_path: Path) -> None:
    document = PLAIN.replace("</user>\n  <user>", "\n  <user>", 1)
    wrong = document.replace("</primary_id>", "</primaryid>", 1)
    assert fatal(wrong, tmp_path).offset == wrong.index("</primaryid>")


def test_a_truncated_file_says_which_record_is_complete(tmp_path: Path) -> None:
    cut = PLAIN.rindex("<last_name>")
    found = fatal(PLAIN[:cut], tmp_path)
    assert found.rule == "xml.truncated"
    assert found.message.startswith("The file ends inside record 3, which begins at line")
    assert found.message.endswith("; record 2 is complete.")
    assert found.offset == cut


@pytest.mark.parametrize(
    ("before", "record"),
    [
        (b"<users>", None),
        (b"<users><user>", 1),
        (b"<users><user/><user><a>", 2),
        (b"<users><user/><user></user>\n", None),
        (b"<users><!-- <user> --><user><![CDATA[</user>]]>", 1),
        (b"<users>" + b"<user/>" * 5000 + b"<user>", 5001),
        (b"", None),
    ],
)
def test_the_record_in_which_a_fault_stands_is_counted(
    tmp_path: Path, before: bytes, record: int | None
) -> None:
    assert fatal(before + b"\xe9</user></users>", tmp_path).record == record


def test_an_oversized_record_and_a_cut_one_are_counted_too(tmp_path: Path) -> None:
    large = users(user(), user(Patron(primary_id="T2", extra=f"<note>{'x' * 9000}</note>")))
    assert fatal(large, tmp_path, Limits(1 << 30, 8000)).record == 2
    assert fatal(PLAIN[: PLAIN.rindex("<last_name>")], tmp_path).record == 3


def test_the_text_around_a_fault_is_kept_for_the_report(tmp_path: Path) -> None:
    found = fatal(users(user(Patron(last_name="Testé"))).encode("cp1252"), tmp_path)
    assert found.excerpt == Excerpt("<last_name>Test", r"\xe9", "</last_name>")
    assert "Test" not in repr(found)


def test_windows_1252_is_recognised_and_the_character_named(tmp_path: Path) -> None:
    found = fatal(users(user(Patron(last_name="Testé"))).encode("cp1252"), tmp_path)
    assert "Windows-1252, where this byte is \u201cé\u201d" in found.message


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("userRecords", "old format (V1)"),
        ("enterprise", "IMS Enterprise"),
        ("Report_Data", "Workday"),
        ("Envelope", "PeopleSoft"),
        ("feed", "news feed"),
        ("html", "web page"),
        ("user", "single record"),
        ("Users", "wrong case"),
        ("T000123", "not <users>"),
    ],
)
def test_a_foreign_root_is_called_by_what_it_is(tmp_path: Path, root: str, words: str) -> None:
    found = fatal(f"<{root}><a/></{root}>", tmp_path)
    assert words in found.message
    assert "T000123" not in found.message + found.hint


def test_a_file_beyond_the_limit_is_not_looked_into(tmp_path: Path) -> None:
    found = fatal(PLAIN, tmp_path, Limits(max_file_size=100, max_record_size=1 << 20))
    assert found.rule == "xml.too-large"


def test_a_record_beyond_the_limit_is_named_by_where_it_begins(tmp_path: Path) -> None:
    document = users(user(), user(Patron(primary_id="T2", extra=f"<note>{'x' * 9000}</note>")))
    found = fatal(document, tmp_path, Limits(1 << 30, 8000))
    assert found.rule == "xml.record-too-large"
    assert found.offset == document.rindex("<user>")


def test_an_unclosed_comment_is_not_mistaken_for_a_large_record(tmp_path: Path) -> None:
    document = users(user(), "<user><!-- " + "x" * 9000 + "</user>")
    found = fatal(document, tmp_path, Limits(1 << 30, 8000))
    assert (found.rule, found.offset) == ("xml.not-well-formed", document.index("<!-- "))


def test_a_forgotten_end_tag_is_found_behind_a_large_record(tmp_path: Path) -> None:
    document = users(*(user(person) for person in patrons(20)))
    found = fatal(document.replace("</user>\n", "\n", 1), tmp_path, Limits(1 << 30, 8000))
    assert found.rule == "xml.not-well-formed"
    assert "has no </user>: another <user> begins" in found.message


def test_a_text_of_more_than_ten_megabytes_is_too_large_a_record(tmp_path: Path) -> None:
    document = users(user(), user(Patron(extra=f"<note>{'x' * 10_000_100}</note>")))
    found = fatal(document, tmp_path, Limits(1 << 30, 1 << 30))
    assert found.rule == "xml.record-too-large"
    assert found.offset == document.rindex("<user>")


def test_even_a_condemned_file_is_hashed_to_its_end(tmp_path: Path) -> None:
    document = b"&" + b"x" * 1_000_000
    found = refined(document, tmp_path)
    assert found.size == len(document)
    assert len(found.sha256) == 64
    assert found.sha256 != refined(document + b"x", tmp_path).sha256
