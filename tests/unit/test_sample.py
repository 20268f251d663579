import stat
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from sisdrop.model import Report
from sisdrop.offline import Validator
from sisdrop.reader import FileUnread, Reader
from sisdrop.sample import Sample, SampleRefused, sampled
from sisdrop.sample_file import refuse_out, save
from support.clock import START
from support.xml import Patron, patrons, user, users

FILE = users(*[user(person) for person in patrons(40)], attributes=' total_record_count="40"')


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(Validator((), None), START, lambda _: nullcontext(lambda _: None))


def sample(reader: Reader, path: Path, most: int = 10) -> str:
    with sampled(path, most, reader) as found:
        assert isinstance(found, Sample)
        return b"".join(found.pieces).decode()


def write(path: Path, document: str | bytes) -> Path:
    path.write_bytes(document.encode() if isinstance(document, str) else document)
    return path


def test_a_sample_reads_as_a_person_would_have_written_it(reader: Reader, tmp_path: Path) -> None:
    people = [user(person) for person in patrons(4)]
    path = write(tmp_path / "a.xml", FILE)
    assert sample(reader, path, 4) == users(*people, attributes=' total_record_count="4"')


def test_a_record_keeps_its_bytes(reader: Reader, tmp_path: Path) -> None:
    odd = user(Patron(last_name="<![CDATA[Ö & Co]]><!-- </user> -->")).replace("\n", "\r\n")
    path = write(tmp_path / "a.xml", f"<users><!-- all -->{odd} <?x?></users>\n<!-- end -->")
    assert odd.strip() in sample(reader, path)


def test_a_record_that_would_be_left_out_is_not_in_the_sample(
    reader: Reader, tmp_path: Path
) -> None:
    first = user(Patron("T1", expiry="never"))
    again = user(Patron("t1", group="STAFF"))
    good = user(Patron("T2"))
    path = write(tmp_path / "a.xml", users(first, again, good))
    assert sample(reader, path) == users(good)


def test_a_bom_goes_and_a_declaration_comes_as_when_it_is_sent(
    reader: Reader, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.xml", "\ufeff" + users(user(), declaration=False))
    assert sample(reader, path) == users(user())


def test_more_groups_than_records_say_what_to_give(reader: Reader, tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", FILE)
    with pytest.raises(SampleRefused, match=r"a\.xml: there are 4 user groups.*use --max 4"):
        sample(reader, path, 3)


def test_a_rejected_file_gives_its_report(reader: Reader, tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", FILE[: len(FILE) // 2])
    with sampled(path, 10, reader) as found:
        assert isinstance(found, Report)
        assert found.refined.fatal is not None


def test_a_file_that_changes_before_its_pieces_are_taken_is_noticed(
    reader: Reader, tmp_path: Path
) -> None:
    path, out = write(tmp_path / "a.xml", FILE), tmp_path / "out.xml"
    with sampled(path, 10, reader) as found:
        assert isinstance(found, Sample)
        with path.open("a") as file:
            file.write("\n")
        with pytest.raises(FileUnread, match=r"a\.xml: it changed while"):
            save(found, out)
    assert [one.name for one in tmp_path.iterdir()] == ["a.xml"]


@pytest.mark.parametrize("name", ["out.xml", "out.zip", "OUT.XML", "Out.Zip"])
def test_a_sample_is_private_and_replaces_nothing(
    reader: Reader, tmp_path: Path, name: str
) -> None:
    path, out = write(tmp_path / "a.xml", FILE), tmp_path / name
    refuse_out(out)
    with sampled(path, 10, reader) as found:
        assert isinstance(found, Sample)
        save(found, out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert zipfile.is_zipfile(out) == name.lower().endswith(".zip")
    content = out.read_bytes()
    with pytest.raises(SampleRefused, match="there already"):
        refuse_out(out)
    with sampled(path, 10, reader) as again:
        assert isinstance(again, Sample)
        with pytest.raises(SampleRefused, match="there already"):
            save(again, out)
    assert out.read_bytes() == content
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(["a.xml", name])


def test_the_file_in_the_zip_is_named_after_the_original(reader: Reader, tmp_path: Path) -> None:
    path, out = write(tmp_path / "Größe 1.xml", FILE), tmp_path / "out.zip"
    with sampled(path, 10, reader) as found:
        assert isinstance(found, Sample)
        save(found, out)
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["Gr_e_1.sample.xml"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("out.txt", "ends in .xml or .zip"),
        ("out", "ends in .xml or .zip"),
        ("missing/out.xml", "missing or not writable"),
        ("link.xml", "there already"),
    ],
)
def test_where_a_sample_cannot_go_is_said_at_once(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "link.xml").symlink_to("nowhere")
    with pytest.raises(SampleRefused, match=why) as caught:
        refuse_out(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("name", ["out.xml", "out.zip"])
def test_a_disk_that_fails_leaves_nothing(
    reader: Reader, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = write(tmp_path / "a.xml", FILE)
    with sampled(path, 10, reader) as found:
        assert isinstance(found, Sample)
        monkeypatch.setattr("os.fsync", fail)
        with pytest.raises(SampleRefused, match=f"{name}: No space left"):
            save(found, tmp_path / name)
    assert [one.name for one in tmp_path.iterdir()] == ["a.xml"]
