"""A small file written, renamed and removed in a folder: the only proof of a right."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sisdrop import durable

_CONTENT = b"sisdrop was here to test; this file may be removed\n"


def rehearse(
    folder: Path, token: str, now: Callable[[], float], onward: Path | None = None
) -> float:
    """Write, sync, rename and remove a hidden file; the rename goes to `onward` if given.

    Returns by how many seconds the clock that stamps files there is ahead of `now`. If killed
    here: a hidden file `.sisdrop-probe-<token>` may stay, which no scan takes.

    Raises:
        OSError: whatever the system says to the first step that fails.
    """
    before = now()
    probe = folder / f".sisdrop-probe-{token}"
    moved = (onward or folder) / f".sisdrop-probe-{token}.moved"
    try:
        durable.write_file(probe, _CONTENT)
        ahead = probe.stat().st_mtime - (before + now()) / 2
        durable.move(probe, moved)
        moved.unlink()
    except OSError:
        for left in (probe, moved):
            with suppress(OSError):
                left.unlink()
        raise
    return ahead
