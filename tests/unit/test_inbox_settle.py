"""Note on the hostile inputs below: nothing here is timed.

They are as large as what is really read (64 KiB at each end). A regular expression that tries the
same bytes again and again would need minutes for one of them, so that the suite would hang.
"""

import zipfile

import pytest

from sisdrop.inbox.settle import (
    HEAD_BYTES,
    TAIL_BYTES,
    Look,
    Shape,
    Standing,
    due_in,
    is_quiet,
    judge_shape,
    observe,
    standing,
)
from sisdrop.model import Signature
from support.zips import How, zipped

SEEN = Signature(100, 1, 7)
SETTLE = 30.0
PATIENCE = 7200.0


def looked(looks: int = 2, shape: Shape | None = Shape.COMPLETE, since: float = 1000.0) -> Look:
    return Look(SEEN, since, looks, shape)


# Looks.


def test_the_first_look_starts_the_count() -> None:
    assert observe(None, SEEN, 1000.0) == Look(SEEN, 1000.0, 1)


def test_a_file_that_stands_still_keeps_its_moment_and_its_shape() -> None:
    again = observe(looked(), SEEN, 1005.0)
    assert again == Look(SEEN, 1000.0, 3, Shape.COMPLETE)


@pytest.mark.parametrize(
    "changed",
    [Signature(101, 1, 7), Signature(99, 1, 7), Signature(100, 2, 7), Signature(100, 1, 8)],
    ids=["grown", "shrunk", "touched", "replaced by another of the same name"],
)
def test_any_change_starts_the_count_anew(changed: Signature) -> None:
    assert observe(looked(9), changed, 1005.0) == Look(changed, 1005.0, 1)


def test_an_mtime_of_long_ago_says_nothing() -> None:
    old = observe(None, Signature(100, 0, 7), 1000.0)
    assert not is_quiet(observe(old, Signature(100, 0, 7), 1001.0), 1001.0, SETTLE)


@pytest.mark.parametrize(
    ("looks", "now", "quiet"),
    [
        (2, 1029.9, False),
        (2, 1030.0, True),
        (1, 1030.0, False),
        (1, 99_999.0, False),
        (2, 1000.0, False),
    ],
)
def test_quiet_takes_the_time_and_two_looks(looks: int, now: float, quiet: bool) -> None:
    assert is_quiet(looked(looks), now, SETTLE) is quiet


def test_a_second_look_at_once_is_enough_where_no_time_is_asked_for() -> None:
    assert is_quiet(looked(2), 1000.0, 0.0)


# Standing.


@pytest.mark.parametrize(
    ("shape", "now", "expected"),
    [
        (Shape.COMPLETE, 1029.9, Standing.CHANGING),
        (Shape.COMPLETE, 1030.0, Standing.READY),
        (Shape.CONDEMNED, 1029.9, Standing.CHANGING),
        (Shape.CONDEMNED, 1030.0, Standing.READY),
        (Shape.INCOMPLETE, 1029.9, Standing.CHANGING),
        (Shape.INCOMPLETE, 1030.0, Standing.INCOMPLETE),
        (Shape.INCOMPLETE, 1000.0 + PATIENCE - 0.1, Standing.INCOMPLETE),
        (Shape.INCOMPLETE, 1000.0 + PATIENCE, Standing.READY),
        (None, 1030.0, Standing.CHANGING),
        (None, 1000.0 + PATIENCE, Standing.CHANGING),
    ],
)
def test_what_may_be_done_with_a_file(shape: Shape | None, now: float, expected: Standing) -> None:
    assert standing(looked(shape=shape), now, SETTLE, PATIENCE) is expected


def test_one_look_is_never_enough_to_take_a_file() -> None:
    assert standing(looked(1), 99_999.0, SETTLE, PATIENCE) is Standing.CHANGING


@pytest.mark.parametrize(("now", "due"), [(1000.0, 30.0), (1010.0, 20.0), (1030.0, 0.0), (9e9, 0)])
def test_the_next_moment_worth_a_look_is_known(now: float, due: float) -> None:
    assert due_in(looked(), now, SETTLE) == due


# Shapes.

DECLARED = b'<?xml version="1.0" encoding="UTF-8"?>\n'
GOOD = DECLARED + b"<users>\n<user/>\n</users>"
# Another zip lies in it as it is.
_STORED = zipped(zipped(GOOD), how=How(method=zipfile.ZIP_STORED))

COMPLETE = {
    "plain": GOOD,
    "newline at the end": GOOD + b"\r\n",
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "no declaration": b"<users><user/></users>",
    "blank lines first": b"\n\n  <users></users>",
    "attributes": b'<users xmlns:xsi="http://example.org" total_record_count="0"></users >',
    "attribute with a bracket": b"<users a='>' b=\"</\"></users>",
    "self-closing": b"<users/>",
    "self-closing with attributes": DECLARED + b"<users a='/>'  />\n",
    "comment and instruction first": DECLARED + b"<!-- <x> --><?sort by='id'?><users></users>",
    "comment after": GOOD + b"\n<!-- exported 2026 -->\n",
    "comments and instructions after": GOOD + b"<!--a--> <?b c?>\n<!--d--><?e?>",
    "comment with an end tag after": GOOD + b"<!-- </userx> -->",
    "instruction with an arrow after": GOOD + b"<?x --><!-- ?>",
    "longer than what is read": GOOD.replace(b"<user/>", b"<user/>" * 30_000),
    "zip": zipped(GOOD),
    "zip with a comment": zipped(GOOD, how=How(comment=b"made at night")),
    "zip with the longest comment": zipped(GOOD, how=How(comment=b"x" * 65535)),
    "zip whose comment speaks of its end": zipped(GOOD, how=How(comment=b"PK\x05\x06" * 9)),
    "zip as archivers stream it": zipped(GOOD, how=How(streamed=True)),
    "zip of nothing": b"PK\x05\x06" + b"\0" * 18,
}
CONDEMNED = {
    "empty": b"",
    "blank": b" \n\t\r\n",
    "byte order mark alone": b"\xef\xbb\xbf",
    "text": b"primary_id;last_name\n1;Mouse\n",
    "two bytes a character": "<users></users>".encode("utf-16"),
    "two bytes a character, little end first, unmarked": "<users>".encode("utf-16-le"),
    "two bytes a character, big end first, unmarked": "<users>".encode("utf-16-be"),
    "old root": b"<userRecords></userRecords>",
    "foreign root": DECLARED + b"<enterprise>\n",
    "foreign root, begun": DECLARED + b"<enterprise xmlns='http",
    "root with a prefix": b"<a:users xmlns:a='x'></a:users>",
    "document type": DECLARED + b"<!DOCTYPE users [<!ENTITY a 'b'>]><users></users>",
    "picture": b"\x89PNG\r\n\x1a\n",
}
INCOMPLETE = {
    "no end": DECLARED + b"<users>\n<user>",
    "end of a record": DECLARED + b"<users><user></user>",
    "half an end tag": GOOD[:-1],
    "half a root": DECLARED + b"<users total_record",
    "half a root's name": DECLARED + b"<use",
    "half a declaration": b'<?xml version="1.0"',
    "declaration alone": DECLARED,
    "comment that is not over": DECLARED + b"<!-- students of autumn",
    "comment after that is not over": GOOD + b"<!-- exported",
    "comment closed but never begun": b"<users><user></user> -->",
    "instruction closed but never begun": b"<users><user></user> ?>",
    "zip without its directory": b"PK\x03\x04" + b"x" * 100,
    "zip that has its end, and more": zipped(GOOD) + b"x",
    "zip in which another ends": _STORED[: _STORED.index(b"PK\x05\x06") + 30],
    "zip and the room that was reserved for it": zipped(GOOD) + b"\0" * 1000,
    "room that nothing was written to": b"\0" * 1000,
    "room behind what was written": DECLARED + b"<users><user/>" + b"\0" * 1000,
    "more blanks than are read, then a root": b" " * HEAD_BYTES + b"<users><user>",
}


def test_no_beginning_of_a_zip_passes_as_the_whole() -> None:
    for comment in (b"", b"PK\x05\x06 " * 20):
        whole = zipped(GOOD, how=How(comment=comment))
        for end in range(4, len(whole)):
            assert shape_of(whole[:end]) is Shape.INCOMPLETE


def shape_of(document: bytes) -> Shape:
    return judge_shape(document[:HEAD_BYTES], document[-TAIL_BYTES:])


@pytest.mark.parametrize("name", COMPLETE)
def test_a_file_that_ends_with_its_roots_end_tag_is_complete(name: str) -> None:
    assert shape_of(COMPLETE[name]) is Shape.COMPLETE


@pytest.mark.parametrize("name", CONDEMNED)
def test_a_file_that_cannot_become_good_is_not_waited_for(name: str) -> None:
    assert shape_of(CONDEMNED[name]) is Shape.CONDEMNED


@pytest.mark.parametrize("name", INCOMPLETE)
def test_a_file_that_begins_well_is_waited_for(name: str) -> None:
    assert shape_of(INCOMPLETE[name]) is Shape.INCOMPLETE


def test_no_beginning_of_a_good_file_passes_as_the_whole() -> None:
    for end in range(len(DECLARED), len(GOOD)):
        assert shape_of(GOOD[:end]) is Shape.INCOMPLETE


def test_a_root_behind_a_long_comment_is_judged_by_the_tail_alone() -> None:
    comment = b"<!--" + b"x" * HEAD_BYTES + b"-->"
    assert shape_of(comment + b"<users></users>") is Shape.COMPLETE
    assert shape_of(comment + b"<users><user>") is Shape.INCOMPLETE


# See the note at the top.
HOSTILE = {
    "blanks": b" ",
    "angle brackets": b"<",
    "a name without an end": b"<" + b"a" * (HEAD_BYTES - 1),
    "a root's name without an end": b"<users" + b"s" * (HEAD_BYTES - 6),
    "blanks in a root": b"<users ",
    "quotes in a root": b"<users " + b'"' * (HEAD_BYTES - 7),
    "pairs of quotes in a root": b"<users " + b"''\"\"" * (HEAD_BYTES // 4),
    "slashes in a root": b"<users " + b"/" * (HEAD_BYTES - 7),
    "mixed quotes": b"<\"'",
    "comments begun": b"<!--",
    "comments": b"<!---->",
    "comments end": b"-->",
    "instructions begun": b"<?",
    "instructions": b"<??>",
    "instructions end": b"?>",
    "end tags begun": b"</",
    "end tags": b"</a>",
    "an end tag without an end": b"</" + b"a" * (HEAD_BYTES - 2),
    "an end tag with blanks": b"</users" + b" " * (HEAD_BYTES - 7),
    "blanks and comments": b" <!-- --> ",
    "zeros": b"\0",
    "byte order marks": b"\xef\xbb\xbf",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_input_makes_the_judgement_slow(name: str) -> None:
    part = HOSTILE[name]
    text = (part * (HEAD_BYTES // len(part) + 1))[:HEAD_BYTES]
    for head, tail in ((text, text), (GOOD, text), (text, GOOD), (b"<users " + text, text[1:])):
        assert judge_shape(head[:HEAD_BYTES], tail[-TAIL_BYTES:]) in Shape
