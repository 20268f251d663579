"""The laws of the record core, held against libxml2's own view of the whole document."""

import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from sisdrop.bundle import BundleWriter
from sisdrop.model import Fatal, Finding, Refined, Severity
from sisdrop.records.check import Checker
from sisdrop.records.fatal import diagnose
from sisdrop.records.framing import BOM
from sisdrop.records.reading import Reading
from support.refining import checker, refined

LIMIT = 4 << 20
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


@dataclass(frozen=True)
class Outcome:
    """All that one reading yields."""

    fatal: Fatal | None
    findings: tuple[Finding, ...]
    counts: object
    profile: object
    cuts: list[tuple[int, int]]
    sent: bytes


def read(document: bytes, block: int, using: Checker) -> Outcome:
    sent: list[bytes] = []
    reading = Reading(using, LIMIT, sent.append)
    for at in range(0, len(document), block):
        reading.feed(document[at : at + block])
    reading.close()
    if reading.stop is not None:
        fatal = diagnose(io.BytesIO(document), reading.stop)
        return Outcome(fatal, (), None, None, [], b"")
    judge = reading.judge
    return Outcome(
        None,
        judge.findings.gathered(),
        judge.counts.frozen,
        judge.tally.profile,
        list(judge.cuts),
        b"".join(sent),
    )


def whole(document: bytes) -> etree._Element | None:
    """What libxml2 makes of the whole document, where our rules take it at all."""
    try:
        document.decode()
        tree = etree.ElementTree(etree.fromstring(document, etree.XMLParser(no_network=True)))
    except (UnicodeDecodeError, etree.XMLSyntaxError):
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


space = st.sampled_from(["", " ", "\n", "\r\n", "\t \n"])
words = st.text(st.sampled_from("ab]é日 \n'\">"), max_size=6).map(lambda s: s.replace("]]>", ""))
hidden = st.sampled_from(
    [
        "<!-- </user> -->",
        "<!-- <user> > -->",
        "<!---->",
        "<![CDATA[</user>]]>",
        "<![CDATA[<user><!-- ]]>",
        "<![CDATA[]]]]><![CDATA[>]]>",
        "<?pi </user>?>",
        "<?pi?>",
        "&amp;",
        "&lt;/user&gt;",
        "&#60;",
        "&#x1F600;",
        "&quot;",
    ]
)
attributes = st.sampled_from(
    ["", " ", " a='>'", ' a="/>"', " a='\"' b=\"'\"", "\n a = '&lt;/user>'", " xml:lang='en'"]
)
names = st.sampled_from(["user", "user", "user", "users", "user_group", "primary_id", "u-ser"])


def element(name: str, attrs: str, inner: str | None, gap: str) -> str:
    if inner is None:
        return f"<{name}{attrs}{gap}/>"
    return f"<{name}{attrs}{gap}>{inner}</{name}{gap}>"


def joined(parts: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(parts, max_size=most).map("".join)


inner = st.recursive(
    st.one_of(words, hidden),
    lambda deeper: st.builds(element, names, attributes, st.none() | joined(deeper, 3), space),
    max_leaves=8,
)
record = st.builds(element, names, attributes, st.none() | joined(inner, 4), space)
between = st.one_of(space, hidden.filter(lambda s: s.startswith(("<!--", "<?"))))
prolog = st.sampled_from(
    [
        "",
        "<?xml version='1.0'?>",
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n',
        "<?xml version='1.0' encoding='utf-8'?><!-- <users> -->",
        "\n<!-- x --><?p <users>?>",
    ]
)


def build(start: str, attrs: str, parts: list[str], end: str) -> bytes:
    return f"{start}<users{attrs}>{''.join(parts)}</users>{end}".encode()


documents = st.builds(
    build,
    prolog,
    attributes,
    st.lists(st.one_of(record, between), max_size=8),
    st.sampled_from(["", "\n", " <!-- </users> -->\n", "<?p?>"]),
)
bites = st.sampled_from(
    [
        *(b"<", b">", b"&", b"/", b"'", b'"', b"!", b"?", b"-", b"]", b"[", b" ", b"\n"),
        *(b"\x00", b"\x1a", b"\xe9", b"\xc3", b"\xef\xbf\xbe", BOM, b"&nbsp;", b"&#26;", b"]]>"),
        *(b"<user>", b"</user>", b"<user/>", b"<users>", b"</users>", b"<!--", b"-->"),
        *(b"<![CDATA[", b"<!DOCTYPE users>", b"<?xml version='1.0'?>", b"x:", b"xmlns='u'"),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    document = draw(documents)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(document)))
        gone = draw(st.integers(0, 4))
        document = document[:at] + draw(st.just(b"") | bites) + document[at + gone :]
    return document


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
