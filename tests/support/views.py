"""What a service of two streams would show after two months, and a source that hands it out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sisdrop.errors import Reason
from sisdrop.expectation import Standing, tell
from sisdrop.health import Check, CheckName, Health, liveness, readiness
from sisdrop.model import (
    Blocked,
    Counts,
    Day,
    Event,
    FileStory,
    FileView,
    HeldFor,
    State,
    StatusView,
    StreamView,
    Waiting,
)

NOW = datetime(2026, 11, 23, 19, 3, 1, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\u202egnp.lmx\n" + "very-long-" * 12 + ".xml"


def a_file(state: State = State.ARCHIVED, hours: int = 14, **changes: object) -> FileView:
    """A file of students that got where `state` says, so many hours ago."""
    since = NOW - timedelta(hours=hours)
    file = FileView(
        id=f"{since:%Y%m%dT%H%M%SZ}-4f7c",
        file="students.xml",
        stream="students",
        state=state,
        reason=None,
        hint=None,
        since=since,
        size=48_211_904,
        counts=Counts(21_402, 21_388, 9, 5, 0, 112),
        remote_name=f"{since:%Y%m%dT%H%M%SZ}-01-students-9c1e77aa.zip",
        delivered_at=since,
        rehearsed=False,
    )
    return replace(file, **changes)  # type: ignore[arg-type]  # the tests give right ones


def a_held_file() -> FileView:
    """Emails are gone from a file, so that it waits for a person."""
    sentence = (
        "Preferred email: 98.2 % of the records had one in the last file, 3.1 % have one now. "
        "Alma would erase it for about 20,300 people."
    )
    return a_file(
        State.HELD,
        2,
        reason=Reason.FIELD_LOSS,
        held_for=(HeldFor(Reason.FIELD_LOSS, sentence),),
        remote_name=None,
        delivered_at=None,
    )


def quiet_view() -> StatusView:
    """Two streams, everything delivered, nothing waits."""
    return StatusView(
        version="0.1.0",
        now=NOW,
        mode="deliver",
        last_scan=NOW - timedelta(seconds=3),
        share_up=True,
        recent=(
            a_file(),
            a_file(State.DUPLICATE, 15, file="employees.xml", stream="employees"),
            a_file(State.ARCHIVED, 38),
        ),
        streams=(
            _stream("students", 14, 21_388, 34),
            _stream("employees", 62, 3_120, None),
        ),
        days=tuple(_day(at) for at in range(60)),
    )


def _stream(name: str, ago: int, records: int, expected: int | None) -> StreamView:
    last = NOW - timedelta(hours=ago)
    following = None if expected is None else NOW + timedelta(hours=expected)
    return StreamView(
        name=name,
        last_delivery=last,
        last_file=f"{name}.xml",
        records=records,
        next_expected=following,
        waiting=0,
        held=0,
        last_came=last,
        expectation=tell(Standing(None, last, following, None), UTC, NOW),
    )


def a_late_stream() -> StreamView:
    """A stream whose file has not come, and whose files were all the same before."""
    stands = Standing(
        None, NOW - timedelta(days=9), NOW - timedelta(hours=5), NOW - timedelta(days=30)
    )
    return replace(
        _stream("employees", 216, 3_120, -5),
        unchanged_since=stands.unchanged_since,
        expectation=tell(stands, UTC, NOW),
    )


def _day(at: int) -> Day:
    """Nothing at weekends, one bad file now and then, a rise when the term begins."""
    date = NOW.date() - timedelta(days=59 - at)
    if date.weekday() >= 5:
        return Day(date.isoformat(), 0, 0, 0, 0, 0)
    held, rejected, duplicate = int(at in {20, 59}), int(at in {8, 33}), int(at % 10 == 6)
    delivered = 0 if rejected else 2
    records = (18_000 + at * 60 + (9_000 if 25 <= at < 30 else 0)) if delivered else 0
    return Day(date.isoformat(), records, delivered, held, rejected, duplicate)


def busy_view() -> StatusView:
    """Everything at once: a block, a held file, one on its way, one that fits no stream."""
    quiet = quiet_view()
    rejected = a_file(
        State.REJECTED,
        10,
        file="employees-nov.xml",
        stream="employees",
        reason=Reason.XML_ENCODING,
        counts=None,
        remote_name=None,
        delivered_at=None,
    )
    queued = a_file(State.QUEUED, 1, file=HOSTILE, reason=Reason.AUTH, delivered_at=None)
    blocked = Blocked(
        Reason.AUTH,
        "Ask the server's owner whether our public key is still accepted for this account.",
        NOW - timedelta(hours=1),
    )
    soon = NOW - timedelta(seconds=20)
    return replace(
        quiet,
        blocked=(blocked,),
        waiting=(Waiting("students-2.xml", "It is still being written.", soon),),
        unmatched=(Waiting(HOSTILE, "No stream's pattern matches it.", NOW - timedelta(days=2)),),
        open_files=(a_held_file(), queued),
        recent=(rejected, *quiet.recent, a_file(State.SUPERSEDED, 39, file="old.xml")),
        streams=(quiet.streams[0], a_late_stream()),
    )


def a_story() -> FileStory:
    """A held file from its claim to its hold, with a note that somebody typed."""
    file = a_held_file()
    moments = (file.since - timedelta(minutes=2), file.since - timedelta(minutes=1), file.since)
    states = (State.CLAIMED, State.REFINED, State.HELD)
    before = (None, *states)
    events = tuple(
        Event(at, "sisdrop", earlier, state, file.reason if state is State.HELD else None, None)
        for at, earlier, state in zip(moments, before, states, strict=False)
    )
    typed = replace(events[-1], actor="operator", note="Fakename asked for it")
    return FileStory(file, (*events, typed))


def _all_good() -> dict[str, Check]:
    return {name.value: Check(ok=True, detail="good") for name in CheckName}


@dataclass
class FakeSource:
    """Hands out what it was given; with `fails` set, everything but liveness raises it."""

    view: StatusView = field(default_factory=quiet_view)
    checks: dict[str, Check] = field(default_factory=_all_good)
    beat: float = 0.0
    fails: Exception | None = None
    asked: list[tuple[State | None, int]] = field(default_factory=list)
    on_status: Callable[[], None] = field(default=lambda: None)
    story: FileStory | None = None

    def _maybe_fail(self) -> None:
        if self.fails is not None:
            raise self.fails

    def status(self) -> StatusView:
        """The view it was given."""
        self._maybe_fail()
        self.on_status()
        return self.view

    def files(self, state: State | None, limit: int) -> list[FileView]:
        """The files of the view, and a record of what was asked."""
        self._maybe_fail()
        self.asked.append((state, limit))
        files = [*self.view.open_files, *self.view.recent]
        return [file for file in files if state in {None, file.state}][:limit]

    def file(self, file_id: str) -> FileStory | None:
        """The one story there is."""
        self._maybe_fail()
        story = self.story or a_story()
        return story if file_id == story.file.id else None

    def liveness(self) -> Health:
        """Alive unless the beat is old."""
        return liveness(now=100.0, last_beat=100.0 - self.beat, limit=180.0)

    def readiness(self) -> Health:
        """Ready as the checks say."""
        self._maybe_fail()
        return readiness(self.checks)
