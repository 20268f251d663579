"""What people do to an installation over its life, and what must hold whatever they do."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sisdrop.build import LEDGER
from sisdrop.delivery.phases import Phase
from sisdrop.errors import NeedsOperator, Reason
from sisdrop.model import FileRow, State
from sisdrop.requests import Command, Request
from support.fake_server import lost, refused
from support.killing import Death, Killed, dying
from support.laws import check_laws, is_cut_of, original, places
from support.reader import digest_of, kept, people, xml_in
from support.trouble import full, troubled
from support.world import World, unzipped
from support.zips import zipped

SETTINGS: dict[str, Any] = {
    "streams": [
        {"name": "staff", "match": ["staff*.xml", "staff*.zip"]},
        {"name": "students", "match": ["*.xml", "*.zip"]},
    ],
    "archive": {"retention": "20d", "rejected_retention": "10d"},
}
OUTAGES = {
    "down": (Phase.CONNECT, lost(Phase.CONNECT)),
    "key refused": (Phase.LOGIN, refused(Phase.LOGIN)),
    "folder gone": (Phase.FOLDER, refused(Phase.FOLDER)),
    "another host key": (
        Phase.CONNECT,
        NeedsOperator(Reason.HOST_KEY, "compare it", {"phase": Phase.CONNECT.value}),
    ),
    "breaks off": (Phase.WRITE, lost(Phase.WRITE)),
    "will not rename": (Phase.RENAME, lost(Phase.RENAME)),
}


class Life:
    """An installation, and a memory of every byte string that was ever dropped into it.

    `dropped` counts how often. What somebody destroyed is in `destroyed`: it need not be anywhere.
    """

    def __init__(self, base: Path) -> None:
        self.world = World(base, **SETTINGS)
        self.dropped: dict[bytes, int] = {}
        self.destroyed: set[bytes] = set()
        self.growing: dict[Path, tuple[int, list[bytes]]] = {}
        self.full = False
        self.deaths = 0
        self._away = base / "away"
        self._copy = base / "ledger.copy"
        self._numbers = iter(range(1_000_000))

    def end(self) -> None:
        """The installation is no longer needed."""
        for handle, _ in self.growing.values():
            os.close(handle)
        self.world.end()

    # What people drop.

    def make(self, kind: str, count: int) -> bytes:
        """Bytes that were never dropped before."""
        made = f"n{next(self._numbers)}x"
        if kind == "garbage":
            return f"<library>{made}</library>".encode()
        content = people(count, made, bad=kind == "mixed")
        return zipped(content) if kind == "zip" else content

    def drop(self, name: str, content: bytes) -> None:
        """Put a file into the inbox, over whatever lies there under this name."""
        path = self.world.inbox / name
        if path in self.growing:
            return  # somebody writes to it
        if path.exists():
            self._forget(path.read_bytes())
            path.unlink()
        path.write_bytes(content)
        at = self.world.clock.utc().timestamp()
        os.utime(path, (at, at))
        self._remember(content)

    def begin_to_write(self, name: str, content: bytes) -> None:
        """Somebody begins to write a file, and keeps it open."""
        path = self.world.inbox / name
        if path.exists() or path in self.growing:
            return
        third = 1 + len(content) // 3
        parts = [content[at : at + third] for at in range(0, len(content), third)]
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self.growing[path] = handle, parts
        self.go_on_writing(path)

    def go_on_writing(self, path: Path) -> None:
        """Another part, wherever the file is by now; whoever is done closes it."""
        handle, parts = self.growing[path]
        os.write(handle, parts.pop(0))
        if not parts:
            content = Path(f"/proc/self/fd/{handle}").read_bytes()
            os.close(handle)
            del self.growing[path]
            self._remember(content)

    def _remember(self, content: bytes) -> None:
        self.dropped[content] = self.dropped.get(content, 0) + 1

    def _forget(self, content: bytes) -> None:
        """One copy is destroyed by people."""
        self.dropped[content] = self.dropped.get(content, 1) - 1

    # What people do with held files.

    def held(self) -> list[FileRow]:
        """The held files that lie where people find them."""
        rows = self.world.ledger.in_states(State.HELD)
        return [row for row in rows if self.world.held(row).exists()]

    def move(self, row: FileRow, folder: str) -> None:
        """Somebody moves a held file to another folder, if nothing lies there."""
        target = self.world.inbox / folder / row.name
        if not target.exists():
            self.world.held(row).rename(target)

    def delete(self, row: FileRow) -> None:
        """Somebody deletes a held file."""
        self.destroyed.add(self.world.held(row).read_bytes())
        self.world.held(row).unlink()

    def ask(self, command: Command, row: FileRow, *, stale: bool) -> None:
        """The operator leaves a request."""
        token = f"{next(self._numbers):08d}"
        wish = Request(token, command, "operator", row.id, "looked at it", stale=stale)
        self.world.shop.box.ask(wish)

    # What the world does.

    @property
    def share_is_away(self) -> bool:
        """Whether the share is not mounted."""
        return self._away.exists()

    def unmount(self, *, leaves_folder: bool) -> None:
        """The share goes away; in its place is nothing, or an empty folder."""
        self.world.inbox.rename(self._away)
        if leaves_folder:
            self.world.inbox.mkdir()

    def mount(self) -> None:
        """The share comes back."""
        if self.world.inbox.exists():
            self.world.inbox.rmdir()  # nothing may have been written there
        self._away.rename(self.world.inbox)

    def comes_back(self) -> None:
        """The server works again."""
        server = self.world.server
        server.failing.clear()
        server.failing_after.clear()
        server.breaking_down = False

    def fetch(self) -> None:
        """Alma fetches what lies on the server."""
        files = self.world.server.files
        for name in [name for name in files if name.endswith(".zip") and name[0] != "."]:
            files[f"{name}.old"] = files.pop(name)

    # What the service does.

    def pass_time(self, rounds: int) -> None:
        """So many rounds."""
        with self._disk():
            for _ in range(rounds):
                self.world.round()

    def die(self, at: int) -> None:
        """A few rounds, in which the process dies at one of its effects, and starts again."""
        try:
            with self._disk(), dying(Death(at)):
                for _ in range(3):
                    self.world.round()
        except Killed:
            self.deaths += 1
        self.world.restart()

    def copy_ledger(self) -> None:
        """The operator makes a backup of the ledger."""
        shutil.copy(self.world.data / LEDGER, self._copy)

    @property
    def has_copy(self) -> bool:
        """Whether there is a backup."""
        return self._copy.exists()

    def restore_ledger(self) -> None:
        """The operator restores it while nothing moves."""
        self.check_at_rest()
        self.world.end()
        shutil.copy(self._copy, self.world.data / LEDGER)
        self.world.begin()
        self.check_at_rest()

    def purge(self) -> None:
        """Retention. What an older ledger cannot know is what went since, so its copy goes, too."""
        if self.world.shop.stages.purge.run():
            self._copy.unlink(missing_ok=True)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        trouble: AbstractContextManager[object] = nullcontext()
        if self.full:
            trouble = troubled(full(self.world.data))
        with trouble:
            yield

    # What must hold.

    def check(self) -> None:
        """Always: nothing is lost, and what stands on the server is complete and came once."""
        share = self._away if self.share_is_away else self.world.inbox
        found = {path.read_bytes() for path in share.rglob("*") if path.is_file()}
        for path in self.world.data.rglob("*"):
            if path.is_file():
                found.add(original(path) or b"")
        for content in self._required():
            assert content in found, content
        self._check_the_server()

    def check_at_rest(self) -> None:
        """When all works again and nothing moves any more: all laws."""
        if self.share_is_away:
            self.mount()
        self.comes_back()
        self.full = False
        for path in list(self.growing):
            while path in self.growing:
                self.go_on_writing(path)
        for _ in range(3):
            self.world.clock.advance(1000)
            self.world.run()
        self.check()
        required = self._required()
        once = [content for content in required if self.dropped[content] == 1]
        check_laws(self.world, once)
        for content in required:
            assert len(places(self.world, content)) <= self.dropped[content]

    def _required(self) -> list[bytes]:
        """The byte strings that must be somewhere: not what people destroyed or what was purged."""
        rows = self.world.rows()
        purged = {row.sha256 for row in rows if row.purged_at or row.share_purged_at}
        return [
            content
            for content, count in self.dropped.items()
            if count > 0 and content not in self.destroyed and not _digests(content) & purged
        ]

    def _check_the_server(self) -> None:
        server, rows = self.world.server, self.world.rows()
        by_name = {row.remote_name: row for row in rows if row.remote_name}
        assert len(by_name) == sum(row.remote_name is not None for row in rows)
        assert len(set(server.log)) == len(server.log), "no name came about twice"
        allowed = [kept(xml_in(content)) for content in self.dropped if content[:2] != b"<l"]
        for name, content in server.files.items():
            if name.startswith("."):
                continue
            row = by_name[name.removesuffix(".old")]
            assert row.state not in (State.CLAIMED, State.HELD, State.REJECTED)
            assert digest_of(content) == row.bundle_sha256
            assert any(is_cut_of(unzipped(content), whole, row) for whole in allowed)


def _digests(content: bytes) -> set[str]:
    """Of a file, and of what a slow writer had written of it when it was given up and rejected."""
    third = 1 + len(content) // 3
    return {digest_of(content[:end]) for end in (third, 2 * third, len(content))}
