"""Share, data volume and ledger fail once at every call in turn, and all goes on by itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from sisdrop.archive import Archive
from sisdrop.errors import Reason, Transient
from sisdrop.inbox.share import Share
from sisdrop.ledger import Ledger
from support.stories import STORIES, before_the_last_act, check, last_act
from support.world import folder_in_memory, plain_pages

GONE = Transient(Reason.SHARE_GONE, "the share does not answer")
FULL = Transient(Reason.DATA_FULL, "the volume is full")
TROUBLES: dict[str, tuple[Any, Transient, tuple[str, ...]]] = {
    "share gone": (
        Share,
        GONE,
        (
            *("identity", "claimed", "signature", "digest", "claim", "move", "remove"),
            *("write_reports", "write_report_beside", "write_status"),
        ),
    ),
    "data full": (
        Archive,
        FULL,
        (
            *("begin", "save_refined", "load_refined", "secure_original", "drop_bundle"),
            *("write_text", "read_text", "write_manifest", "file_away"),
        ),
    ),
    "ledger full": (
        Ledger,
        FULL,
        ("intend_claim", "accept_claim", "drop_claim", "move", "update"),
    ),
}
TELLING = (
    *("records left out", "rejected", "approved on the share", "refused", "edited while held"),
    *("duplicate", "supersedes", "rehearsal", "a marker"),
)


class Trouble:
    """Counts the calls, and fails the `at`-th of them."""

    def __init__(self, error: Transient, at: int | None = None) -> None:
        self.error = error
        self.at = at
        self.where: list[str] = []

    def around(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method, which fails when it is its turn."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.where.append(name)
            if len(self.where) - 1 == self.at:
                raise self.error
            return method(*args, **kwargs)

        return wrapped


@contextmanager
def troubled(owner: Any, names: tuple[str, ...], trouble: Trouble) -> Iterator[None]:
    """Let these methods fail in the block as `trouble` says."""
    with ExitStack() as stack:
        for name in names:
            method = owner.__dict__[name]
            is_static = isinstance(method, staticmethod)
            wrapped = trouble.around(name, getattr(owner, name))
            patched = staticmethod(wrapped) if is_static else wrapped
            stack.enter_context(patch.object(owner, name, patched))
        yield


@pytest.mark.parametrize("name", TELLING)
@pytest.mark.parametrize("what", TROUBLES)
def test_whatever_fails_once_is_done_later_and_nothing_is_lost(what: str, name: str) -> None:
    owner, error, names = TROUBLES[what]
    story, troubles = STORIES[name], [Trouble(error)]
    again = story.again or story.asked
    with folder_in_memory() as folder, plain_pages():
        beginning = before_the_last_act(story, folder / "beginning")
        for trouble in troubles:
            world = beginning.fork(folder / f"trouble {trouble.at}")
            try:
                last_act(story, world, troubled(owner, names, trouble), again=again)
                check(story, world)
            except BaseException as failure:
                where = trouble.where[trouble.at] if trouble.at is not None else "nothing"
                failure.add_note(f"failed at {where}, call {trouble.at} of {len(troubles)}")
                raise
            finally:
                world.end()
            if trouble.at is None:
                troubles += [Trouble(error, at) for at in range(len(trouble.where))]
