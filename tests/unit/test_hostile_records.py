"""Files that nobody writes by accident: they cost a verdict, never the service."""

import io
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from sisdrop.model import Severity
from sisdrop.records import fatal
from sisdrop.records.check import Checker
from sisdrop.records.crew import Crew
from sisdrop.records.fatal import Stop, diagnose
from sisdrop.records.framing import MAX_MARKUP, Ailment, Trouble
from sisdrop.records.schema_faults import CROWDED, describe
from support.documents import LIMIT, Outcome, read
from support.refining import TODAY, builtin_rules, builtin_schema, checker

USING = Checker(builtin_schema(), builtin_rules(), TODAY, key=b"a key for this test")
BLOCK = 8192
# As patient as a test may be with what takes no second, unless it takes hours.
PATIENCE = 60


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(USING, 2) as crew:
        yield crew


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError("this would go on for minutes")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def person(primary: str, inside: str = "", expiry: str = "2030-05-31") -> str:
    return (
        f"<user><primary_id>{primary}</primary_id><last_name>Testperson</last_name>"
        f"<user_group>STAFF</user_group><expiry_date>{expiry}</expiry_date>{inside}</user>"
    )


def sliceable(inside: str, tag: str = "<users>", block: int = BLOCK) -> bytes:
    """A document whose first block ends with the root's start tag: the rest is read in slices."""
    filling = "x" * (block - len(tag) - len("<!---->"))
    return f"<!--{filling}-->{tag}{inside}</users>".encode()


def both(crew: Crew, inside: str, block: int = BLOCK, limit: int = LIMIT) -> Outcome:
    """What is found in slices, which must be what is found without."""
    document = sliceable(inside, block=block)
    found = read(document, block, USING, limit=limit)
    assert read(document, block, USING, crew, limit) == found
    return found


def rules(found: Outcome) -> set[str]:
    return {finding.rule for finding in found.findings if finding.severity is Severity.ERROR}


# What is found must not depend on how a file is cut


@pytest.mark.parametrize("after", ["", "<!-- x -->", "<?x y?>", "\r\n"])
@pytest.mark.parametrize("name", ["user", "foo"])
def test_whitespace_between_elements_in_an_identifier_counts_whatever_stands_elsewhere(
    crew: Crew, name: str, after: str
) -> None:
    nested = person("<b>A</b> <b>B</b>").replace("user>", f"{name}>")
    found = both(crew, nested + person("AB") + person("A B") + after)
    assert found.counts is not None
    assert [told[3] for told in found.told] == ["AB"]  # type: ignore[index]
    assert rules(found) == {"schema.invalid", "alma.duplicate-primary-id"}


def test_a_nested_record_does_not_stand_in_for_an_end_tag_with_a_space(crew: Crew) -> None:
    spaced = person("T1").replace("</user>", "</user >")
    odd = person("T2", "<user></user><user_roles/>")
    found = both(crew, spaced + odd + person("T3"))
    assert [told[2] for told in found.told] == [spaced.encode(), person("T3").encode()]  # type: ignore[index]


@pytest.mark.parametrize("block", [64, 100, 200])
def test_a_gap_is_not_made_smaller_by_a_cut(crew: Crew, block: int) -> None:
    foreign = f"<foo>{'x' * 200}</foo>"
    found = both(crew, foreign + " " * 450 + person("T1") + person("T2"), block, limit=400)
    assert found.fatal is not None
    assert found.fatal.rule == "xml.record-too-large"


@pytest.mark.parametrize("block", [1, 64, 1 << 20])
def test_a_start_tag_that_is_too_large_is_a_records_however_it_comes(block: int) -> None:
    document = b"<users><user/><user a='" + b"x" * 200 + b"'></user></users>"
    found = read(document, block, USING, limit=100).fatal
    assert found is not None
    assert (found.rule, found.record, found.offset) == ("xml.record-too-large", 2, 14)


def test_a_truncated_file_counts_the_records_that_were_not_checked_yet(crew: Crew) -> None:
    document = sliceable(person("T1") + person("T2")).removesuffix(b"</users>")
    for how in (None, crew):
        found = read(document, BLOCK, USING, how).fatal
        assert found is not None
        assert found.message.endswith("; record 2 is complete.")


def test_text_far_before_a_wrong_byte_tells_that_two_encodings_are_mixed(crew: Crew) -> None:
    records = [person("é"), *(person(f"T{n}") for n in range(3000)), person("\udce9")]
    document = b"<users>" + "".join(records).encode("utf-8", "surrogateescape") + b"</users>"
    for how in (None, crew):
        found = read(document, BLOCK, USING, how).fatal
        assert found is not None
        assert "two sources seem to be mixed" in found.message


# What libxml2 and lxml forgive, or are not asked


@pytest.mark.parametrize("warning", [" xml:space='x'", " xml:lang='!!'"])
def test_a_prefix_that_is_declared_nowhere_is_fatal_whatever_follows(
    crew: Crew, warning: str
) -> None:
    later = person("T2").replace("<user>", f"<user{warning}>")
    found = both(crew, person("T1", "<x:a/>") + later)
    assert found.fatal is not None
    assert found.fatal.rule == "xml.not-well-formed"
    assert both(crew, person("T1", "<x:a/>") + later + "<?xml-x?>").fatal is not None


def test_an_encoding_is_found_behind_any_number_of_spaces() -> None:
    declaration = "<?xml version='1.0'" + " " * 5000 + "encoding='iso-8859-1'?>"
    found = read(f"{declaration}<users>{person('é')}</users>".encode(), BLOCK, USING).fatal
    assert found is not None
    assert found.rule == "xml.encoding"


@pytest.mark.parametrize("digits", [5000, 100_000])
def test_a_year_of_any_length_is_judged_by_the_schema_alone(digits: int) -> None:
    document = f"<users>{person('T1', expiry='9' * digits + '-01-01')}</users>"
    assert rules(read(document.encode(), 1 << 20, USING)) == {"schema.invalid"}


def test_an_ampersand_before_the_roots_end_is_named_with_its_place(crew: Crew) -> None:
    found = both(crew, person("T1") + "\n&").fatal
    assert found is not None
    assert found.message == "An ampersand (&) stands unescaped in the text."
    assert found.bytes_hex == b"&".hex()


# What would take hours, or all memory


@pytest.mark.parametrize(
    "piece",
    [
        "x<!---->" * (MAX_MARKUP + 1),
        "<?x?> " * (MAX_MARKUP + 1),
        "<![CDATA[]]>" * (MAX_MARKUP + 1),
        f"<user>{'<x/>' * MAX_MARKUP}</user>",
        "<user " + " ".join(f"a{n}=''" for n in range(MAX_MARKUP)) + "/>",
    ],
    ids=["texts", "instructions", "sections", "tags", "attributes"],
)
def test_more_markup_in_one_piece_than_anybody_writes_is_refused(crew: Crew, piece: str) -> None:
    document = sliceable(person("T1") + piece + person("T2"))
    for how in (None, crew):
        found = read(document, 1 << 20, USING, how).fatal
        assert found is not None
        assert found.rule == "xml.record-too-large"
        assert found.offset == document.index(piece.encode())


def test_records_that_were_commented_out_are_no_markup() -> None:
    old = f"<!-- {person('T0') * 3000} -->"
    found = read(f"<users>{old}{person('T1')}{old}</users>".encode(), 1 << 18, USING)
    assert found.fatal is None


@pytest.mark.parametrize("filling", [" ", " a{}=''", "\n"])
def test_a_root_tag_of_any_size_is_not_read_again_with_each_chunk(filling: str) -> None:
    tag = "<users" + "".join(filling.format(n) for n in range(70_000)) + ">"
    found = read(f"{tag}{person('T1')}</users>".encode(), 1 << 18, USING).fatal
    assert found is not None
    assert (found.rule, found.offset) == ("xml.record-too-large", 0)


def phones(count: int, attribute: str) -> str:
    kind = "<phone_types><phone_type>mobile</phone_type></phone_types>"
    one = f"<phone{attribute}><phone_number>555-0100</phone_number>{kind}</phone>"
    return f"<contact_info><phones>{one * count}</phones></contact_info>"


def test_where_so_many_faults_of_a_record_are_is_not_asked(crew: Crew) -> None:
    crowded = person("T1", phones(1000, " a=''"))
    document = sliceable(person("T0") + crowded + person("T2", "<foo/>"))
    found = read(document, 1 << 20, USING)
    assert read(document, 1 << 17, USING, crew) == found
    told = [(f.element, f.count) for f in found.findings if f.rule == "schema.invalid"]
    assert told == [("user", 1), ("user/foo", 1)]
    assert found.findings[0].message == f"user {CROWDED}."


def test_a_record_of_many_elements_that_are_valid_is_valid() -> None:
    document = f"<users>{person('T1', phones(1000, ''))}</users>"
    assert rules(read(document.encode(), 1 << 20, USING)) == set()


def test_a_name_of_any_length_is_cut_short_for_people() -> None:
    class Entry:
        path = "/users/user[3]/" + "x" * 1_000_000
        type_name = "SCHEMAV_CVC_ELT_1"
        message = ""
        line = 1

    with no_hang():
        assert describe(Entry).element == "user/" + "x" * 195


@pytest.mark.parametrize("opened", ["<!-- ", "<?x ", "<![CDATA[", "<a b='", ""])
def test_behind_a_piece_that_is_too_large_no_break_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, opened: str
) -> None:
    looked_at = []

    def find_break(root_tag: bytes, blocks: Iterator[bytes]) -> None:
        looked_at.append(sum(map(len, blocks)))

    monkeypatch.setattr(fatal, "find_break", find_break)
    document = b"<users><user>" + opened.encode() + b"x" * 3_000_000
    trouble = Trouble(Ailment.TOO_LARGE, 7, 1, 7)
    found = diagnose(io.BytesIO(document), Stop(7, b"<users>", max_piece=1000, trouble=trouble))
    assert found.rule == "xml.record-too-large"
    assert looked_at == [1000]


@pytest.mark.parametrize(("opener", "closer"), [("<!--", "-->"), ("<?x ", "?>")])
def test_what_is_never_closed_is_told_from_what_is_too_large(opener: str, closer: str) -> None:
    start = f"<users>{person('T1')}<user>{opener}{'x' * 9000}"
    never = read(f"{start}</user></users>".encode(), BLOCK, USING, limit=1000).fatal
    late = read(f"{start}{closer}</user></users>".encode(), BLOCK, USING, limit=1000).fatal
    assert never is not None
    assert late is not None
    assert (never.rule, never.offset) == ("xml.not-well-formed", start.index(opener))
    assert (late.rule, late.offset) == ("xml.record-too-large", start.rindex("<user>"))


def test_a_large_record_that_holds_another_one_has_lost_its_end_tag() -> None:
    document = f"<users><user>{person('T1')}{'<a></a>' * 500}</users>"
    found = read(document.encode(), BLOCK, USING, limit=1000).fatal
    assert found is not None
    assert "has no </user>: another <user> begins inside it" in found.message


@pytest.mark.parametrize(
    "record",
    [
        "<user/>",
        "<user><last_name>x</last_name></user>",
        person("T1"),
        person("\u2003"),
        person("T1", "<foo/>"),
        "<foo/>",
        "<user a='' b='' c=''/>",
    ],
    ids=["empty", "nobody", "one person", "a space", "all bad", "foreign", "bad attributes"],
)
def test_the_same_record_over_and_over_is_counted_and_nothing_more(crew: Crew, record: str) -> None:
    found = both(crew, record * 5000, 1 << 16)
    assert found.counts.total == 5000
    assert all(len(finding.examples) <= 100 for finding in found.findings)


def test_everything_off_still_keeps_what_is_well_formed(crew: Crew) -> None:
    off = checker({"schema.invalid": Severity.OFF}, rules=["none"])
    odd = person("T1", "<foo xmlns='urn:x'/>") + "text &#160;" + "<a:b xmlns:a='u'/>" + person("")
    document = sliceable(odd)
    assert read(document, BLOCK, off).sent.endswith(odd.encode() + b"</users>")


def test_a_code_of_any_length_is_counted_by_its_beginning() -> None:
    off = checker({"schema.invalid": Severity.OFF})
    label = f"<user_identifier><id_type>{'T' * 5000}</id_type><value>1</value></user_identifier>"
    record = person("T1", f"<user_identifiers>{label}</user_identifiers>")
    document = f"<users>{record.replace('STAFF', 'G' * 5000)}</users>"
    profile = read(document.encode(), BLOCK, off).profile
    assert profile.groups == {"G" * 255: 1}  # type: ignore[attr-defined]
    assert profile.coverage[f"identifier:{'T' * 255}"] == 1  # type: ignore[attr-defined]


def test_an_empty_record_in_a_large_one_tells_of_no_end_tag() -> None:
    document = f"<users><user><user/>{'<a></a>' * 500}</user></users>"
    found = read(document.encode(), BLOCK, USING, limit=1000).fatal
    assert found is not None
    assert found.rule == "xml.record-too-large"
