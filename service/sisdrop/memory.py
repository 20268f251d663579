"""Gives memory that nobody uses back to the system."""

import ctypes


def give_back() -> None:
    """Let glibc return what was freed, of which it keeps most (malloc_trim(3)).

    After a large file that is tens of megabytes until the next night. Where the C library knows no
    such thing, nothing happens.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
