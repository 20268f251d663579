"""Whether the share is the one that the ledger knows, and how a new or restored one is adopted."""

import os
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from sisdrop.build import LEDGER, prepare_data
from sisdrop.inbox.share import Share
from sisdrop.ledger import NEW_SHARE_ID, SHARE_ID, Ledger
from sisdrop.lock import Lock
from sisdrop.preflight.point import Unfit

_ON_PURPOSE = (
    "If it was replaced or restored on purpose, and no other sisdrop serves it, stop the service"
    " and run: sisdrop check --adopt-share"
)


class Standing(Enum):
    """How the share and the ledger stand to each other."""

    KNOWN = auto()
    NEW = auto()
    UNMARKED = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Known:
    """The share's id in the ledger, and the one that was about to be written on a new share."""

    share_id: str | None = None
    intended: str | None = None


def decide_standing(known: Known, found: str | None) -> Standing:
    """What the id on the share means to a ledger that knows `known`."""
    if known.share_id is None:
        return Standing.NEW if found in (None, known.intended) else Standing.OTHER
    if found is None:
        return Standing.UNMARKED
    return Standing.KNOWN if found == known.share_id else Standing.OTHER


def explain(standing: Standing, inbox: Path) -> str:
    """The standing in words.

    Raises:
        Unfit: if the service would not work on this share.
    """
    match standing:
        case Standing.KNOWN:
            return f"{inbox} is the share that the ledger knows"
        case Standing.NEW:
            return f"{inbox} is new to a new ledger; the service marks it when it starts"
        case Standing.UNMARKED:
            raise Unfit(
                f"{inbox} does not carry the mark that the ledger knows: if the share is not"
                f" mounted there, mount it. {_ON_PURPOSE}"
            )
        case Standing.OTHER:
            raise Unfit(
                f"{inbox} carries another mark than the ledger knows: it is another share, or the"
                f" ledger is new; mount the right one. {_ON_PURPOSE}"
            )


def read_known(data: Path) -> Known:
    """What the ledger remembers of the share; nothing where there is no ledger yet.

    Raises:
        NeedsOperator: `ledger_unusable`.
        OSError: if the data folder cannot be looked into.
    """
    path = data / LEDGER
    if not path.exists() or path.stat().st_size == 0:
        return Known()
    with Ledger(path, read_only=True) as ledger:
        return Known(ledger.recall(SHARE_ID), ledger.recall(NEW_SHARE_ID))


def is_lock_free(data: Path) -> bool:
    """Whether no service runs on this data folder; the lock is held for a moment only.

    Raises:
        OSError: if the lock file may not be opened.
    """
    if not (data / "lock").exists():
        return True
    with Lock(data) as lock:
        return lock.acquire()


def adopt(data: Path, inbox: Path) -> str:
    """Make share and ledger know each other; returns what was done. May be repeated.

    A share without an id gets the ledger's; else the ledger takes over the share's.
    If killed here: either nothing happened, or the ledger holds the intention, or the id stands
    on the share as well; calling again, or starting the service on a new share, finishes.

    Raises:
        Unfit: if a service runs.
        NeedsOperator: `share_permission`, `ledger_unusable`.
        Transient: `share_gone`, `data_full`.
    """
    prepare_data(data)
    with Lock(data) as lock:
        if not lock.acquire():
            raise Unfit("a service runs on this data folder; stop it first, then adopt the share")
        with Ledger(data / LEDGER) as ledger:
            return _adopt(ledger, Share(inbox))


def _adopt(ledger: Ledger, share: Share) -> str:
    known = ledger.recall(SHARE_ID)
    found = share.identity()
    if found is not None and found == known:
        return f"nothing to adopt: {share.inbox} is the share that the ledger knows"
    done = f"adopted {share.inbox}: the ledger took over the mark that stood on it"
    if found is None:
        chosen = known or ledger.recall(NEW_SHARE_ID) or os.urandom(16).hex()
        # Written down first: a share with a mark that the ledger does not know is locked out.
        ledger.remember(NEW_SHARE_ID, chosen)
        found = share.adopt(chosen)
        done = f"adopted {share.inbox}: it now carries the ledger's mark"
    ledger.remember(SHARE_ID, found)
    return done
