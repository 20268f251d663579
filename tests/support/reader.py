"""A reader of files that knows as little as the pipeline's own tests need.

Such a file is `<users>` with lines `<user>anything</user>`; a record that begins with `bad` is left
out, and one that begins with `twin` repeats a person. What has no such root, or does not end with
its end tag, is no patron file. It may come in a zip.
"""

import hashlib
import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
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
from sisdrop.precedence import Precedence
from sisdrop.records.source import from_share
from sisdrop.roster import ROSTER, Roster, RosterWriter

_RECORD = re.compile(rb"<user>(.*?)</user>\n")


def people(count: int, made: str = "person", bad: int = 0) -> bytes:
    """A file of so many invented people, and so many records that cannot be sent."""
    names = [f"{made}{number}" for number in range(count)] + [f"bad{n}" for n in range(bad)]
    records = "".join(f"<user>{name}</user>\n" for name in names)
    return f"<users>\n{records}</users>\n".encode()


class Reader:
    """Refines such files. `failing` holds words that make it fail on the files they stand in.

    `earlier` is how many people the last read was told to spare. `during` is called in the middle
    of a read, so that a test can meddle with the file.
    """

    def __init__(self) -> None:
        self.failing: dict[bytes, BaseException] = {}
        self.during: Callable[[Path], object] = lambda _: None
        self.reads: list[str] = []
        self.earlier: int | None = None
        self.key = b"a key for tests"

    def __call__(  # noqa: PLR0913 - the shape of `Refiner`
        self,
        path: Path,
        expected: Signature,
        *,
        file_id: str,
        name: str,
        out_dir: Path,
        progress: Callable[[int], None],
        earlier: Roster | None = None,
        precedence: Precedence | None = None,
    ) -> Refined | StillChanging:
        """Read the file, and write its zip and its roster."""
        self.reads.append(name)
        self.earlier = None if earlier is None else len(earlier)
        before = signature_of(path)
        if before != expected:
            return StillChanging(before)
        with from_share():
            content = path.read_bytes()
        progress(len(content))
        self.during(path)
        for word, error in self.failing.items():
            if word in content:
                raise error
        if signature_of(path) != before:
            return StillChanging(signature_of(path))
        yielding = _yielding(xml_in(content), precedence or Precedence({}))
        entry = entry_name(name, file_id)
        refined = _refined(content, out_dir / f"{file_id}.zip", entry, yielding)
        if refined.bundle is not None:
            self._enrol(kept(xml_in(content), frozenset(yielding)), out_dir)
        return refined

    def _enrol(self, content: bytes, out_dir: Path) -> None:
        """Who is sent: a record's text up to `=` is its person, all of it what is known of them."""
        records = _RECORD.findall(content)
        roster = RosterWriter(self.key)
        people = list(map(_person, records))
        roster.add_all(people, list(map(_digest, records)), [0] * len(records))
        roster.finish(out_dir / ROSTER, [], [""])


def _person(record: bytes) -> bytes:
    return _digest(record.partition(b"=")[0])


def _yielding(content: bytes, precedence: Precedence) -> dict[bytes, str]:
    """The records that are left to other streams, and to which."""
    records = _RECORD.findall(kept(content))
    winners = precedence.winners([_person(record) for record in records])
    return {records[place]: stream for place, stream in winners.items()}


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=8).digest()


def digest_of(content: bytes) -> str:
    """The SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def signature_of(path: Path) -> Signature:
    """What a file looks like."""
    with from_share():
        seen = path.stat()
    return Signature(seen.st_size, seen.st_mtime_ns, seen.st_ino)


def xml_in(dropped: bytes) -> bytes:
    """The file itself, or the only one in a zip; of a zip that is half there, nothing."""
    if not dropped.startswith(b"PK"):
        return dropped
    try:
        with zipfile.ZipFile(io.BytesIO(dropped)) as archive:
            (name,) = archive.namelist()
            return archive.read(name)
    except zipfile.BadZipFile:
        return b""


def kept(content: bytes, yielding: frozenset[bytes] = frozenset()) -> bytes:
    """What of a file is sent, if these records are left to other streams."""
    faulty = (b"bad", b"twin")
    return _RECORD.sub(
        lambda r: b"" if r[1].startswith(faulty) or r[1] in yielding else r[0], content
    )


def _refined(dropped: bytes, target: Path, entry: str, yielding: dict[bytes, str]) -> Refined:
    content = xml_in(dropped)
    records = _RECORD.findall(content)
    bad = sum(record.startswith(b"bad") for record in records)
    twins = sum(record.startswith(b"twin") for record in records)
    good = len(records) - bad - twins - len(yielding)
    sent = kept(content, frozenset(yielding))
    fatal = None
    if not content.startswith(b"<users>"):
        fatal = Fatal("xml.wrong-root", 1, 1, 0, "", "This is no patron file.", "Look at it.")
    elif not content.endswith(b"</users>\n"):
        fatal = Fatal("xml.truncated", 1, 1, 0, "", "The file breaks off.", "Export it again.")
    bundle = _zip(sent, target, entry, dropped) if good and not fatal else None
    left_out = Finding(
        "ishare.last-name",
        Severity.ERROR,
        "The record has no last name.",
        "Give it one.",
        bad,
        bad,
        (Example(1, 2, "T000001"),),
    )
    return Refined(
        sha256=digest_of(dropped),
        content_sha256=None if content is dropped else digest_of(content),
        size=len(dropped),
        counts=Counts() if fatal else Counts(len(records), good, bad, twins, len(yielding)),
        profile=Profile() if fatal else Profile(good),
        findings=(left_out,) if bad else (),
        fatal=fatal,
        bundle=bundle,
        schema="builtin",
        rules=("alma",),
        cuts_digest=digest_of(sent),
        yielded_to=dict(Counter(yielding.values())),
    )


def _zip(sent: bytes, target: Path, entry: str, dropped: bytes) -> Bundle:
    writer = BundleWriter(target, entry, len(sent))
    try:
        writer.write(sent)
        return writer.finish(identical=sent == dropped)
    except OSError:
        writer.discard()
        raise


def touch(path: Path) -> None:
    """Somebody saves a file without changing it."""
    seen = path.stat()
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1_000_000_000))
