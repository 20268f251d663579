"""The frozen values that stages hand to each other and that pages and reports are made of.

Sizes are bytes, times are aware UTC datetimes, coverage is counts of records (never rates).
Only `Example.primary_id` and `Excerpt` may hold patron data; both are written to report files and
nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sisdrop.errors import Reason


class State(StrEnum):
    """Where a file stands; `states.py` says which may follow which."""

    CLAIMED = "claimed"
    REFINED = "refined"
    HELD = "held"
    QUEUED = "queued"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    ARCHIVED = "archived"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"


class Stage(StrEnum):
    """The steps of a file's life, as logs and `stage_duration_seconds` name them."""

    SETTLE = "settle"
    CLAIM = "claim"
    REFINE = "refine"
    GUARD = "guard"
    DELIVER = "deliver"
    ARCHIVE = "archive"
    PICKUP = "pickup"
    PURGE = "purge"


class Verdict(StrEnum):
    """What a report says happened to a file."""

    ACCEPTED = "accepted"
    HELD = "held"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"


class Severity(StrEnum):
    """What a finding does to its record: an error leaves it out, a warning only counts."""

    ERROR = "error"
    WARNING = "warning"
    OFF = "off"


class Origin(StrEnum):
    """The folder of the share in which a candidate lies."""

    INBOX = "inbox"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Signature:
    """What changes when somebody writes to a file: size in bytes, mtime in ns, inode."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A settled file on the share that may be claimed; `marker` is the file that said so."""

    path: Path
    name: str
    origin: Origin
    stream: str
    signature: Signature
    marker: Path | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The intention to take a candidate: written down before the rename, gone after it.

    `path` and `marker` are file system bytes, because names on a share need not be text.
    """

    file_id: str
    name: str
    stream: str
    path: bytes
    marker: bytes | None
    signature: Signature


@dataclass(frozen=True, slots=True)
class Example:
    """One record that breaks a rule: its ordinal (from 1), its line, and who it is."""

    record: int | None
    line: int
    primary_id: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """How often one rule was broken, with the first hundred places.

    `count` places in `records` records; there are more places than records where one record
    breaks the rule twice. `element` is the path of the element a schema finding is about
    (`user/expiry_date`), `why` what it matters to Alma or I-Share.
    """

    rule: str
    severity: Severity
    message: str
    hint: str
    count: int
    records: int
    examples: tuple[Example, ...] = ()
    element: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of a line around a fault, as text: what stands before it, at it and after it."""

    before: str = field(repr=False)
    at: str = field(repr=False)
    after: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fatal:
    """The one fault that condemns the whole file, and exactly where it stands.

    `line` and `column` count from 1, `offset` is in bytes from the start of the XML (of the file
    as dropped, or of the one in a dropped zip), `bytes_hex` are the offending bytes (at most four).
    `record` is the ordinal of the record in which it stands, if it stands in one.
    """

    rule: str
    line: int
    column: int
    offset: int
    bytes_hex: str
    message: str
    hint: str
    record: int | None = None
    excerpt: Excerpt | None = None

    @property
    def reason(self) -> Reason:
        """The reason word that belongs to the rule."""
        return Reason(self.rule.replace(".", "_").replace("-", "_"))


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of one file. total = delivered + left_out + duplicates + yielded."""

    total: int = 0
    delivered: int = 0
    left_out: int = 0
    duplicates: int = 0
    yielded: int = 0
    warned: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """Counts over the records that would be sent: by user group, by field, by state of dates."""

    records: int = 0
    groups: Mapping[str, int] = field(default_factory=dict)
    coverage: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The zip on the data volume: one entry, deterministic bytes.

    `identical` says that the XML inside is byte for byte the file as dropped, which a zip never
    is: its own bytes are kept beside this one.
    """

    path: Path
    entry: str
    size: int
    sha256: str
    identical: bool


@dataclass(frozen=True, slots=True)
class Refined:
    """Everything that one read of a file yields.

    `sha256` and `size` are those of the file as dropped; `content_sha256` is the digest of the XML
    where that is a zip, and None where the file is the XML itself. `bundle` is None when `fatal`
    is not, or when no record can be delivered. `cuts_digest` tells which of its bytes are not sent:
    of the same XML the same is sent if it is the same. `winners` are the files of other streams to
    which people were left, `yielded_to` how many to each stream; `notes` are sentences for people
    about how it was read.
    """

    sha256: str
    size: int
    counts: Counts
    profile: Profile
    findings: tuple[Finding, ...]
    fatal: Fatal | None
    bundle: Bundle | None
    schema: str
    rules: tuple[str, ...]
    encoding: str = "utf-8"
    content_sha256: str | None = None
    cuts_digest: str | None = None
    winners: tuple[str, ...] = ()
    yielded_to: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def content(self) -> str:
        """The digest of the XML, however it was dropped."""
        return self.content_sha256 or self.sha256


@dataclass(frozen=True, slots=True)
class StillChanging:
    """The file changed between settling and the end of the read: it must settle again."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class HeldFor:
    """One thing that keeps a file from being sent without a person's word."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a load changes, in people.

    `lost` and `gained` count those in both files, by field; `moved` those in another user group,
    by the old one and the new.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    absent: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)
    gained: Mapping[str, int] = field(default_factory=dict)
    moved: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def before(self) -> int:
        """How many people the earlier file held."""
        return self.changed + self.unchanged + self.absent

    @property
    def now(self) -> int:
        """How many people the later file holds."""
        return self.new + self.changed + self.unchanged


@dataclass(frozen=True, slots=True)
class Comparison:
    """The earlier file that a file was judged against, and the change between the two.

    The change is not known where the earlier file is no longer kept. `lost` counts people who
    would lose a field.
    """

    file_id: str
    new: int | None = None
    changed: int | None = None
    unchanged: int | None = None
    absent: int | None = None
    lost: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, file_id: str, change: Change | None) -> "Comparison":
        """With that file, by that change."""
        if change is None:
            return cls(file_id)
        return cls(
            file_id, change.new, change.changed, change.unchanged, change.absent, change.lost
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word on a held file: it lifts what was shown for exactly these bytes.

    `lifts` are the reasons that were shown; None lifts all.
    """

    actor: str
    reason: str
    at: datetime
    sha256: str
    stale: bool = False
    lifts: tuple[Reason, ...] | None = None


class Pickup(StrEnum):
    """What became of a delivered zip on the server, as far as its names there tell.

    That it was fetched does not say that it was loaded.
    """

    WAITING = "waiting"
    OVERDUE = "overdue"
    PICKED_UP = "picked_up"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Sending:
    """How a file went out before it was sent again, and the token of the request to do so."""

    request: str
    remote_name: str
    remote_time: datetime
    delivered_at: datetime | None
    taken_as: str | None = None
    pickup: Pickup | None = None
    pickup_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileRow:
    """What the ledger knows of one file: its state and all that a restart needs. No patron data.

    `since` is when the state was entered; `failures` counts deaths inside refine of this file;
    `sha256`, `content_sha256` and `cuts_digest` are those of `Refined`;
    `rehearsed` says that everything happened but the upload, `in_doubt` that an attempt may have
    put it on the server without our knowing. `earlier` holds how it went out before, oldest first,
    if it was sent again. `pickup` is what became of its zip on the server and `pickup_at` when that
    was seen; `taken_as` is the name that the receiver gave it. `comparison` is what it changes of
    the file in `compared_with`.
    """

    id: str
    name: str
    stream: str
    state: State
    since: datetime
    claimed_at: datetime
    signature: Signature
    reason: Reason | None = None
    hint: str | None = None
    failures: int = 0
    sha256: str | None = None
    counts: Counts | None = None
    profile: Profile | None = None
    bundle_size: int | None = None
    bundle_sha256: str | None = None
    identical: bool = False
    held_for: tuple[HeldFor, ...] = ()
    approval: Approval | None = None
    compared_with: str | None = None
    duplicate_of: str | None = None
    remote_time: datetime | None = None
    remote_name: str | None = None
    attempts: int = 0
    delivered_at: datetime | None = None
    taken_as: str | None = None
    rehearsed: bool = False
    filed_at: datetime | None = None
    folder: str | None = None
    purged_at: datetime | None = None
    share_purged_at: datetime | None = None
    in_doubt: bool = False
    content_sha256: str | None = None
    earlier: tuple[Sending, ...] = ()
    cuts_digest: str | None = None
    pickup: Pickup | None = None
    pickup_at: datetime | None = None
    comparison: Comparison | None = None

    @property
    def content(self) -> str | None:
        """The digest of the XML, however it was dropped; None while nobody has read it."""
        return self.content_sha256 or self.sha256


@dataclass(frozen=True, slots=True)
class Report:
    """One file's story, from which the JSON, HTML and text reports are made.

    `stream` is empty for a file that was only checked, and never dropped into the inbox.
    """

    file_id: str
    file: str
    stream: str
    verdict: Verdict
    reason: Reason | None
    hint: str | None
    refined: Refined
    made_at: datetime
    held_for: tuple[HeldFor, ...] = ()
    compared_with: Comparison | None = None
    zip_name: str | None = None

    @property
    def dropped(self) -> bool:
        """Whether the file came through the inbox."""
        return bool(self.stream)


@dataclass(frozen=True, slots=True)
class Delivered:
    """Proof that a zip stands complete on the server under its final name.

    `found` is true when an earlier attempt had already put it there; `taken_as` is the name under
    which the receiver has already renamed it.
    """

    remote_path: str
    size: int
    found: bool
    taken_as: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a file's audit trail."""

    at: datetime
    actor: str
    from_state: State | None
    to_state: State
    reason: Reason | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the whole audit trail: its number in it, and the file that it is about."""

    number: int
    file_id: str
    event: Event


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as people and programs outside see it: no patron data.

    `resent` counts how often a person had it sent again.
    """

    id: str
    file: str
    stream: str
    state: State
    reason: Reason | None
    hint: str | None
    since: datetime
    size: int
    counts: Counts | None
    remote_name: str | None
    delivered_at: datetime | None
    rehearsed: bool
    held_for: tuple[HeldFor, ...] = ()
    resent: int = 0
    pickup: Pickup | None = None
    pickup_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileStory:
    """A file and its audit trail, oldest event first."""

    file: FileView
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file in the inbox that is not claimed yet, and the sentence that says why."""

    file: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class StreamView:
    """One stream at a glance. `records` counts the records of the last delivery.

    `unchanged_since` is set once the files have been the same for too long; `expectation` says in
    words when the next one should come. `not_fetched` counts zips that Alma should have fetched.
    """

    name: str
    last_delivery: datetime | None
    last_file: str | None
    records: int | None
    next_expected: datetime | None
    waiting: int
    held: int
    last_came: datetime | None = None
    unchanged_since: datetime | None = None
    expectation: str = ""
    not_fetched: int = 0


@dataclass(frozen=True, slots=True)
class Blocked:
    """Something that stops the service or a lane, since when, and what to do."""

    reason: Reason
    hint: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """What one UTC day brought: the sum of records delivered, and files by outcome."""

    date: str
    records: int
    delivered: int
    held: int
    rejected: int
    duplicate: int


@dataclass(frozen=True, slots=True)
class StatusView:
    """All that the status page, STATUS.html and `sisdrop status` show. `recent` is newest first."""

    version: str
    now: datetime
    mode: str
    last_scan: datetime | None
    share_up: bool
    blocked: tuple[Blocked, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    unmatched: tuple[Waiting, ...] = ()
    open_files: tuple[FileView, ...] = ()
    recent: tuple[FileView, ...] = ()
    streams: tuple[StreamView, ...] = ()
    days: tuple[Day, ...] = ()
