import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from sisdrop.bundle import BundleWriter, entry_name
from sisdrop.model import Bundle

CONTENT = b"<users>" + b"<user/>" * 5000 + b"</users>"
FOUR_GIB = 1 << 32


def bundle(path: Path, content: bytes = CONTENT, bound: int = 1 << 20) -> Bundle:
    writer = BundleWriter(path, "students.F1.xml", bound)
    for at in range(0, len(content), 1000):
        writer.write(content[at : at + 1000])
    return writer.finish(identical=True)


def test_the_zip_gives_back_what_went_in(tmp_path: Path) -> None:
    made = bundle(tmp_path / "a.zip")
    with zipfile.ZipFile(made.path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["students.F1.xml"]
        assert archive.read("students.F1.xml") == CONTENT


def test_the_bundle_names_size_and_digest_of_the_zip(tmp_path: Path) -> None:
    made = bundle(tmp_path / "a.zip")
    zipped = made.path.read_bytes()
    digest = hashlib.sha256(zipped).hexdigest()
    assert made == Bundle(
        tmp_path / "a.zip", "students.F1.xml", len(zipped), digest, identical=True
    )


def test_the_same_content_makes_the_same_zip(tmp_path: Path) -> None:
    one, other = bundle(tmp_path / "a.zip"), bundle(tmp_path / "b.zip")
    assert one.path.read_bytes() == other.path.read_bytes()


def test_the_zip_holds_no_time_and_no_data_descriptor(tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle(tmp_path / "a.zip").path) as archive:
        info = archive.infolist()[0]
    assert info.date_time == (1980, 1, 1, 0, 0, 0)
    assert info.flag_bits == 0
    assert info.extract_version == 20


def test_the_local_header_holds_the_sizes(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.zip").path
    header = path.read_bytes()[:30]
    with zipfile.ZipFile(path) as archive:
        info = archive.infolist()[0]
    assert int.from_bytes(header[18:22], "little") == info.compress_size
    assert int.from_bytes(header[22:26], "little") == info.file_size == len(CONTENT)
    assert int.from_bytes(header[14:18], "little") == info.CRC


def test_a_content_that_may_reach_four_gib_makes_a_zip64(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.zip", bound=FOUR_GIB).path
    with zipfile.ZipFile(path) as archive:
        assert archive.infolist()[0].extract_version == 45
        assert archive.read("students.F1.xml") == CONTENT
        assert archive.testzip() is None


@pytest.mark.parametrize("bound", [1 << 20, FOUR_GIB])
def test_other_programs_can_open_the_zip(tmp_path: Path, bound: int) -> None:
    path = bundle(tmp_path / "a.zip", bound=bound).path
    found = subprocess.run(
        ["/usr/bin/env", "python3", "-m", "zipfile", "-t", path], check=False, capture_output=True
    )
    assert found.returncode == 0
    assert zipfile.is_zipfile(io.BytesIO(path.read_bytes()))


def test_nothing_stands_under_the_final_name_before_the_end(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path / "a.zip", "a.xml", 100)
    writer.write(b"x")
    assert [path.name for path in tmp_path.iterdir()] == [".a.zip.part"]
    writer.finish(identical=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_discarding_leaves_nothing(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path / "a.zip", "a.xml", 100)
    writer.write(b"x")
    writer.discard()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_partial_zip_of_a_killed_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".a.zip.part").write_bytes(b"half of something" * 10_000)
    made = bundle(tmp_path / "a.zip")
    assert zipfile.ZipFile(made.path).testzip() is None


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("students.xml", "students.F1.xml"),
        ("Ünï côde (2).XML", "n_c_de_2.F1.xml"),
        ("../../etc/passwd", "passwd.F1.xml"),
        ("日本.xml", "file.F1.xml"),
        ("x" * 300 + ".xml", "x" * 80 + ".F1.xml"),
        ("a\n.xml", "a.F1.xml"),
    ],
)
def test_the_entry_is_named_after_the_file_in_plain_ascii(name: str, entry: str) -> None:
    assert entry_name(name, "F1") == entry
