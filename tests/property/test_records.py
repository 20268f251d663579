"""The laws of the record core, held against libxml2's own view of the whole document."""

import zipfile
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from sisdrop.bundle import BundleWriter
from sisdrop.model import Refined, Severity
from sisdrop.records.check import Checker
from support.documents import documents, mutated, read
from support.refining import checker, refined

# The folder of one test serves all its examples: refine replaces what an earlier one left.
quick = settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@cache
def form_only() -> Checker:
    """Checks form alone, so that every record of an acceptable file is kept."""
    return checker({"schema.invalid": Severity.OFF}, rules=["none"])


@cache
def all_rules() -> Checker:
    return checker()


def whole(document: bytes) -> etree._Element | None:
    """What libxml2 makes of the whole document, where our rules take it at all."""
    parser = etree.XMLParser(no_network=True)
    try:
        document.decode()
        tree = etree.ElementTree(etree.fromstring(document, parser))
    except (UnicodeDecodeError, etree.XMLSyntaxError):
        return None
    # lxml forgives an undeclared prefix where a warning follows.
    if len(parser.error_log.filter_from_errors()):
        return None
    root = tree.getroot()
    declared = (tree.docinfo.encoding or "UTF-8").upper()
    is_ours = root.tag == "users" and records_of(root) != []
    has_dtd = tree.docinfo.internalDTD is not None
    return root if is_ours and declared == "UTF-8" and not has_dtd else None


def records_of(root: etree._Element) -> list[etree._Element]:
    """The child elements, without comments and instructions."""
    return list(root.iterchildren("{*}*"))


def canonical(xml: etree._Element | bytes) -> bytes:
    root = xml if isinstance(xml, etree._Element) else etree.fromstring(xml)
    return etree.tostring(root, method="c14n", with_comments=True)


@quick
@given(documents)
def test_every_well_formed_file_with_records_is_taken(document: bytes) -> None:
    assert (whole(document) is not None) == (read(document, 1 << 18, form_only()).fatal is None)


@settings(quick, max_examples=1500)
@given(mutated())
@example(b"<users><user/></users>\n\x00")
@example(b"<users><user><!-- </user> --></users>")
@example(b"<users><user></user><user></user></user></users>")
@example(b"<users><user/></users><users><user/></users>")
@example(b"<users></users><user/></users>")
def test_a_file_is_taken_exactly_when_libxml2_takes_it_whole(document: bytes) -> None:
    assert (whole(document) is not None) == (read(document, 1 << 18, form_only()).fatal is None)


@settings(quick, max_examples=300)
@given(documents | mutated())
@example(b"<?xml version='.0'?><users a='>'></users> <!- </users> -->\n")
def test_what_is_found_does_not_depend_on_the_blocks(document: bytes) -> None:
    at_once = read(document, 1 << 18, all_rules())
    assert read(document, 1, all_rules()) == at_once
    assert read(document, 7, all_rules()) == at_once


@quick
@given(documents.filter(lambda d: whole(d) is not None))
def test_records_that_are_kept_are_sent_unchanged_and_in_order(document: bytes) -> None:
    assert canonical(read(document, 1 << 18, form_only()).sent) == canonical(document)


@quick
@given(documents.filter(lambda d: whole(d) is not None))
def test_records_that_are_left_out_are_cut_and_no_others(document: bytes) -> None:
    using = checker(rules=["none"])
    found = read(document, 1 << 18, using)
    root = whole(document)
    assert root is not None
    schema = using.schema.validator
    good = [
        r for r in records_of(root) if r.tag == "user" and schema.validate(etree.ElementTree(r))
    ]
    if root.attrib:
        good = []
    left = records_of(etree.fromstring(found.sent))
    for one in (*good, *left):
        one.tail = None
    assert [canonical(r) for r in left] == [canonical(r) for r in good]


@quick
@given(st.binary(max_size=200) | mutated())
def test_refine_takes_any_bytes_and_says_something(tmp_path: Path, document: bytes) -> None:
    found = refined(document, tmp_path, all_rules())
    assert isinstance(found, Refined)
    assert found.size == len(document)
    counts = found.counts
    assert counts.total == counts.delivered + counts.left_out + counts.duplicates
    assert (found.bundle is not None) == (counts.delivered > 0)
    if found.fatal is not None:
        assert 0 <= found.fatal.offset <= len(document)
        assert found.fatal.line == document[: found.fatal.offset].count(b"\n") + 1


@quick
@given(st.lists(st.binary(max_size=100), max_size=5))
def test_zipping_and_unzipping_gives_the_same_bytes_twice(
    tmp_path: Path, parts: list[bytes]
) -> None:
    made = []
    for _ in range(2):
        writer = BundleWriter(tmp_path / "a.zip", "a.xml", 1000)
        for part in parts:
            writer.write(part)
        made.append(writer.finish(identical=True))
    assert made[0] == made[1]
    with zipfile.ZipFile(made[0].path) as archive:
        assert archive.read("a.xml") == b"".join(parts)
