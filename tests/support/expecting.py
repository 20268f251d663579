"""What is expected of streams, in as few words as a test needs."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

from sisdrop.expectation import Expect

WEEKLY = Expect(
    every=timedelta(days=8), grace=timedelta(0), days=frozenset(range(7)), pause=(), zone=UTC
)


def expect(**changes: Any) -> Expect:
    """The defaults of the settings, changed as said."""
    return replace(WEEKLY, **changes)


def expecting(*streams: str, **changes: Any) -> dict[str, Expect]:
    """The same for each of these streams."""
    return dict.fromkeys(streams, expect(**changes))
