"""A reader of files that knows as little as the pipeline's own tests need.

Such a file is `<users>` with lines `<user>anything</user>`; a record that begins with `bad` is left
out, one that begins with `twin` repeats a person, and what has no such root is no patron file.
"""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from sisdrop.bundle import BundleWriter, entry_name
from sisdrop.model import (
    Bundle,
    Counts,
    Example,
    Fatal,
    Finding,
    Profile,
    Refined,
    Severity,
    Signature,
    StillChanging,
)

_RECORD = re.compile(rb"<user>(.*?)</user>\n")


def people(count: int, made: str = "person", bad: int = 0) -> bytes:
    """A file of so many invented people, and so many records that cannot be sent."""
    names = [f"{made}{number}" for number in range(count)] + [f"bad{n}" for n in range(bad)]
    records = "".join(f"<user>{name}</user>\n" for name in names)
    return f"<users>\n{records}</users>\n".encode()


class Reader:
    """Refines such files. `failing` holds words that make it fail on the files they stand in.

    `during` is called in the middle of a read, so that a test can meddle with the file.
    """

    def __init__(self) -> None:
        self.failing: dict[bytes, BaseException] = {}
        self.during: Callable[[Path], object] = lambda _: None
        self.reads: list[str] = []

    def __call__(  # noqa: PLR0913 - the shape of `Refiner`
        self,
        path: Path,
        expected: Signature,
        *,
        file_id: str,
        name: str,
        out_dir: Path,
        progress: Callable[[int], None],
    ) -> Refined | StillChanging:
        """Read the file, and write its zip."""
        self.reads.append(name)
        before = signature_of(path)
        if before != expected:
            return StillChanging(before)
        content = path.read_bytes()
        progress(len(content))
        self.during(path)
        for word, error in self.failing.items():
            if word in content:
                raise error
        if signature_of(path) != before:
            return StillChanging(signature_of(path))
        return _refined(content, out_dir / f"{file_id}.zip", entry_name(name, file_id))


def signature_of(path: Path) -> Signature:
    """What a file looks like."""
    seen = path.stat()
    return Signature(seen.st_size, seen.st_mtime_ns, seen.st_ino)


def kept(content: bytes) -> bytes:
    """What of a file is sent."""
    return _RECORD.sub(lambda r: b"" if r[1].startswith((b"bad", b"twin")) else r[0], content)


def _refined(content: bytes, target: Path, entry: str) -> Refined:
    records = _RECORD.findall(content)
    bad = sum(record.startswith(b"bad") for record in records)
    twins = sum(record.startswith(b"twin") for record in records)
    good = len(records) - bad - twins
    fatal = None
    if not content.startswith(b"<users>"):
        fatal = Fatal("xml.wrong-root", 1, 1, 0, "", "This is no patron file.", "Look at it.")
    bundle = _zip(content, target, entry) if good and not fatal else None
    left_out = Finding(
        "ishare.last-name",
        Severity.ERROR,
        "The record has no last name.",
        "Give it one.",
        bad,
        (Example(1, 2, "T000001"),),
    )
    return Refined(
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        counts=Counts() if fatal else Counts(len(records), good, bad, twins),
        profile=Profile() if fatal else Profile(good),
        findings=(left_out,) if bad else (),
        fatal=fatal,
        bundle=bundle,
        schema="builtin",
        rules=("alma",),
    )


def _zip(content: bytes, target: Path, entry: str) -> Bundle:
    writer = BundleWriter(target, entry, len(content))
    writer.write(kept(content))
    return writer.finish(identical=kept(content) == content)


def touch(path: Path) -> None:
    """Somebody saves a file without changing it."""
    seen = path.stat()
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1_000_000_000))
