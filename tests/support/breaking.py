"""Ways in which the machine lets go in the middle of an effect."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


class PowerCut(BaseException):
    """The process ends here, as far as the code under test can tell."""


@contextmanager
def power_cut(where: str) -> Iterator[None]:
    """Let the block end at its first call of `where` (`os.fsync`), which is not carried out."""

    def cut(*_: object, **__: object) -> None:
        raise PowerCut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, cut)
        with pytest.raises(PowerCut):
            yield


@contextmanager
def system_error(where: str, number: int) -> Iterator[None]:
    """Let every call of `where` within the block fail with an error of the operating system."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, fails_with(number))
        yield


def fails_with(number: int) -> Callable[..., None]:
    """A function that only ever fails."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail
