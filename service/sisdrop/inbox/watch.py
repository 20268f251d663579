"""Wake-ups from the operating system: a hint that something changed, never the truth."""

from collections.abc import Callable
from pathlib import PurePath

from typing_extensions import override
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from sisdrop.inbox.names import is_ignored

# What a reader or a directory listing causes says nothing about new files.
_CHANGES = frozenset({"created", "modified", "moved", "closed"})


class _Waker(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    @override
    def on_any_event(self, event: FileSystemEvent) -> None:
        name = PurePath(str(event.dest_path or event.src_path)).name
        if event.event_type in _CHANGES and not event.is_directory and not is_ignored(name):
            self._wake()


class Watcher:
    """Calls `wake` (from a thread of its own) when something in the inbox changes.

    A share may give no events at all, inotify may be exhausted, and a watcher may die in
    silence: each costs latency and never a file, because the scan goes on by itself.
    """

    def __init__(self, inbox: PurePath, wake: Callable[[], None]) -> None:
        self._inbox = inbox
        self._wake = wake
        self._observer: BaseObserver | None = None

    def is_up(self) -> bool:
        """Whether events can still arrive: an observer whose emitter died looks alive."""
        observer = self._observer
        return (
            observer is not None
            and observer.is_alive()
            and bool(observer.emitters)
            and all(emitter.is_alive() for emitter in observer.emitters)
        )

    def start(self) -> bool:
        """(Re)start watching; returns whether that worked."""
        self.stop()
        observer = Observer()
        observer.schedule(_Waker(self._wake), str(self._inbox), recursive=False)
        try:
            observer.start()
        except OSError:
            # No inotify watches or instances left, or no such folder: the scan is enough.
            return False
        self._observer = observer
        return True

    def stop(self) -> None:
        """Stop watching and wait for the thread."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(timeout=5)
            self._observer = None
