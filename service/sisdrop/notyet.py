"""Settings that are accepted though this version does not act on them yet.

Pure. An operator who sets one must not believe that it works: the service says so at its start.
An entry is deleted together with the reason for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from typing_extensions import override

from sisdrop.settings import GuardSettings, Incomplete, Kind, Settings


@dataclass(frozen=True, slots=True)
class NotYet:
    """A key, what this version does instead, and whether these settings ask for it."""

    key: str
    instead: str
    asked_for: Callable[[Settings], bool]

    @override
    def __str__(self) -> str:
        """The entry as one sentence."""
        return f"{self.key}: not acted on in this version; {self.instead}."


def any_guard(asks: Callable[[GuardSettings], bool]) -> Callable[[Settings], bool]:
    """Whether any stream's guard asks for something."""

    def any_stream_asks(settings: Settings) -> bool:
        return any(asks(settings.guard_for(stream)) for stream in settings.streams)

    return any_stream_asks


ENTRIES = (
    NotYet(
        "guard.max_new",
        "no file is held because too many of its people are new",
        any_guard(lambda guard: guard.max_new is not None),
    ),
    NotYet(
        "guard.max_absent",
        "no file is held because too many people are gone from it",
        any_guard(lambda guard: guard.max_absent is not None),
    ),
    NotYet(
        "streams",
        "a person in two streams is sent with both",
        lambda settings: len(settings.streams) > 1,
    ),
    NotYet(
        "streams[].kind",
        "a stream of changes is judged without counts, but not person by person",
        lambda settings: any(stream.kind is Kind.CHANGES for stream in settings.streams),
    ),
    NotYet(
        "validation.incomplete",
        "incomplete records are delivered",
        lambda settings: settings.validation.incomplete is Incomplete.KEEP_ALMA,
    ),
    NotYet(
        "validation.workers",
        "one thread checks each file",
        lambda settings: settings.validation.workers not in ("auto", 1),
    ),
    NotYet(
        "pickup.watch",
        "nobody looks whether Alma has fetched a zip",
        lambda settings: settings.pickup.watch,
    ),
    NotYet(
        "sftp.wait_for_pickup",
        "no stream waits until the earlier stream's zip has been fetched",
        lambda settings: settings.sftp.wait_for_pickup,
    ),
    NotYet(
        "expect",
        "nothing is said when no file comes",
        lambda _: True,
    ),
    NotYet(
        "notify",
        "no mail is sent",
        lambda settings: settings.notify is not None,
    ),
)


def unimplemented(settings: Settings, entries: Iterable[NotYet] = ENTRIES) -> list[str]:
    """One sentence, beginning with the key, for each setting that has no effect yet."""
    return [str(entry) for entry in entries if entry.asked_for(settings)]
