import os
import random
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sisdrop.buckets import Buckets, FolderUnusable, temporary_folder

RECORD = bytes(range(100))


@pytest.fixture
def small_files() -> Iterator[None]:
    """A disk that is full after 64 KiB, as far as one file can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_begins_alike_comes_back_together_and_in_order(tmp_path: Path) -> None:
    dice = random.Random(5)  # noqa: S311  # test data, not secrets
    records = [dice.randbytes(dice.randrange(1, 300)) for _ in range(30_000)]
    with Buckets(tmp_path) as buckets:
        for record in records:
            buckets.add(record)
        found = list(buckets)
    assert len(found) == 256
    for first, bucket in enumerate(found):
        assert bucket == [record for record in records if record[0] == first]


def test_no_records_are_256_empty_buckets(tmp_path: Path) -> None:
    with Buckets(tmp_path) as buckets:
        assert list(buckets) == [[]] * 256


def test_they_can_be_read_twice_and_added_to_in_between(tmp_path: Path) -> None:
    with Buckets(tmp_path) as buckets:
        for _ in range(400):
            buckets.add(RECORD)
        assert next(iter(buckets)) == [RECORD] * 400
        buckets.add(RECORD)
        assert next(iter(buckets)) == [RECORD] * 401


def test_the_longest_record_comes_back(tmp_path: Path) -> None:
    with Buckets(tmp_path) as buckets:
        buckets.add(bytes(65_535))
        assert next(iter(buckets)) == [bytes(65_535)]


def test_nothing_can_be_seen_in_the_folder_even_meanwhile(tmp_path: Path) -> None:
    with Buckets(tmp_path) as buckets:
        for _ in range(1000):
            buckets.add(RECORD)
        assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_records(tmp_path: Path) -> None:
    with Buckets(tmp_path) as buckets:
        for number in range(200_000):
            buckets.add(number.to_bytes(3, "little") + RECORD)
        waiting = sum(map(len, buckets._waiting))
    assert waiting < 256 * (16 << 10)


def test_a_disk_that_is_full_is_said(tmp_path: Path, small_files: None) -> None:
    def fill(buckets: Buckets) -> None:
        for _ in range(10_000):
            buckets.add(RECORD)

    with Buckets(tmp_path) as buckets, pytest.raises(FolderUnusable, match="File too large"):
        fill(buckets)


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable, match="No such file"):
        Buckets(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(FolderUnusable, match="Not a directory"):
        Buckets(tmp_path / "file")


def test_the_folder_is_the_one_that_the_environment_names() -> None:
    assert temporary_folder({"TMPDIR": "/no/such/folder"}) == Path("/no/such/folder")
    assert temporary_folder({}) == Path(tempfile.gettempdir())


def test_a_machine_without_such_a_folder_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    with pytest.raises(FolderUnusable, match="No usable temporary directory"):
        temporary_folder({"TMPDIR": ""})


def test_the_file_is_gone_when_the_block_ends(tmp_path: Path) -> None:
    with Buckets(tmp_path) as buckets:
        handle = buckets._file.fileno()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)
