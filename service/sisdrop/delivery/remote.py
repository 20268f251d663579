"""Names on the server, and what a look at its folder means. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sisdrop.model import Pickup

# What most file systems allow, less the dot and suffix of a temporary name and of a receiver.
_NAME_LIMIT = 220
_TEMPORARY_SUFFIX = ".part"
# What Alma is reported to append to the name of a zip that it has taken.
REPORTED_SUFFIXES = (".old", ".handled")
_FIRST_PRINTABLE = " "


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a remote folder: its size in bytes, if the server says so, and its kind."""

    size: int | None
    is_file: bool = True


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing of this name was ever put there, as far as can be seen."""


@dataclass(frozen=True, slots=True)
class Present:
    """The final name stands there with our size."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The receiver has renamed our file to `name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """`name` is in our way: another size than ours (in bytes, if known), or not a file."""

    name: str
    size: int | None


Found = Absent | Present | Taken | Conflict


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a delivered zip, and the name that it has now if the receiver renamed it."""

    pickup: Pickup
    name: str | None = None


def final_name(pattern: str, utc: datetime, order: int, stream: str, digest: str) -> str:
    """The name under which a zip is delivered.

    `order` is the stream's place in the list, `digest` the hexadecimal SHA-256 of the zip.

    Raises:
        ValueError: if the pattern makes no plain, visible name that ends in `.zip`, or `utc`
            has no time zone.
    """
    if utc.tzinfo is None:
        raise ValueError("the time of a remote name needs a time zone")
    try:
        name = pattern.format(utc=utc.astimezone(UTC), order=order, stream=stream, digest=digest)
    except (KeyError, IndexError, AttributeError) as error:
        raise ValueError(
            f"the pattern {pattern!r} may use utc, order, stream and digest"
        ) from error
    if name.startswith(".") or not name.lower().endswith(".zip"):
        raise ValueError(f"the pattern {pattern!r} must make a visible name that ends in .zip")
    if "/" in name or "\\" in name or min(name) < _FIRST_PRINTABLE:
        raise ValueError(f"the pattern {pattern!r} must make one plain file name")
    if len(name.encode()) > _NAME_LIMIT:
        raise ValueError(f"the pattern {pattern!r} makes a name of over {_NAME_LIMIT} bytes")
    return name


def temporary_name(final: str) -> str:
    """The hidden name under which a zip is uploaded; no receiver looks for it."""
    return f".{final}{_TEMPORARY_SUFFIX}"


def resolve(directory: str, home: str) -> str:
    """Where `directory` is on the server: a leading `~` is the folder where SFTP starts."""
    if directory != "~" and not directory.startswith("~/"):
        return directory.rstrip("/") or "/"
    return join(home, directory[2:].strip("/")) if directory[2:].strip("/") else home


def join(folder: str, name: str) -> str:
    """The path of a name in a remote folder."""
    return f"{folder.rstrip('/')}/{name}"


def is_plain(name: str) -> bool:
    """Whether a name in a listing is that of something in the folder itself.

    No sound server tells `.`, `..` and paths as names of files, or they mean nothing to us; a
    hostile one could lead us out of the folder with them.
    """
    return name not in {"", ".", ".."} and "/" not in name and "\0" not in name


def look_up(final: str, size: int, listing: Mapping[str, Entry]) -> Found:
    """What a listing of the folder says about a zip of `size` bytes."""
    entry = listing.get(final)
    if entry is not None:
        ours = entry.is_file and entry.size == size
        return Present() if ours else Conflict(final, entry.size)
    taken = _taken_as(final, listing)
    if taken is not None:
        return Taken(taken)
    temporary = temporary_name(final)
    blocking = listing.get(temporary)
    if blocking is not None and not blocking.is_file:
        return Conflict(temporary, blocking.size)
    return Absent()


def _taken_as(final: str, names: Collection[str]) -> str | None:
    """The name that the receiver has given to our file, if it stands there.

    Its suffix is not known for sure (`.old` and `.handled` are both reported), so any name that
    begins with ours counts.
    """
    return min((name for name in names if name.startswith(final)), default=None)


def fate(final: str, names: Collection[str]) -> Fate:
    """What became of a zip that was put there, by the names that stand there now."""
    if final in names:
        return Fate(Pickup.WAITING)
    taken = _taken_as(final, names)
    return Fate(Pickup.VANISHED) if taken is None else Fate(Pickup.PICKED_UP, taken)


def plan_sweep(final: str, stale: frozenset[str], listing: Mapping[str, Entry] | None) -> list[str]:
    """The temporary names of ours to remove before `final` is sent.

    Exact names only, and never the one that is about to be overwritten. Without a listing, all
    of them are tried.
    """
    names = sorted(temporary_name(name) for name in stale - {final})
    if listing is None:
        return names
    return [name for name in names if name in listing and listing[name].is_file]
