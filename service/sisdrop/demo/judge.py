"""Whether all went as it must: compares what became of each file with what had to. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sisdrop.demo.acts import Act
from sisdrop.model import Counts, FileRow, State
from sisdrop.states import FINAL
from sisdrop.story import count_text

_FETCHED = ".zip.old"


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one dropped file.

    `rested` and `ended` are its rows when it first came to rest and at the end. `on_server` are
    the names on the server that begin with its own; `records` is what its zip holds there, None
    if it cannot be read. `archived` are the names in its archive folder.
    """

    rested: FileRow | None = None
    ended: FileRow | None = None
    on_server: tuple[str, ...] = ()
    records: int | None = None
    archived: frozenset[str] = frozenset()


def differences(act: Act, seen: Seen) -> list[str]:
    """What is not as it must be with one file; empty when all is."""
    if seen.rested is None or seen.ended is None:
        return [f"it did not come to {act.rests} in time"]
    found = [
        *_unequal("it first came to", act.rests, seen.rested.state),
        *_unequal("its reason was", act.reason, seen.rested.reason),
        *_unequal("its records were", _text(act.counts), _text(seen.rested.counts)),
        *_unequal("it ended as", act.ends, seen.ended.state),
    ]
    return found + (_delivery(act, seen, seen.ended) if act.is_sent else _absence(seen))


def _delivery(act: Act, seen: Seen, row: FileRow) -> list[str]:
    archive = {"manifest.json", "report.html", "report.json", f"{row.id}.zip"}
    missing = archive - seen.archived
    return [
        *_unequal("on the server stands", f"{row.remote_name}.old", ", ".join(seen.on_server)),
        *_unequal("its zip on the server holds", act.counts.delivered, seen.records),
        *([f"the archive lacks {', '.join(sorted(missing))}"] if missing else []),
        *([] if row.delivered_at else ["the ledger does not say when it was delivered"]),
    ]


def _absence(seen: Seen) -> list[str]:
    return [f"it must not be on the server, but {name} is" for name in seen.on_server]


def strays(names: Iterable[str], sent: int) -> list[str]:
    """What is not as it must be in the upload folder after `sent` zips were fetched from it."""
    found = sorted(names)
    odd = [name for name in found if name.startswith(".") or not name.endswith(_FETCHED)]
    left = [f"{name} is left in the upload folder" for name in odd]
    return left + _unequal("the files in the upload folder are", sent, len(found))


def unfinished(rows: Sequence[FileRow], dropped: int) -> list[str]:
    """What is not as it must be in the ledger after so many files."""
    still = [f"{row.id} is still {row.state}" for row in rows if row.state not in FINAL]
    return still + _unequal("the files in the ledger are", dropped, len(rows))


def summary(seen: Sequence[Seen]) -> str:
    """What came of the files, on one line."""
    return "; ".join(map(_outcome, seen))


def _outcome(seen: Seen) -> str:
    if seen.rested is None or seen.ended is None:
        return "unfinished"
    if seen.ended.state is not State.ARCHIVED:
        return str(seen.ended.state)
    if seen.rested.state is State.HELD:
        return "held, approved, delivered"
    left_out = seen.rested.counts.left_out if seen.rested.counts else 0
    return f"delivered with {left_out} left out" if left_out else "delivered"


def _text(counts: Counts | None) -> str:
    return "not counted" if counts is None else count_text(counts)


def _unequal(what: str, must: object, found: object) -> list[str]:
    return [] if must == found else [f"{what} {found}, not {must}"]
