import errno
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from sisdrop.errors import NeedsOperator, Reason
from sisdrop.roster import KEY as KEY_FILE
from sisdrop.roster import KEY_BYTES, Roster, RosterUnusable, RosterWriter, key_id, load_key
from support.breaking import power_cut, system_error
from support.rosters import KEY, OTHER_KEY, Person, digest, write

ANA = Person(7, frozenset({"last_name", "phone"}), "STAFF")
BEN = Person(8, frozenset({"last_name"}), "UNDERGRAD")
CAM = Person(9)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "roster.bin"


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def header(**changes: Any) -> bytes:
    """The first line of a roster of nobody."""
    right = {"format": "sisdrop-roster/1", "key": "", "people": 0, "fields": [], "groups": []}
    return json.dumps(right | changes).encode() + b"\n"


def whole(line: bytes, entries: bytes = b"") -> bytes:
    """A file whose checksum is right."""
    return line + entries + zlib.crc32(line + entries).to_bytes(4, "big")


# The file.


def test_an_entry_is_person_content_group_and_fields_in_the_order_of_persons(path: Path) -> None:
    write(path, {2: BEN, 1: ANA})
    entries = path.read_bytes().partition(b"\n")[2][:-4]
    ana = digest(1) + digest(7) + bytes([0, 1, 0, 0, 0, 0, 0, 0b101])
    ben = digest(2) + digest(8) + bytes([0, 2, 0, 0, 0, 0, 0, 0b001])
    assert entries == ana + ben


def test_the_first_line_names_fields_and_groups_and_the_key_by_its_id_alone(path: Path) -> None:
    write(path, {2: BEN, 1: ANA})
    line = path.read_bytes().partition(b"\n")[0]
    assert json.loads(line) == {
        "format": "sisdrop-roster/1",
        "key": key_id(KEY),
        "people": 2,
        "fields": ["last_name", "preferred_email", "phone"],
        "groups": ["", "STAFF", "UNDERGRAD"],
    }
    assert re.fullmatch("[0-9a-f]{16}", key_id(KEY))
    assert KEY not in path.read_bytes()


def test_it_is_for_its_owner_alone_and_leaves_nothing_beside_it(path: Path) -> None:
    write(path, {1: ANA})
    assert path.stat().st_mode & 0o777 == 0o600
    assert listing(path.parent) == ["roster.bin"]


def test_a_crash_leaves_the_old_roster(path: Path) -> None:
    old = write(path, {1: ANA}).read_bytes()
    with power_cut("os.fsync"):
        write(path, {2: BEN})
    assert path.read_bytes() == old


def test_a_full_disk_leaves_no_roster_and_no_litter(path: Path) -> None:
    with system_error("os.fsync", errno.ENOSPC), pytest.raises(OSError, match="No space"):
        write(path, {1: ANA})
    assert listing(path.parent) == []


def test_of_several_records_of_one_person_one_is_kept_whatever_their_order(path: Path) -> None:
    files = []
    for contents in ([digest(1), digest(2)], [digest(2), digest(1)]):
        writer = RosterWriter(KEY)
        writer.add_all([digest(5), digest(5)], contents, [0, 0])
        writer.finish(path, [], [""])
        files.append(path.read_bytes())
    assert files[0] == files[1]
    with Roster(path) as roster:
        assert len(roster) == 1


@pytest.mark.parametrize(("fields", "groups"), [(49, 1), (1, 65_537)])
def test_more_fields_or_groups_than_there_is_room_for_are_refused(
    path: Path, fields: int, groups: int
) -> None:
    with pytest.raises(ValueError, match="more fields or groups"):
        RosterWriter(KEY).finish(path, ["f"] * fields, ["g"] * groups)
    assert listing(path.parent) == []


def test_as_many_fields_and_groups_as_there_is_room_for_come_back(path: Path) -> None:
    fields = [f"field{n}" for n in range(48)]
    groups = [f"a code that nobody would ever type, number {n}" for n in range(65_536)]
    last = Person(0, frozenset({fields[-1]}), groups[-1])
    with Roster(write(path, {1: last}, fields=fields, groups=groups)) as roster:
        assert roster.fields == tuple(fields)
        ((_, _, word),) = roster
        assert (roster.named(word), roster.group(word)) == ([fields[-1]], groups[-1])


# Reading.


def test_what_was_written_is_read(path: Path) -> None:
    with Roster(write(path, {3: CAM, 1: ANA, 2: BEN})) as roster:
        assert len(roster) == 3
        assert [(p, c, roster.group(w), roster.named(w)) for p, c, w in roster] == [
            (digest(1), digest(7), "STAFF", ["last_name", "phone"]),
            (digest(2), digest(8), "UNDERGRAD", ["last_name"]),
            (digest(3), digest(9), "", []),
        ]


def test_a_roster_of_nobody_is_one(path: Path) -> None:
    with Roster(write(path, {})) as roster:
        assert (len(roster), list(roster), roster.find(digest(1))) == (0, [], None)


def test_a_person_is_found_and_nobody_else_is(path: Path) -> None:
    people = {number: Person(number) for number in range(10, 10_000, 10)}
    with Roster(write(path, people)) as roster:
        for number in people:
            assert roster.find(digest(number)) == (digest(number), digest(number), 0)
            assert roster.find(digest(number + 1)) is None
        assert roster.find(digest(0)) is None


def test_the_fields_of_a_person_are_told(path: Path) -> None:
    with Roster(write(path, {1: ANA, 3: CAM})) as roster:
        assert roster.fields_of(digest(1)) == {"last_name", "phone"}
        assert roster.fields_of(digest(2)) == roster.fields_of(digest(3)) == frozenset()


def test_a_number_that_no_group_has_is_no_group(path: Path) -> None:
    with Roster(write(path, {})) as roster:
        assert roster.group(3 << 48) == ""


def test_a_roster_shows_nothing_of_itself_but_its_size(path: Path) -> None:
    with Roster(write(path, {1: ANA})) as roster:
        assert repr(roster) == "<roster of 1 people>"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"PK\x03\x04",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b"null\n",
        b'"sisdrop-roster/1"\n',
        whole(b"{}\n"),
        whole(header(format="sisdrop-roster/2")),
        whole(header(people="0")),
        whole(header(people=-1)),
        whole(header(people=0.0)),
        whole(header(people=float("inf"))),
        whole(header(people=1)),
        whole(header(people=10**4000)),
        whole(header(key=None)),
        whole(header(fields="last_name")),
        whole(header(fields=[1])),
        whole(header(fields=["f"] * 49)),
        whole(header(groups=[None])),
        whole(header(), bytes(24)),
        whole(header(people=1), bytes(23)),
        header(),
        header() + bytes(4),
        whole(header()) + b"\n",
    ],
)
def test_what_is_no_whole_roster_of_this_version_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(RosterUnusable):
        Roster(path)


def test_the_invented_header_would_be_right_otherwise(path: Path) -> None:
    path.write_bytes(whole(header(people=1), bytes(24)))
    with Roster(path) as roster:
        assert len(roster) == 1


def test_a_roster_that_is_not_there_is_told_apart_from_a_damaged_one(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Roster(path)


# The key.


def test_the_key_is_made_once_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert load_key(tmp_path, lambda size: KEY[:size]) == KEY
    assert load_key(tmp_path, lambda size: OTHER_KEY[:size]) == KEY
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert len(KEY) == KEY_BYTES


def test_a_crash_leaves_no_half_key(tmp_path: Path) -> None:
    with power_cut("os.fsync"):
        load_key(tmp_path, lambda size: KEY[:size])
    assert load_key(tmp_path, lambda size: OTHER_KEY[:size]) == OTHER_KEY


@pytest.mark.parametrize("content", [b"", b"k" * 31, b"k" * 65])
def test_a_damaged_key_is_for_the_operator_and_is_never_replaced(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(NeedsOperator) as told:
        load_key(tmp_path, lambda size: KEY[:size])
    assert told.value.reason is Reason.LEDGER_UNUSABLE
    assert "backup" in told.value.hint
    assert (tmp_path / KEY_FILE).read_bytes() == content


def test_keys_have_different_ids() -> None:
    assert key_id(KEY) != key_id(OTHER_KEY)
