import hashlib
import random
import struct
import subprocess
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sisdrop.bundle import BundleTooLarge, BundleWriter, entry_name
from sisdrop.model import Bundle
from support.xml import patrons, user, users

CONTENT = users(*map(user, patrons(1000))).encode()
FOUR_GIB = 1 << 32
UNZIP = Path(__file__).parents[1] / "support" / "Unzip.java"


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def bundle(path: Path, content: Iterable[bytes] = (CONTENT,), bound: int = 1 << 30) -> Bundle:
    writer = BundleWriter(path, "students.F1.xml", bound)
    for piece in content:
        writer.write(piece)
    return writer.finish(identical=True)


def noise(size: int) -> bytes:
    """Bytes that nothing can shrink, always the same."""
    return random.Random(1).randbytes(size)  # noqa: S311  # test data, not secrets


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


@pytest.mark.parametrize("size", [1, 7_919, 256 << 10, 300_000])
def test_the_same_content_makes_the_same_zip_however_it_comes(tmp_path: Path, size: int) -> None:
    content = CONTENT[: 3 * size] if size == 1 else CONTENT
    whole = bundle(tmp_path / "a.zip", [content])
    assert bundle(tmp_path / "b.zip", pieces(content, size)).sha256 == whole.sha256


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary() | st.builds(bytes.__mul__, st.binary(), st.integers(0, 1 << 16))))
def test_any_content_comes_back(content: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = bundle(Path(folder) / "a.zip", content)
        with zipfile.ZipFile(made.path) as archive:
            assert archive.read("students.F1.xml") == b"".join(content)


def test_content_that_cannot_shrink_comes_back(tmp_path: Path) -> None:
    content = noise(1 << 20)
    with zipfile.ZipFile(bundle(tmp_path / "a.zip", [content]).path) as archive:
        assert archive.read("students.F1.xml") == content


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


@pytest.mark.parametrize(
    ("bound", "version"), [(FOUR_GIB - (1 << 20), 20), (FOUR_GIB - 50, 45), (FOUR_GIB << 4, 45)]
)
def test_only_a_content_that_may_reach_four_gib_makes_a_zip64(
    tmp_path: Path, bound: int, version: int
) -> None:
    path = bundle(tmp_path / "a.zip", bound=bound).path
    with zipfile.ZipFile(path) as archive:
        info = archive.infolist()[0]
        assert archive.read(info) == CONTENT
    assert info.extract_version == version
    assert len(info.extra) == (20 if version == 45 else 0)


def test_a_zip64_says_its_sizes_before_the_content(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.zip", bound=FOUR_GIB).path
    zipped = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        packed = archive.infolist()[0].compress_size
    assert struct.unpack_from("<2L2H", zipped, 18) == (0xFFFFFFFF, 0xFFFFFFFF, 15, 20)
    assert struct.unpack_from("<2H2Q", zipped, 45) == (1, 16, len(CONTENT), packed)


@pytest.mark.parametrize("bound", [1 << 30, FOUR_GIB])
def test_java_unpacks_the_zip_while_it_arrives(tmp_path: Path, bound: int) -> None:
    zipped = bundle(tmp_path / "a.zip", bound=bound).path.read_bytes()
    found = subprocess.run(
        ["/usr/bin/env", "java", UNZIP], input=zipped, check=True, capture_output=True
    )
    assert found.stdout == b"students.F1.xml %d\n" % len(CONTENT) + CONTENT


@pytest.mark.parametrize("size", [4_000, 2 << 20])
def test_a_zip_is_as_large_as_it_may_be_and_not_larger(tmp_path: Path, size: int) -> None:
    content = noise(size)
    largest = bundle(tmp_path / "a.zip", [content]).size
    writer = BundleWriter(tmp_path / "b.zip", "students.F1.xml", size, largest)
    writer.write(content)
    assert writer.finish(identical=True).size == largest
    smaller = BundleWriter(tmp_path / "c.zip", "students.F1.xml", size, largest - 1)
    with pytest.raises(BundleTooLarge):
        fill(smaller, content)
    smaller.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]


def fill(writer: BundleWriter, content: bytes) -> None:
    writer.write(content)
    writer.finish(identical=True)


def test_what_is_too_much_never_reaches_the_disk(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path / "a.zip", "a.xml", 1 << 30, 1 << 20)
    with pytest.raises(BundleTooLarge):
        writer.write(noise(8 << 20))
    assert (tmp_path / ".a.zip.part").stat().st_size <= 1 << 20
    writer.discard()


def test_memory_does_not_grow_with_the_content(tmp_path: Path) -> None:
    writer = BundleWriter(tmp_path / "a.zip", "a.xml", 1 << 30)
    writer.write(CONTENT)
    tracemalloc.start()
    for _ in range(50):
        writer.write(CONTENT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    writer.discard()
    assert peak < 2 * len(CONTENT)


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
