"""Whatever happens to a zip on its way: the very XML in it is read, or the zip is refused."""

import zipfile

from hypothesis import given, settings
from hypothesis import strategies as st

from sisdrop.records.unzip import Unpacker
from sisdrop.records.zip_directory import find_end, find_entry
from sisdrop.records.zip_faults import ZipRefused
from support.xml import patrons, user, users
from support.zips import How, zipped

XML = users(*(user(person) for person in patrons(20))).encode()
LITTER = {"__MACOSX/._students.xml": b"x" * 50, "export/": b""}
WHOLE = [
    zipped(XML, how=how)
    for how in (
        How(),
        How(method=zipfile.ZIP_STORED),
        How(streamed=True, comment=b"PK\x05\x06"),
        How(wide=True, beside=LITTER),
        How(beside={"another.xml": b"<users/>"}),
    )
]
RULES = {"zip.unreadable", "zip.not-one-file", "zip.too-large"}
MOST = 1 << 30
# Where a zip says what it is: anything may stand in its headers, most of all at their edges.
BYTES = st.integers(0, 255) | st.sampled_from([0, 1, 8, 0x7F, 0x80, 0xFF])
TELLING = st.sampled_from(
    [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"]
)
NUMBERS = st.sampled_from([0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF]).map(
    lambda number: number.to_bytes(4, "little")
)


def unpack(archive: bytes) -> bytes | str:
    """The file in a zip, or the rule by which it is refused."""
    try:
        entry = find_entry(lambda at, size: archive[at : at + size], len(archive), MOST)
    except ZipRefused as refused:
        return refused.fatal.rule
    unpacker = Unpacker(entry)
    out = [*unpacker.feed(archive[:700]), *unpacker.feed(archive[700:]), *unpacker.close()]
    assert sum(map(len, out)) <= entry.size
    return unpacker.fault.rule if unpacker.fault else b"".join(out)


def is_good(found: bytes | str) -> bool:
    """Whether it is all of a file, or nothing; what says that it is empty may be so."""
    return found in RULES if isinstance(found, str) else found in {XML, b"<users/>", b""}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A zip in which a few things were overwritten, cut out or put in, mostly in its headers."""
    archive = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 4))):
        heads = st.integers(0, min(80, len(archive))) | st.integers(
            max(0, len(archive) - 250), len(archive)
        )
        at = draw(heads | st.integers(0, len(archive)))
        new = draw(st.lists(BYTES, max_size=4).map(bytes) | TELLING | NUMBERS)
        archive[at : at + draw(st.sampled_from([len(new), 0, 1, 20, 500]))] = new
    return bytes(archive)


@settings(deadline=None, max_examples=500)
@given(mutated())
def test_a_zip_that_was_altered_yields_its_xml_or_is_refused(archive: bytes) -> None:
    assert is_good(unpack(archive))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(WHOLE), st.data())
def test_a_zip_that_was_cut_off_is_refused(archive: bytes, data: st.DataObject) -> None:
    end = data.draw(
        st.integers(0, len(archive) - 1) | st.integers(len(archive) - 100, len(archive) - 1)
    )
    assert unpack(archive[:end]) == "zip.unreadable"
    assert find_end(archive[:end]) is None


@settings(deadline=None)
@given(st.lists(TELLING | NUMBERS | st.binary(max_size=60), max_size=30).map(b"".join))
def test_bytes_that_only_look_like_a_zip_are_refused(noise: bytes) -> None:
    assert unpack(b"PK\x03\x04" + noise) in RULES


@settings(deadline=None)
@given(
    content=st.binary(max_size=300) | st.binary(max_size=60).map(lambda unit: unit * 5_000),
    how=st.builds(
        How,
        method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
        comment=st.binary(max_size=100),
        streamed=st.booleans(),
        wide=st.booleans(),
        beside=st.none() | st.just(LITTER),
    ),
)
def test_any_file_that_was_zipped_comes_out_again(content: bytes, how: How) -> None:
    assert unpack(zipped(content, how=how)) == content
