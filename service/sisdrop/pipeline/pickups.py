"""Watching what becomes of delivered zips: the receiver renames what it has fetched.

Nothing on the server is touched. That a zip was fetched does not say that it was loaded.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sisdrop.delivery.remote import Fate
from sisdrop.ledger import Overtaken
from sisdrop.log import LogEvent
from sisdrop.model import FileRow, Pickup, Stage, State
from sisdrop.pipeline.dispatch import Connection
from sisdrop.pipeline.steps import Steps

_TOLD = {
    Pickup.PICKED_UP: LogEvent.PICKUP_SEEN,
    Pickup.VANISHED: LogEvent.PICKUP_VANISHED,
    Pickup.OVERDUE: LogEvent.PICKUP_OVERDUE,
}


@dataclass(frozen=True, slots=True)
class PickupPlan:
    """How pickups are watched. `interval` and `overdue_after` are seconds.

    `account` names the account whose folder it is: before a first pickup was seen there, nobody
    knows whether its receiver renames anything, so nothing is overdue. With `in_turn`, no stream
    sends while a zip of an earlier stream waits to be fetched.
    """

    watch: bool
    interval: float
    overdue_after: float
    account: str
    in_turn: bool = False


class Pickups:
    """Looks at delivered zips, and remembers what was seen."""

    def __init__(self, steps: Steps, plan: PickupPlan) -> None:
        self.plan = plan
        self._steps = steps
        self._kit = steps.kit

    def waiting(self) -> list[FileRow]:
        """The files whose zip still stood on the server at the last look."""
        return self._kit.ledger.awaiting_pickup()

    def in_the_way(self, stream: str) -> FileRow | None:
        """A zip of an earlier stream that must be fetched before this stream may send."""
        if not self.plan.in_turn:
            return None
        order = list(self._kit.streams)
        earlier = order[: order.index(stream)] if stream in order else order
        return next((row for row in self.waiting() if row.stream in earlier), None)

    async def look(self, connection: Connection) -> None:
        """Ask the server what became of each; what is news is told once.

        If killed here: what was told and not remembered is told again after the restart.

        Raises:
            Transient, NeedsOperator: as the connection does.
        """
        folders: dict[str, list[FileRow]] = defaultdict(list)
        for row in await asyncio.to_thread(self.waiting):
            folders[self._steps.policy(row).directory].append(row)
        with self._steps.stage(Stage.PICKUP):
            for folder, rows in folders.items():
                names = [row.remote_name for row in rows if row.remote_name]
                fates = await connection.fates(folder, names)
                await asyncio.to_thread(self._note, rows, fates)

    def _note(self, rows: list[FileRow], fates: Mapping[str, Fate]) -> None:
        now = self._kit.clock.utc()
        is_known = self._kit.ledger.recall(self._proof) is not None
        if not is_known and any(fate.pickup is Pickup.PICKED_UP for fate in fates.values()):
            self._kit.ledger.remember(self._proof, "seen")
            is_known = True
        for row in rows:
            with self._steps.deciding, suppress(Overtaken):
                self._note_one(row, fates[row.remote_name or ""], now, is_known=is_known)

    @property
    def _proof(self) -> str:
        return f"pickup_seen:{self.plan.account}"

    def _note_one(self, seen: FileRow, fate: Fate, now: datetime, *, is_known: bool) -> None:
        row = self._kit.ledger.get(seen.id)
        # Meanwhile it may have been sent again.
        if row is None or row.state is not State.ARCHIVED or row.remote_name != seen.remote_name:
            return
        pickup = fate.pickup
        if pickup is Pickup.WAITING and is_known and self._is_late(row, now):
            pickup = Pickup.OVERDUE
        if pickup is row.pickup:
            return
        # Told before it is remembered: twice is better than never.
        if (event := _TOLD.get(pickup)) is not None:
            log = self._steps.log_of(row)
            (log.info if pickup is Pickup.PICKED_UP else log.warning)(event)
        self._kit.ledger.update(row, pickup=pickup, pickup_at=now, taken_as=fate.name)
        if pickup is Pickup.PICKED_UP:
            self._kit.metrics.set_last_pickup(row.stream, now)

    def _is_late(self, row: FileRow, now: datetime) -> bool:
        after = timedelta(seconds=self.plan.overdue_after)
        return row.delivered_at is not None and now - row.delivered_at > after
