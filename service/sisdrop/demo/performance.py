"""Plays the four files one after the other, and waits for what becomes of each."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sisdrop.demo import evidence, judge
from sisdrop.demo.acts import FILE, Act, acts
from sisdrop.demo.alma import StandIn
from sisdrop.demo.narrator import Line, Narrator
from sisdrop.demo.screen import Screen
from sisdrop.demo.stage import Stage
from sisdrop.model import FileRow, State
from sisdrop.requests import Answer, Command, Request, RequestBox
from sisdrop.states import FINAL

# Seconds between two looks, for all of a proof, for one file, and for reading what was printed.
TICK = 0.1
PROOF = 30.0
ONE_FILE = 30.0
PAUSE = 1.5


class Performance:
    """One run of the four files on a stage where the service works already."""

    def __init__(
        self, stage: Stage, screen: Screen, narrator: Narrator, port: int, *, hurry: bool
    ) -> None:
        self._stage = stage
        self._screen = screen
        self._narrator = narrator
        self._port = port
        self._alma = StandIn(stage.upload, 0.5 if hurry else 3.0)
        self._pause = 0.0 if hurry else PAUSE
        self._before = frozenset(narrator.files)
        self._rested: list[FileRow | None] = []

    async def play(self, now: datetime) -> None:
        """Drop the four files, tell what becomes of them, and where to look."""
        self._screen.opening(self._port)
        for act in (programme := acts(now)):
            await self._play(act, len(programme), ONE_FILE)
        held = self._rested[-1]
        waits = held is not None and self._now(held).state is State.HELD
        self._screen.where_to_look(self._port, held if waits else None)

    async def go_on(self) -> None:
        """Tell what becomes of the files that a person drops, until cancelled."""
        while True:
            await self._tick()

    async def prove(self, now: datetime) -> bool:
        """Drop the four files, approve the held one, and judge all; returns whether it is good."""
        deadline = time.monotonic() + PROOF
        self._screen.opening(self._port)
        for act in (programme := acts(now)):
            await self._play(act, len(programme), deadline - time.monotonic())
        trouble = await self._approve(deadline)
        seen = [evidence.gather(self._stage, row, self._end_of(row)) for row in self._rested]
        wrong = trouble + await self._judge(programme, seen)
        self._screen.verdict(judge.summary(seen), wrong)
        return not wrong

    async def _play(self, act: Act, of: int, patience: float) -> None:
        self._screen.act(len(self._rested) + 1, of, act)
        digest = hashlib.sha256(act.content).hexdigest()
        deadline = time.monotonic() + patience
        path = self._stage.inbox / FILE
        # Somebody may have dropped a file of this name.
        if await self._until(lambda: not path.exists(), patience):
            path.write_bytes(act.content)
        ended = await self._until(
            lambda: self._has_ended(self._find(digest)), deadline - time.monotonic()
        )
        if not ended:
            self._screen.late(act)
        self._rested.append(self._find(digest))
        await self._until(lambda: False, self._pause)

    def _find(self, digest: str) -> FileRow | None:
        """The file of these bytes that came to rest, and that no earlier act has dropped."""
        known = self._before | {row.id for row in self._rested if row is not None}
        mine = (r for r in self._narrator.files.values() if r.sha256 == digest)
        return next((r for r in mine if r.id not in known and _rests(r)), None)

    def _has_ended(self, row: FileRow | None) -> bool:
        """Whether a file came to rest and, if it was sent, Alma has fetched it."""
        if row is None:
            return False
        return row.state is not State.ARCHIVED or row.remote_name in self._alma.fetched

    async def _approve(self, deadline: float) -> list[str]:
        """Approve the held file as the command does, and wait until Alma has fetched it."""
        held = self._rested[-1]
        if held is None or held.state is not State.HELD:
            return []
        wish = Request(f"demo-{held.id}", Command.APPROVE, "demo", held.id, "it is only a demo")
        answer = await self._ask(wish, deadline - time.monotonic())
        if not answer.done:
            return [f"the approval was answered with: {answer.sentence}"]
        await self._until(lambda: self._is_over(held), deadline - time.monotonic())
        return []

    async def _ask(self, wish: Request, patience: float) -> Answer:
        """Leave a request for the service, and go on telling until it is answered."""
        box = RequestBox(self._stage.data)
        box.ask(wish)
        deadline = time.monotonic() + patience
        while (answer := box.collect(wish.token)) is None:
            if time.monotonic() >= deadline:
                return Answer(done=False, sentence="nothing, in time")
            await self._tick()
        return answer

    def _is_over(self, held: FileRow) -> bool:
        now = self._now(held)
        return now.state in FINAL and self._has_ended(now)

    def _now(self, row: FileRow) -> FileRow:
        return self._narrator.files[row.id]

    def _end_of(self, row: FileRow | None) -> FileRow | None:
        return None if row is None else self._now(row)

    async def _judge(self, programme: tuple[Act, ...], seen: list[judge.Seen]) -> list[str]:
        wrong = [
            f"{number} of {len(programme)}: {difference}"
            for number, (act, one) in enumerate(zip(programme, seen, strict=True), 1)
            for difference in judge.differences(act, one)
        ]
        names = [path.name for path in self._stage.upload.iterdir()]
        wrong += judge.strays(names, sum(act.is_sent for act in programme))
        wrong += judge.unfinished(list(self._narrator.files.values()), len(programme))
        wrong += evidence.left_on_share(self._stage.inbox)
        return wrong + await asyncio.to_thread(evidence.silent_pages, self._port)

    async def _until(self, met: Callable[[], bool], patience: float) -> bool:
        """Go on telling until something is met, for so many seconds; returns whether it was."""
        deadline = time.monotonic() + patience
        while not met():
            if time.monotonic() >= deadline:
                return False
            await self._tick()
        return True

    async def _tick(self) -> None:
        self._screen.lines(await asyncio.to_thread(self._look))
        await asyncio.sleep(TICK)

    def _look(self) -> list[Line]:
        now = datetime.now(UTC)
        news = self._narrator.news(now)
        fetched = self._alma.look(time.monotonic())
        return [*news, *(Line(now, *self._fetched(name)) for name in fetched)]

    def _fetched(self, name: str) -> tuple[str, str, str]:
        files = (row.name for row in self._narrator.files.values() if row.remote_name == name)
        return (
            next(files, name),
            "Alma has fetched it: its name on the server now ends in .old",
            "green",
        )


def _rests(row: FileRow) -> bool:
    return row.state is State.HELD or row.state in FINAL
