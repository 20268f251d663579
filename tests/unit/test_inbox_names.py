import os
from pathlib import PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sisdrop.inbox.names import display, is_ignored, matches, share_name
from support.rows import file_id

ID = file_id()
# What a Linux share can hold: any bytes but the slash and zero.
RAW = st.binary(min_size=1, max_size=255).map(
    lambda raw: os.fsdecode(raw.replace(b"/", b"_").replace(b"\0", b"_"))
)

IGNORED = [
    ".students.xml",
    ".STATUS.html.tmp",
    "~$students.xml",
    "students.xml.tmp",
    "students.xml.TMP",
    "students.xml.part",
    "students.xml.filepart",
    "students.xml.crdownload",
    "Thumbs.db",
    "thumbs.db",
    "desktop.ini",
    "DESKTOP.INI",
    "STATUS.html",
    "status.HTML",
    "README.txt",
    "readme.txt",
]
SEEN = [
    "students.xml",
    "~students.xml",
    "$students.xml",
    "tmp",
    "students.tmp.xml",
    "-rf.xml",
    "a\nb.xml",
    "README",
    "old STATUS.html",
    "thumbs.db.xml",
    " .xml",
]


@pytest.mark.parametrize("name", IGNORED)
def test_hidden_temporary_and_system_files_and_our_own_are_ignored(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize("name", SEEN)
def test_everything_else_is_seen(name: str) -> None:
    assert not is_ignored(name)


@pytest.mark.parametrize(
    ("name", "patterns", "expected"),
    [
        ("students.xml", ["*.xml"], True),
        ("STUDENTS.XML", ["*.xml"], True),
        ("students.xml", ["*.XML"], True),
        ("students.xml", ["staff*", "stud*"], True),
        ("students.xml", [], False),
        ("students.xml", ["student.xml"], False),
        ("students.xml.bak", ["*.xml"], False),
        ("a\nb.xml", ["*.xml"], True),
        ("a.xml\n", ["*.xml"], False),
        (os.fsdecode(b"\xff\xfe.xml"), ["*.xml"], True),
        ("[1].xml", ["[[]1].xml"], True),
        ("STRASSE.xml", ["straße.xml"], True),
        (".xml", ["*.xml"], True),
    ],
)
def test_patterns_match_whole_names_without_regard_to_case(
    name: str, patterns: list[str], expected: bool
) -> None:
    assert matches(name, patterns) is expected


def test_a_long_name_against_many_stars_is_judged() -> None:
    """Not timed: a match that tries again and again would hang here."""
    assert not matches("a" * 255, ["*a" * 60 + "b"])


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"students.xml", "students.xml"),
        ("Größe.xml".encode(), "Größe.xml"),
        (b"Gr\xf6\xdfe.xml", "Gr\\xf6\\xdfe.xml"),
        (b"a\nb.xml", "a\nb.xml"),
        (b"\xed\xb2\x80.xml", "\\xed\\xb2\\x80.xml"),
    ],
)
def test_a_name_is_shown_as_text_with_odd_bytes_in_hexadecimal(raw: bytes, shown: str) -> None:
    assert display(os.fsdecode(raw)) == shown


@settings(deadline=None)
@given(name=RAW)
def test_every_name_can_be_stored_as_text(name: str) -> None:
    assert display(name).encode().decode() == display(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("students.xml", f"students.{ID}.xml"),
        ("STUDENTS.XML", f"STUDENTS.{ID}.XML"),
        ("students", f"students.{ID}"),
        ("students.2026.xml", f"students.2026.{ID}.xml"),
        ("a\nb\tc.xml", f"a_b_c.{ID}.xml"),
        ('a"b<c>d:e|f?g*h\\i.xml', f"a_b_c_d_e_f_g_h_i.{ID}.xml"),
        ("-rf.xml", f"_-rf.{ID}.xml"),
        ("con.xml", f"_con.{ID}.xml"),
        ("NUL.students.xml", f"_NUL.students.{ID}.xml"),
        ("com1.xml", f"_com1.{ID}.xml"),
        ("COM¹.xml", f"_COM¹.{ID}.xml"),
        ("aux .xml", f"_aux.{ID}.xml"),
        ("con .old.xml", f"_con .old.{ID}.xml"),
        ("console.xml", f"console.{ID}.xml"),
        ("com10.xml", f"com10.{ID}.xml"),
        (" students .xml", f"students.{ID}.xml"),
        ("...xml", f"file.{ID}.xml"),
        (" . .xml", f"file.{ID}.xml"),
        ("students.xml ", f"students.{ID}.xml"),
        ("students. ", f"students.{ID}"),
        (os.fsdecode(b"\xff.xml"), f"_.{ID}.xml"),
        ("students." + "x" * 100, f"students.{ID}." + "x" * 15),
    ],
)
def test_a_name_on_the_share_is_safe_and_carries_the_id(name: str, expected: str) -> None:
    assert share_name(name, ID) == expected


def test_the_ending_may_be_given() -> None:
    assert share_name("students.xml", ID, ".report.html") == f"students.{ID}.report.html"


@pytest.mark.parametrize("letter", ["a", "é", "€", "🎓"])
@pytest.mark.parametrize("suffix", [None, ".report.html"])
def test_a_long_stem_is_shortened_to_what_a_share_can_hold(letter: str, suffix: str | None) -> None:
    name = share_name(letter * 255 + ".xml", ID, suffix)
    assert 250 <= len(name.encode()) <= 255
    assert name.endswith(f".{ID}{suffix or '.xml'}")


@settings(deadline=None)
@given(name=RAW, suffix=st.sampled_from([None, ".html", ".report.html"]))
def test_every_name_becomes_one_that_every_system_takes(name: str, suffix: str | None) -> None:
    for given_name in (name, display(name)):
        made = share_name(given_name, ID, suffix)
        assert len(made.encode()) <= 255
        assert PurePath(made).name == made
        assert f".{ID}" in made
        assert not set(made) & set('<>:"/\\|?*')
        assert all(ord(letter) >= 32 for letter in made)
        assert not made.startswith((".", "-", " "))
        assert not made.endswith((".", " "))


@settings(deadline=None)
@given(name=RAW)
def test_different_ids_never_share_a_name(name: str) -> None:
    assert share_name(name, file_id(0)) != share_name(name, file_id(1))
