"""Gives memory that nobody uses back to the system."""

import ctypes

_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back() -> None:
    """Let glibc return what was freed, of which it keeps most (malloc_trim(3)).

    After a large file that is tens of megabytes until the next night. Where the C library knows no
    such thing, nothing happens.
    """
    if _TRIM is not None:
        _TRIM(0)
