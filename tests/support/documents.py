"""Documents to be read: odd ones that are well-formed, broken ones, and what a reading yields."""

import io
from dataclasses import dataclass, field

from hypothesis import strategies as st

from sisdrop.model import Counts, Fatal, Finding
from sisdrop.precedence import Precedence
from sisdrop.records.check import Checked, Checker
from sisdrop.records.crew import Crew
from sisdrop.records.fatal import diagnose
from sisdrop.records.framing import BOM
from sisdrop.records.judge import Earlier, Place
from sisdrop.records.reading import Reading
from support.xml import Patron, user

LIMIT = 4 << 20


@dataclass(frozen=True)
class Outcome:
    """All that one reading yields; `told` is what an observer learns of each record delivered."""

    fatal: Fatal | None
    findings: tuple[Finding, ...] = ()
    counts: Counts = field(default_factory=Counts)
    profile: object = None
    cuts: tuple[tuple[int, int], ...] = ()
    sent: bytes = b""
    told: tuple[object, ...] = ()


def read(  # noqa: PLR0913, PLR0917 - as many as a reading has
    document: bytes,
    block: int,
    using: Checker,
    crew: Crew | None = None,
    limit: int = LIMIT,
    earlier: Earlier | None = None,
    precedence: Precedence | None = None,
) -> Outcome:
    """Read a document in blocks of so many bytes; with a crew, in the parallel way."""
    sent: list[bytes] = []
    told: list[object] = []

    def observe(checked: Checked, place: Place, kept: list[int]) -> None:
        for index in kept:
            start, end = checked.chunk.spans[index]
            raw = checked.chunk.content[start:end]
            digests = (checked.people[index], checked.contents[index]) if checked.people else ()
            named = checked.named[index]
            told.append((place.records + index, place.offset + start, raw, named, digests))

    reading = Reading(using, limit, sent.append, crew, observe, earlier, precedence)
    for at in range(0, len(document), block):
        reading.feed(document[at : at + block])
    reading.close()
    if reading.stop is not None:
        return Outcome(diagnose(io.BytesIO(document), reading.stop))
    judge = reading.judge
    return Outcome(
        None,
        judge.findings.gathered(),
        judge.counts.frozen,
        judge.tally.profile,
        tuple(judge.cuts),
        b"".join(sent),
        tuple(told),
    )


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


def _person(number: int, barcodes: list[int], fault: str) -> str:
    person = Patron(
        primary_id=f"{'tT'[number % 2]}{number // 2}",
        barcodes=tuple(f"B{one}" for one in barcodes),
        omit=frozenset({fault} if fault in {"last_name", "expiry_date", "contact_info"} else ()),
        expiry="2030-05-31" if fault != "bad date" else "31/05/2030",
        extra="<colour/>" if fault == "unknown element" else "",
    )
    return user(person)


people = st.builds(
    _person,
    st.integers(0, 12),
    st.lists(st.integers(0, 9), max_size=2),
    st.sampled_from(
        ["", "", "", "last_name", "expiry_date", "contact_info", "bad date", "unknown element"]
    ),
)


@st.composite
def odd_people(draw: st.DrawFn) -> str:
    """A person in whose record something stands where nobody expects it."""
    record = draw(people)
    at = draw(st.sampled_from([i for i, c in enumerate(record) if c in "<>"]))
    return (
        record[:at]
        + draw(hidden | st.sampled_from(["<user/>", "<user></user>", "\r\n"]))
        + (
            record[at:].replace(
                "</user>", draw(st.sampled_from(["</user>", "</user>", "</user >"]))
            )
        )
    )


# Files as they come, with something odd now and then.
rolls = st.builds(
    build,
    prolog,
    st.sampled_from(["", " total_record_count='7'", " total_record_count='x'"]),
    st.lists(st.one_of(people, people, people, odd_people(), between, record), max_size=12),
    st.sampled_from(["", "\n", " <!-- </user> -->\n", "</user>"]),
)
