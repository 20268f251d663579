"""Dying at any effect: the process ends there, and nothing that would clean up after it runs."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from sisdrop.ledger import Ledger
from support.fake_server import FakeServer
from support.post import Post

# What changes anything that outlives the process. Every effect of the share, of the archive and of
# `durable` is made of these, so that dying inside them is covered as well.
EFFECTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (os, ("rename", "replace", "unlink", "mkdir", "rmdir")),
    (Ledger, ("intend_claim", "accept_claim", "drop_claim", "move", "update", "remember")),
    (FakeServer, ("put", "rename", "remove")),
    (Post, ("take",)),
)


class Killed(BaseException):
    """The process ends here."""


class Death:
    """Counts the moments after each effect and before each rename, and dies at one of them.

    A moment before an effect is the one after the effect before it, but for a rename: a file was
    written to be renamed. Once dead it has no effect any more: what a `finally` would still do is
    not done.
    """

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.where: list[str] = []
        self._dead = False

    def moment(self, name: str) -> None:
        """One moment in which the process may die."""
        if len(self.where) == self.at:
            self._dead = True
            raise Killed
        self.where.append(name)

    def around(self, name: str, effect: Callable[..., Any]) -> Callable[..., Any]:
        """The effect, and the moments around it."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if self._dead:
                raise Killed
            if not self.where or name in ("os.rename", "os.replace"):
                self.moment(f"before {name}")
            done = effect(*args, **kwargs)
            self.moment(f"after {name}")
            return done

        return wrapped


@contextmanager
def dying(death: Death) -> Iterator[Death]:
    """Let every effect in the block be a moment of `death`."""
    with ExitStack() as stack:
        for owner, names in EFFECTS:
            for name in names:
                label = f"{owner.__name__}.{name}"
                effect = death.around(label, getattr(owner, name))
                stack.enter_context(patch.object(owner, name, effect))
        yield death
