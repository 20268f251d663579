"""The laws of `sisdrop sample`: less of the same, of every group, and good by itself."""

import re
from contextlib import nullcontext
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from sisdrop.model import Report, Verdict
from sisdrop.offline import Validator
from sisdrop.reader import Reader
from sisdrop.sample import SampleRefused, sampled
from sisdrop.sample_file import save
from support.clock import START
from support.documents import odd_people, people, prolog, space
from support.zips import zipped

GROUPS = ("UNDERGRAD", "GRAD", "STAFF")


def _document(start: str, attributes: str, records: list[tuple[str, str, str]]) -> bytes:
    body = "".join(
        record.replace(">UNDERGRAD<", f">{group}<") + gap for record, group, gap in records
    )
    return f"{start}<users{attributes}>{body}</users>".encode()


def documents(records: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Files of such records, of some groups."""
    entries = st.tuples(records, st.sampled_from(GROUPS), space)
    counts = st.sampled_from(["", " total_record_count='7'", '\n total_record_count = "99" '])
    return st.builds(_document, prolog, counts, st.lists(entries, min_size=1, max_size=12))


@cache
def reader() -> Reader:
    return Reader(Validator((), None), START, lambda _: nullcontext(lambda _: None))


def sample(path: Path, most: int) -> bytes | Report | None:
    """The sample; the report if there is none; None if there are more groups than `most`."""
    try:
        with sampled(path, most, reader()) as found:
            return found if isinstance(found, Report) else b"".join(found.pieces)
    except SampleRefused:
        return None


def validated(path: Path) -> Report:
    return reader().read(path, lambda *_: None)


def records(document: bytes) -> list[bytes]:
    root = etree.fromstring(document, etree.XMLParser(remove_blank_text=True))
    return [etree.tostring(record, method="c14n") for record in root.iterchildren("{*}*")]


def groups(document: bytes) -> list[str]:
    return re.findall("<user_group>(.*?)<", document.decode())


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(documents(people) | documents(people | odd_people()), st.integers(1, 6), st.booleans())
def test_a_sample_is_a_good_file_of_the_same_records(
    tmp_path: Path, document: bytes, most: int, as_zip: bool
) -> None:
    path, out = tmp_path / "students", tmp_path / "sample.xml"
    path.write_bytes(zipped(document) if as_zip else document)
    whole = validated(path)
    found = sample(path, most)
    there = whole.refined.profile.groups
    assert (whole.verdict is Verdict.REJECTED) == isinstance(found, Report)
    assert (found is None) == (len(there) > most)
    assume(isinstance(found, bytes))
    assert isinstance(found, bytes)
    assert sample(path, most) == found

    kept, all_of_them = records(found), iter(records(document))
    assert all(record in all_of_them for record in kept), "a part, in the order of the file"
    assert len(kept) == min(most, whole.refined.counts.delivered)
    assert set(groups(found)) == set(there)

    out.write_bytes(found)
    alone = validated(out).refined
    assert alone.fatal is None
    assert (alone.counts.total, alone.counts.delivered) == (len(kept), len(kept))
    stated = re.search(rb"total_record_count\s*=\s*['\"](\d+)", found)
    assert stated is None or int(stated[1]) == len(kept)


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(documents(people))
def test_a_zipped_sample_holds_the_same(tmp_path: Path, document: bytes) -> None:
    path, out = tmp_path / "students.xml", tmp_path / "sample.zip"
    path.write_bytes(document)
    out.unlink(missing_ok=True)
    plain = sample(path, 6)
    assume(isinstance(plain, bytes))
    with sampled(path, 6, reader()) as found:
        assert not isinstance(found, Report)
        save(found, out)
    assert sample(out, 6) == plain
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
