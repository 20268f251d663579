"""Settings that are accepted though this version does not act on them yet.

Pure. An operator who sets one must not believe that it works: the service says so at its start.
An entry is deleted together with the reason for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from typing_extensions import override

from sisdrop.settings import Settings


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


ENTRIES = (
    NotYet(
        "notify",
        "no mail is sent",
        lambda settings: settings.notify is not None,
    ),
)


def unimplemented(settings: Settings, entries: Iterable[NotYet] = ENTRIES) -> list[str]:
    """One sentence, beginning with the key, for each setting that has no effect yet."""
    return [str(entry) for entry in entries if entry.asked_for(settings)]
