"""What `sisdrop check` looks at: everything outside the program that the service needs."""

from sisdrop.preflight.point import Point
from sisdrop.settings import Settings

__all__ = ["Point", "preflight"]


def preflight(settings: Settings, *, adopt_share: bool = False) -> list[Point]:
    """Look at settings, data volume, share and server; each point says how to mend it.

    Writes nothing that stays, except the folders that the service would make at its start and
    what `adopt_share` asks for. A running service is not disturbed. If killed here: a hidden
    probe file may stay in a folder or on the server, which no scan takes; for `adopt_share` see
    `preflight.identity.adopt`.
    """
    # Commands that only print know `Point`; they need not load what talks to a server.
    from sisdrop.preflight.walk import Walk  # noqa: PLC0415

    return Walk(settings).points(adopt_share=adopt_share)
