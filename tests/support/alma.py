"""A stand-in for Alma's nightly patron load, written from what is known of it alone.

It knows nothing of sisdrop: it reads XML on its own and keeps a table of users as Alma would.

* Of one person the first record in a file is loaded; from file to file the later one wins.
* Identifiers are compared without regard to case, under all their labels.
* What a record does not carry is erased (Swap All); what staff added (internal) stays.
* A user who is in no file is left alone.
* A file that is not well-formed aborts, and is renamed all the same.
"""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lxml import etree

from support.fake_server import FakeServer

MAX_ZIPS = 20
# Dates as Alma takes them; an empty one is none.
_DATE = re.compile(r"\d{4}-\d\d-\d\d(Z|[+-]\d\d:\d\d)?")
_DATES = frozenset({"birth_date", "expiry_date", "purge_date", "status_date", "start_date"})
# What a load does not read.
_IGNORED = frozenset({"user_roles", "password", "force_password_change"})
# Whose order says nothing.
_ATTRIBUTES_IGNORED = frozenset({"segment_type", "desc"})

Content = tuple[object, ...]


class Rejection(StrEnum):
    """Why a record is not loaded, in the words of the job's report."""

    NO_MATCH_ID = "the match identifier is missing"
    TAKEN_IN_FEED = "identifier is already taken AcrossInstitution in this feed"
    TAKEN = "identifier is already taken AcrossInstitution"
    BLANK_IDENTIFIER = "mandatory field is missing: user identifier value"
    BLANK_STATISTIC = "missing a mandatory field: statistical category"
    WRONG_DATE = "wrong date format"
    NOT_EXTERNAL = "user is not external"


@dataclass(frozen=True)
class User:
    """One line of Alma's table. `load` is the last load that carried the user."""

    primary_id: str
    identifiers: frozenset[str]
    external: Content
    load: int
    internal: tuple[str, ...] = ()
    is_external: bool = True


@dataclass
class Summary:
    """What the job's report says of one zip.

    `returned` counts those of the updated and unchanged whom the load before this one did not
    carry, `returned_changed` those of them who were updated. No report of Alma's tells these.
    """

    zip_name: str
    entries: tuple[str, ...] = ()
    aborted: bool = False
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: Counter[Rejection] = field(default_factory=Counter)
    returned: int = 0
    returned_changed: int = 0

    @property
    def loaded(self) -> int:
        """The records that were taken."""
        return self.created + self.updated + self.unchanged


class Alma:
    """The table of users, and the job that brings it up to date.

    `summaries` are the reports of all its runs. `forgives_repeats` says whether a record may carry
    one value under two labels: CARLI says that it is rejected, and live extracts do it.
    """

    def __init__(self, suffix: str = ".old", *, forgives_repeats: bool = True) -> None:
        self.users: dict[str, User] = {}
        self.summaries: list[Summary] = []
        self._suffix = suffix
        self._forgives_repeats = forgives_repeats
        self._owners: dict[str, str] = {}
        self._before, self._now = 0, 0

    # Its visits to the upload folder.

    def visit(self, folder: Path) -> list[Summary]:
        """Load the zips in a folder and rename them; what is hidden or no zip is left alone."""
        names = [path.name for path in folder.iterdir()]
        done = []
        for name in self._due(names):
            done.append(self.load(name, (folder / name).read_bytes()))
            (folder / name).rename(folder / f"{name}{self._suffix}")
        return done

    def visit_server(self, server: FakeServer) -> list[Summary]:
        """The same with a server in memory."""
        done = []
        for name in self._due(server.names):
            done.append(self.load(name, server.files[name]))
            server.files[f"{name}{self._suffix}"] = server.files.pop(name)
        return done

    @staticmethod
    def _due(names: list[str]) -> list[str]:
        zips = sorted(name for name in names if name.lower().endswith(".zip"))
        return [name for name in zips if not name.startswith(".")][:MAX_ZIPS]

    # The job.

    def load(self, zip_name: str, content: bytes) -> Summary:
        """Load one zip; says what came of it."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                entries = {name: archive.read(name) for name in archive.namelist()}
        except zipfile.BadZipFile:
            entries = {"": b""}
        return self._run(Summary(zip_name, tuple(entries)), list(entries.values()))

    def load_xml(self, content: bytes) -> Summary:
        """Load one file that is in no zip, as no real Alma would."""
        return self._run(Summary(""), [content])

    def _run(self, summary: Summary, contents: list[bytes]) -> Summary:
        self.summaries.append(summary)
        try:
            documents = [etree.fromstring(content) for content in contents]
        except etree.XMLSyntaxError:
            summary.aborted = True
            return summary
        feed = _Feed()
        self._before, self._now = self._now, len(self.summaries)
        for document in documents:
            for record in document.iterfind("user"):
                self._take(record, feed, summary)
        return summary

    def staff_adds(self, primary_id: str, note: str) -> None:
        """Somebody at the desk adds something of their own to a user."""
        key = primary_id.casefold()
        user = self.users[key]
        self.users[key] = User(
            user.primary_id, user.identifiers, user.external, user.load, (*user.internal, note)
        )

    def staff_creates(self, primary_id: str) -> None:
        """Somebody at the desk creates an internal user."""
        key = primary_id.casefold()
        self.users[key] = User(primary_id, frozenset({key}), (), 0, is_external=False)
        self._owners[key] = key

    def _take(self, record: etree._Element, feed: "_Feed", summary: Summary) -> None:
        primary_id = (record.findtext("primary_id") or "").strip()
        key = primary_id.casefold()
        values = [_text(value).casefold() for value in record.iterfind(_VALUES)]
        reason = next(self._reasons(record, key, values, feed), None)
        if key:
            feed.people.add(key)
        if reason is not None:
            summary.rejected[reason] += 1
            return
        feed.identifiers.update(values, [key])
        self._count(key, _content(record), summary)
        self._write(primary_id, frozenset([key, *values]), _content(record))

    def _reasons(
        self, record: etree._Element, key: str, values: list[str], feed: "_Feed"
    ) -> Iterator[Rejection]:
        """All that speaks against a record, what is said first first."""
        own = {key, *values}
        known = self.users.get(key)
        if not key:
            yield Rejection.NO_MATCH_ID
        if key in feed.people or feed.identifiers & own:
            yield Rejection.TAKEN_IN_FEED
        if len(own) <= len(values) and not self._forgives_repeats:
            yield Rejection.TAKEN_IN_FEED
        if known is not None and not known.is_external:
            yield Rejection.NOT_EXTERNAL
        yield from _blanks(record)
        if any(self._owners.get(value, key) != key for value in own):
            yield Rejection.TAKEN

    def _count(self, key: str, content: Content, summary: Summary) -> None:
        known = self.users.get(key)
        if known is None:
            summary.created += 1
            return
        changed = known.external != content
        summary.updated += changed
        summary.unchanged += not changed
        if known.load < self._before:
            summary.returned += 1
            summary.returned_changed += changed

    def _write(self, primary_id: str, identifiers: frozenset[str], content: Content) -> None:
        """Swap All: what was known from outside goes, what the record carries comes."""
        key = primary_id.casefold()
        known = self.users.get(key)
        for value in known.identifiers if known else ():
            del self._owners[value]
        self._owners.update(dict.fromkeys(identifiers, key))
        internal = known.internal if known else ()
        self.users[key] = User(primary_id, identifiers, content, self._now, internal)


_VALUES = "user_identifiers/user_identifier/value"
_STATISTICS = "user_statistics/user_statistic/statistic_category"


class _Feed:
    """What one zip has brought so far: whose records, and the identifiers of those loaded."""

    def __init__(self) -> None:
        self.people: set[str] = set()
        self.identifiers: set[str] = set()


def _blanks(record: etree._Element) -> Iterator[Rejection]:
    """What the record leaves empty or writes in another way than Alma reads."""
    if not all(map(_text, record.iterfind(_VALUES))):
        yield Rejection.BLANK_IDENTIFIER
    if not all(map(_text, record.iterfind(_STATISTICS))):
        yield Rejection.BLANK_STATISTIC
    dates = filter(None, map(_text, record.iter(*_DATES)))
    if not all(map(_DATE.fullmatch, dates)):
        yield Rejection.WRONG_DATE


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()


def _content(element: etree._Element) -> Content:
    """What a load reads of an element, whatever its layout and the order of its parts."""
    attributes = {
        str(name): str(value)
        for name, value in element.attrib.items()
        if name not in _ATTRIBUTES_IGNORED
    }
    children = [
        _content(child)
        for child in element
        if child.tag not in _IGNORED and not isinstance(child, etree._Comment)
    ]
    text = "" if children else _text(element)
    parts = sorted(map(repr, children))
    return (element.tag, text, tuple(sorted(attributes.items())), *parts)
