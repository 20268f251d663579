"""With the real operating system: it is what the watcher is about."""

import threading
from pathlib import Path

import pytest
from watchdog.events import (
    DirModifiedEvent,
    FileClosedEvent,
    FileClosedNoWriteEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileOpenedEvent,
    FileSystemEvent,
)
from watchdog.observers.api import BaseObserver

from sisdrop.inbox.watch import Watcher, _Waker

PATIENCE = 10.0


def wakes(event: FileSystemEvent) -> bool:
    calls: list[None] = []
    _Waker(lambda: calls.append(None)).dispatch(event)
    return bool(calls)


@pytest.mark.parametrize(
    "event",
    [
        FileCreatedEvent("/inbox/a.xml"),
        FileModifiedEvent("/inbox/a.xml"),
        FileClosedEvent("/inbox/a.xml"),
        FileMovedEvent("/inbox/a.xml.tmp", "/inbox/a.xml"),
        FileMovedEvent("/inbox/.a", "/inbox/a\nb.xml"),
    ],
)
def test_a_change_wakes(event: FileSystemEvent) -> None:
    assert wakes(event)


@pytest.mark.parametrize(
    "event",
    [
        FileOpenedEvent("/inbox/a.xml"),
        FileClosedNoWriteEvent("/inbox/a.xml"),
        FileDeletedEvent("/inbox/a.xml"),
        FileModifiedEvent("/inbox/STATUS.html"),
        FileMovedEvent("/inbox/.STATUS.html.tmp", "/inbox/STATUS.html"),
        FileCreatedEvent("/inbox/~$a.xml"),
        FileCreatedEvent("/inbox/a.xml.part"),
        DirModifiedEvent("/inbox/held"),
    ],
)
def test_what_says_nothing_about_new_files_does_not_wake(event: FileSystemEvent) -> None:
    assert not wakes(event)


def test_a_dropped_file_wakes_soon(tmp_path: Path) -> None:
    woken = threading.Event()
    watcher = Watcher(tmp_path, woken.set)
    assert watcher.start()
    try:
        assert watcher.is_up()
        (tmp_path / "students.xml").write_bytes(b"<users/>")
        assert woken.wait(PATIENCE)
    finally:
        watcher.stop()


def test_a_watcher_that_was_not_started_or_was_stopped_is_not_up(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path, lambda: None)
    watcher.stop()
    assert not watcher.is_up()
    watcher.start()
    watcher.stop()
    watcher.stop()
    assert not watcher.is_up()


def test_a_folder_that_is_not_there_costs_only_the_wake_ups(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path / "nowhere", lambda: None)
    assert not watcher.start()
    assert not watcher.is_up()
    (tmp_path / "nowhere").mkdir()
    assert watcher.start()
    watcher.stop()


def test_no_inotify_left_costs_only_the_wake_ups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(_: BaseObserver) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(BaseObserver, "start", exhausted)
    watcher = Watcher(tmp_path, lambda: None)
    assert not watcher.start()
    assert not watcher.is_up()


def test_an_observer_whose_emitter_died_is_not_up(tmp_path: Path) -> None:
    """The observer's own thread goes on living when the share under it is gone."""
    watcher = Watcher(tmp_path, lambda: None)
    watcher.start()
    observer = watcher._observer
    assert observer is not None
    for emitter in observer.emitters:
        emitter.stop()
        emitter.join(PATIENCE)
    assert observer.is_alive()
    assert not watcher.is_up()
    assert watcher.start()
    assert watcher.is_up()
    watcher.stop()


def test_starting_twice_leaves_one_watcher(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path, lambda: None)
    watcher.start()
    first = watcher._observer
    watcher.start()
    assert first is not None
    assert not first.is_alive()
    watcher.stop()
