"""What people and programs outside see, made from the ledger and the situation."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sisdrop import __version__
from sisdrop.arrivals import standing
from sisdrop.bundle import entry_name
from sisdrop.expectation import Expect, tell
from sisdrop.ledger import Ledger
from sisdrop.model import (
    Blocked,
    Counts,
    Day,
    FileRow,
    FileStory,
    FileView,
    State,
    StatusView,
    StreamView,
)
from sisdrop.situation import Moment
from sisdrop.states import FINAL, OPEN

RECENT = 30
DAYS = 60
_OUTCOMES = {
    State.ARCHIVED: "delivered",
    State.HELD: "held",
    State.REJECTED: "rejected",
    State.DUPLICATE: "duplicate",
}


def file_view(row: FileRow) -> FileView:
    """One file without what only the service needs."""
    return FileView(
        id=row.id,
        file=row.name,
        stream=row.stream,
        state=row.state,
        reason=row.reason,
        hint=row.hint,
        since=row.since,
        size=row.signature.size,
        counts=row.counts,
        remote_name=row.remote_name,
        delivered_at=row.delivered_at,
        rehearsed=row.rehearsed,
        held_for=row.held_for if row.state is State.HELD else (),
        resent=len(row.earlier),
        pickup=row.pickup,
        pickup_at=row.pickup_at,
        comparison=row.comparison,
        entry=entry_name(row.name, row.id) if row.remote_name else None,
    )


def file_story(ledger: Ledger, file_id: str) -> FileStory | None:
    """One file with its audit trail."""
    row = ledger.get(file_id)
    return None if row is None else FileStory(file_view(row), ledger.events(file_id))


def status_view(
    ledger: Ledger, moment: Moment, streams: Mapping[str, Expect], mode: str, now: datetime
) -> StatusView:
    """Everything at a glance, but for the days (see `with_days`)."""
    open_rows, overdue = ledger.in_states(*OPEN), ledger.overdue_pickups()
    return StatusView(
        version=__version__,
        now=now,
        mode=mode,
        last_scan=moment.last_scan,
        share_up=moment.share_up,
        blocked=_blocked(moment),
        waiting=moment.waiting,
        unmatched=moment.unmatched,
        open_files=tuple(file_view(row) for row in open_rows),
        recent=tuple(file_view(row) for row in ledger.latest(RECENT, tuple(FINAL))),
        streams=tuple(
            replace(_stream(ledger, name, expect, open_rows, now), not_fetched=overdue.get(name, 0))
            for name, expect in streams.items()
        ),
    )


def with_days(view: StatusView, ledger: Ledger) -> StatusView:
    """The view with its last sixty days; apart, because it reads as many days of files."""
    since = f"{view.now - timedelta(days=DAYS - 1):%Y%m%d}"
    return replace(view, days=days(ledger.claimed_since(since), view.now))


def _blocked(moment: Moment) -> tuple[Blocked, ...]:
    """Each trouble once, though it may stand in the way of several streams."""
    once = {(b.reason, b.hint): b for b in moment.blocked.values()}
    return tuple(sorted(once.values(), key=lambda b: b.since))


def _stream(
    ledger: Ledger, name: str, expect: Expect, open_rows: list[FileRow], now: datetime
) -> StreamView:
    mine = [row for row in open_rows if row.stream == name]
    last = ledger.last_delivered(name)
    stands = standing(ledger, name, expect, now)
    return StreamView(
        name=name,
        last_delivery=last.delivered_at if last else None,
        last_file=last.name if last else None,
        records=last.counts.delivered if last and last.counts else None,
        next_expected=stands.deadline,
        waiting=sum(row.state is not State.HELD for row in mine),
        held=sum(row.state is State.HELD for row in mine),
        last_came=stands.last_came,
        unchanged_since=stands.unchanged_since,
        expectation=tell(stands, expect.zone, now),
    )


def days(rows: Sequence[FileRow], now: datetime) -> tuple[Day, ...]:
    """The last sixty UTC days, oldest first, with what each brought."""
    by_day: dict[str, list[FileRow]] = defaultdict(list)
    for row in rows:
        by_day[f"{row.claimed_at:%Y-%m-%d}"].append(row)
    dates = [f"{now - timedelta(days=back):%Y-%m-%d}" for back in reversed(range(DAYS))]
    return tuple(_day(date, by_day[date]) for date in dates)


def _day(date: str, rows: Sequence[FileRow]) -> Day:
    real = [row for row in rows if not row.rehearsed]
    outcomes = [_OUTCOMES.get(row.state, "") for row in real]
    sent = [row.counts or Counts() for row in real if row.state is State.ARCHIVED]
    return Day(
        date=date,
        records=sum(counts.delivered for counts in sent),
        delivered=outcomes.count("delivered"),
        held=outcomes.count("held"),
        rejected=outcomes.count("rejected"),
        duplicate=outcomes.count("duplicate"),
    )
