"""The whole service in one process: real share, archive and ledger, a clock that waits for us."""

import copy
import io
import json
import os
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar
from unittest.mock import patch

from sisdrop.build import LEDGER, Shop, build_metrics, build_shop, prepare_data
from sisdrop.clock import Clock
from sisdrop.courier import Courier
from sisdrop.delivery.lanes import Backoff
from sisdrop.inbox.share import Share
from sisdrop.ledger import Ledger
from sisdrop.letters import Letter
from sisdrop.log import Log, LogEvent
from sisdrop.mails import Mails
from sisdrop.metrics import Metrics
from sisdrop.model import FileRow, State
from sisdrop.requests import Answer, Command, Request
from sisdrop.roster import load_key
from sisdrop.settings import Settings
from sisdrop.situation import Situation
from support.clock import FakeClock
from support.fake_server import FakeServer
from support.post import Post
from support.reader import Reader

SETTLE = 30.0
PROBE = 900.0
BACKOFF = Backoff(first=1.0, max=20.0, probe=PROBE)
T = TypeVar("T")


def _settings(inbox: Path, data: Path, changes: Mapping[str, Any]) -> Settings:
    tree: dict[str, Any] = {
        "inbox": {"path": str(inbox), "settle": f"{SETTLE:.0f}s"},
        "data": str(data),
        "guard": {"first_load": "deliver"},
        "sftp": {
            "host": "sftp.example.edu",
            "username": "testftp",
            "key": "/secrets/key",
            "known_hosts": "/secrets/known_hosts",
        },
    }
    for section, values in changes.items():
        both = isinstance(values, dict) and isinstance(tree.get(section), dict)
        tree[section] = tree[section] | values if both else values
    return Settings.model_validate(tree)


@contextmanager
def plain_pages() -> Iterator[None]:
    """Pages without their layout, which has tests of its own and takes a sixth of the time."""
    with (
        patch("sisdrop.rounds.status_html", lambda view: f"{view}"),
        patch("sisdrop.pipeline.desk.report_html", lambda report: f"{report}"),
    ):
        yield


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder in memory where there is one: the disk has nothing to add to these tests."""
    memory = Path("/dev/shm")  # noqa: S108 - a fresh folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


async def _here(function: Callable[..., Any], *args: Any) -> Any:
    """Stands in for a thread: what waits for nothing needs none."""
    return function(*args)


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what never really waits, without an event loop."""
    with patch("asyncio.to_thread", _here):
        try:
            coroutine.send(None)
        except StopIteration as done:
            result: T = done.value
            return result
    raise AssertionError("it waits for something")


class Recorder:
    """Keeps what is logged: the level, the event, and its keys."""

    def __init__(self, lines: list[dict[str, Any]] | None = None, **keys: Any) -> None:
        self.lines: list[dict[str, Any]] = [] if lines is None else lines
        self._keys = keys

    def bind(self, **keys: Any) -> "Recorder":
        """A recorder that adds these keys to every line."""
        return Recorder(self.lines, **self._keys | keys)

    def info(self, event: LogEvent, **keys: Any) -> None:
        """Keep a line."""
        self.lines.append({"level": "info", "event": event} | self._keys | keys)

    def warning(self, event: LogEvent, **keys: Any) -> None:
        """Keep a line."""
        self.lines.append({"level": "warning", "event": event} | self._keys | keys)

    def error(self, event: LogEvent, **keys: Any) -> None:
        """Keep a line."""
        self.lines.append({"level": "error", "event": event} | self._keys | keys)

    def count(self, event: LogEvent) -> int:
        """How often an event was told."""
        return sum(line["event"] is event for line in self.lines)


class World:
    """One installation. `begin` starts the service on its folders, `end` stops it at once."""

    def __init__(self, base: Path, clock: Clock | None = None, **changes: Any) -> None:
        self.inbox, self.data = base / "inbox", base / "data"
        self.inbox.mkdir(exist_ok=True)
        self.settings = _settings(self.inbox, self.data, changes)
        self.clock = FakeClock()
        self._real_clock = clock
        self.server = FakeServer()
        self.post = Post()
        self.reader = Reader()
        self.tokens = count()
        self.log = Recorder()
        self.metrics: Metrics = build_metrics(self.settings)
        self.progressed: list[int] = []
        self.begin()

    def fork(self, base: Path) -> "World":
        """Another world that is now as this one is, which must have ended; files keep their inodes.

        What is then done in the one is not done in the other, if files are replaced and not
        written to.
        """
        twin = copy.copy(self)
        twin.inbox, twin.data = base / "inbox", base / "data"
        shutil.copytree(self.inbox, twin.inbox, copy_function=os.link)
        shutil.copytree(self.data, twin.data)
        changes = {"path": twin.inbox}
        twin.settings = self.settings.model_copy(
            update={
                "data": twin.data,
                "inbox": self.settings.inbox.model_copy(update=changes),
            }
        )
        twin.clock, twin.tokens = copy.copy(self.clock), copy.copy(self.tokens)
        twin.server, twin.reader, twin.log = self.server.twin(), Reader(), Recorder()
        twin.post = copy.deepcopy(self.post)
        twin.begin()
        return twin

    # Its life.

    def begin(self) -> None:
        """Start the service: everything anew, over the same folders."""
        prepare_data(self.data)
        self.reader.key = load_key(self.data, secrets.token_bytes)
        self.ledger = Ledger(self.data / LEDGER)
        self.situation = Situation()
        with patch("sisdrop.build.build_refiner", return_value=self.reader):
            self.shop: Shop = build_shop(
                self.settings,
                self.ledger,
                self.metrics,
                Log(self.log),
                self._real_clock or self.clock,
                self.situation,
            )
        kit = self.shop.kit
        # What is drawn by chance elsewhere is counted here, so that a run can be repeated.
        object.__setattr__(kit, "token", lambda: f"{next(self.tokens):04x}")
        self.share: Share = kit.share
        self.courier = Courier(
            kit,
            self.shop.dispatch,
            self.server.connection,
            BACKOFF,
            self.situation,
            pickups=self.shop.stages.pickups,
            jitter=lambda: 1.0,
            progress=self.progressed.append,
        )
        self.shop.dispatch.requeue()
        notify = self.settings.notify
        self.mails = Mails(kit, self._post, notify.on) if notify else None

    def _post(self, letter: Letter) -> Collection[str]:
        return self.post.take(letter)

    def end(self) -> None:
        """The process is gone."""
        self.ledger.close()

    def __enter__(self) -> Self:
        """The world itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """It ends."""
        self.end()

    def restart(self, **changes: Any) -> None:
        """End it, and start it again, with other settings if given."""
        self.end()
        if changes:
            self.settings = _settings(self.inbox, self.data, changes)
        self.begin()

    # What people do.

    def drop(self, content: bytes, name: str = "students.xml") -> Path:
        """Put a file into the inbox, all at once."""
        path = self.inbox / name
        path.write_bytes(content)
        return path

    def ask(self, command: Command, **wish: Any) -> Answer:
        """Ask the running service, and let it look."""
        token = f"{next(self.tokens):08d}"
        self.shop.box.ask(Request(token=token, command=command, actor="operator", **wish))
        self.shop.rounds.share_round()
        answer = self.shop.box.collect(token)
        assert answer is not None
        return answer

    def approve(self, row: FileRow, *, stale: bool = False) -> Answer:
        """The operator approves a held file."""
        return self.ask(Command.APPROVE, file_id=row.id, reason="looked at it", stale=stale)

    def refuse(self, row: FileRow) -> Answer:
        """The operator refuses a held file."""
        return self.ask(Command.REFUSE, file_id=row.id, reason="not this one")

    # Rounds.

    def scan(self) -> None:
        """Time passes, and the share is looked at."""
        self.clock.advance(SETTLE + 1)
        self.shop.rounds.share_round()

    def work(self) -> int:
        """What was claimed is read and judged."""
        return self.shop.rounds.work_round()

    def deliver(self) -> float | None:
        """What is queued goes out."""
        return at_once(self.courier.run())

    def round(self) -> None:
        """One round of everything."""
        self.scan()
        self.work()
        self.deliver()
        if self.mails is not None:
            self.mails.look()

    def run(self, most: int = 20) -> None:
        """Rounds until nothing moves any more."""
        still = 0
        before: object = None
        for _ in range(most):
            self.round()
            now = (self.rows(), self._files("**/*"))
            still = still + 1 if now == before else 0
            if still >= (3 if self._is_waiting() else 1):
                return
            before = now
        raise AssertionError([(row.name, row.state, row.reason) for row in self.rows()])

    def _is_waiting(self) -> bool:
        """Whether something may still be settling: it takes two looks that change nothing."""
        open_ = self.ledger.in_states(State.CLAIMED, State.REFINED)
        return bool(open_ or self._files("*")) or any(self.inbox.glob("approved/*"))

    def _files(self, pattern: str) -> list[Path]:
        """What people drop, and what becomes of it on the share."""
        found = self.inbox.glob(pattern)
        return sorted(path for path in found if path.suffix in {".xml", ".zip"})

    # What can be seen.

    def rows(self) -> list[FileRow]:
        """All files, in the order of their claims."""
        return self.ledger.in_states(*State)

    def states(self) -> list[State]:
        """Their states."""
        return [row.state for row in self.rows()]

    def names(self, state: State) -> list[str]:
        """The names of the files in a state."""
        return [row.name for row in self.ledger.in_states(state)]

    def only(self, state: State) -> FileRow:
        """The one file in a state."""
        (row,) = self.ledger.in_states(state)
        return row

    def get(self, row: FileRow) -> FileRow:
        """The file as it is now."""
        found = self.ledger.get(row.id)
        assert found is not None
        return found

    def listing(self, folder: str) -> list[str]:
        """The names in a folder of the share, hidden ones included."""
        return sorted(path.name for path in (self.inbox / folder).iterdir())

    def held(self, row: FileRow) -> Path:
        """Where a held file lies."""
        return self.share.held(row.id, row.name)

    def report(self, row: FileRow) -> Mapping[str, Any]:
        """The report of a file on the share."""
        path = self.share.reports(row.id, row.name)[1]
        found: Mapping[str, Any] = json.loads(path.read_text())
        return found

    def sent(self) -> dict[str, bytes]:
        """The XML in each zip on the server, by its name there."""
        return {name: unzipped(content) for name, content in self.server.files.items()}

    def metric(self, series: str) -> float:
        """The value of one series."""
        page = self.metrics.render()[0].decode()
        return next(
            float(line.rsplit(" ", 1)[1])
            for line in page.splitlines()
            if line.startswith(f"sisdrop_{series} ")
        )


def unzipped(content: bytes) -> bytes:
    """The one entry of a zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return archive.read(name)
