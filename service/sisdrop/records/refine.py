"""Refine one claimed file: one sequential read from which everything else is derived.

Digest, findings, counts, profile and the zip come from the same bytes, so they cannot disagree.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from sisdrop.bundle import MAX_BUNDLE_SIZE, BundleTooLarge, BundleWriter, entry_name
from sisdrop.model import Bundle, Counts, Fatal, Profile, Refined, Signature, StillChanging
from sisdrop.precedence import Precedence
from sisdrop.records.check import Checker
from sisdrop.records.crew import Crew
from sisdrop.records.enrolment import Enrolment
from sisdrop.records.fatal import diagnose
from sisdrop.records.framing import Opening
from sisdrop.records.judge import Cuts, Earlier
from sisdrop.records.reading import Beginning, Observer, Reading
from sisdrop.records.source import ChangedError, Dropped, Pass, opened
from sisdrop.records.zip_faults import of_whole_file
from sisdrop.roster import ROSTER

_ATTRIBUTE = re.compile(rb"""(\s)([^\s=<>"']+)(\s*=\s*)("[^"]*"|'[^']*')""")
_COUNT = b"total_record_count"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file, one record and the zip may be, in bytes; how many threads check a file."""

    max_file_size: int
    max_record_size: int
    workers: int = 1
    parallel_from: int = 32 << 20
    max_bundle_size: int = MAX_BUNDLE_SIZE


def refine(  # noqa: PLR0913, PLR0917  # one read yields all, so it needs what all of it needs
    claimed_path: Path,
    expected: Signature | None,
    file_id: str,
    name: str,
    out_dir: Path | None,
    checker: Checker,
    limits: Limits,
    progress: Callable[[int], None],
    earlier: Earlier | None = None,
    observe: Observer | None = None,
    precedence: Precedence | None = None,
) -> Refined | StillChanging:
    """Read a file once; say what is wrong with it and write the zip of what is to be sent.

    The file is the XML, or a zip with one XML file in it: places in findings and in `fatal` are
    then those in the XML.

    `expected` is what the file was when it settled (None: any state will do). Without `out_dir`
    nothing is written. `progress` is told the bytes read so far. The zip is
    `<out_dir>/<file_id>.zip`; there is none when the file is fatal, changes, or holds no record
    that can be delivered. With the zip comes a roster, if the checker has a key. `earlier` is
    what was sent last, where a field that is missing must not erase what was sent; `precedence`
    says who is left to other streams. Where nothing is written, `observe` is told what `Reading`
    tells.

    If killed here: the file untouched, and in `out_dir` nothing, a hidden `.part`, or the zip,
    and perhaps the roster. Running again replaces them.

    Raises:
        OSError: from reading the file or writing the zip; no partial zip is left.
        Broken: if the program contradicts itself; no partial zip is left.
    """
    with opened(claimed_path, limits.max_file_size) as dropped:
        if expected is not None and dropped.before != expected:
            return StillChanging(dropped.before)
        path = out_dir / f"{file_id}.zip" if out_dir is not None else None
        entry = entry_name(name, file_id)
        job = _Job(dropped, path, entry, checker, limits, progress, earlier, observe, precedence)
        try:
            refined = job.run()
        except ChangedError:
            job.discard()
            return StillChanging(dropped.now())
        except BaseException:
            # A second failure while cleaning up must not hide the first.
            with suppress(OSError):
                job.discard()
            raise
        return refined


@dataclass(slots=True)
class _Job:
    """The read of one file, and the zip that grows beside it."""

    dropped: Dropped
    zip: Path | None
    entry: str
    checker: Checker
    limits: Limits
    progress: Callable[[int], None]
    earlier: Earlier | None
    observe: Observer | None
    precedence: Precedence | None = None
    writer: BundleWriter | None = None
    enrolment: Enrolment | None = None

    def run(self) -> Refined:
        """Read, judge, write.

        Raises:
            ChangedError: if the file changed meanwhile.
        """
        try:
            return self._read()
        except BundleTooLarge:
            read = self._read_for_digests()
            return self._refused(read, read.fault or _bundle_too_large())

    def _read(self) -> Refined:
        self._start_bundle()
        read = self.dropped.read(self.progress)
        with self._crew() as crew:
            reading = Reading(
                self.checker,
                self.limits.max_record_size,
                self._send,
                crew,
                self._start_enrolment(),
                self.earlier,
                self.precedence,
            )
            for block in read:
                reading.feed(block)
            if read.fault is None:
                reading.close()
        self.dropped.check_unchanged()
        if read.fault is not None:
            return self._refused(read, read.fault)
        if reading.stop is not None:
            fatal = diagnose(self.dropped.content(), reading.stop)
            self.dropped.check_unchanged()
            return self._refused(read, fatal)
        return self._accepted(read, reading)

    def _read_for_digests(self) -> Pass:
        read = self.dropped.read(self.progress)
        for _ in read:
            pass
        self.dropped.check_unchanged()
        return read

    def discard(self) -> None:
        """Remove what was written so far."""
        if self.writer is not None:
            self.writer.discard()

    def _crew(self) -> AbstractContextManager[Crew | None]:
        """Workers for a file that is large enough to be worth them."""
        if self.limits.workers < 2 or self.dropped.content_size < self.limits.parallel_from:  # noqa: PLR2004
            return nullcontext()
        return Crew(self.checker, self.limits.workers)

    def _refused(self, read: Pass, fatal: Fatal) -> Refined:
        self.discard()
        return self._refined(read, fatal=fatal)

    def _accepted(self, read: Pass, reading: Reading) -> Refined:
        judge = reading.judge
        counts = judge.counts.frozen
        bundle = None
        if counts.delivered == 0:
            self.discard()
        elif reading.beginning is not None:
            self._finish_roster()
            bundle = self._bundle(read, reading.beginning, judge.cuts, counts.delivered)
        return replace(
            self._refined(read),
            counts=counts,
            profile=judge.tally.profile,
            findings=judge.findings.gathered(),
            bundle=bundle,
            cuts_digest=judge.cuts.digest,
            yielded_to=dict(judge.counts.yielded_to),
        )

    def _bundle(self, read: Pass, beginning: Beginning, cuts: Cuts, records: int) -> Bundle | None:
        """Finish the zip; written anew where the root names a count that is no longer true."""
        opening = beginning.opening
        tag = with_count(opening, records) if cuts else opening.tag
        if self.writer is not None and tag != opening.tag:
            self.writer.discard()
            self._start_bundle()
            self._rewrite(read, beginning, tag, cuts)
        if self.writer is None:
            return None
        # What stands before the root differs when a BOM went or a declaration came.
        is_as_dropped = len(beginning.prolog) == opening.offset and not self.dropped.is_zip
        return self.writer.finish(identical=not cuts and is_as_dropped)

    def _rewrite(self, read: Pass, beginning: Beginning, tag: bytes, cuts: Cuts) -> None:
        """Read the file again and send it with another root tag and without the cut ranges."""
        self._send(beginning.prolog + tag)
        again = self.dropped.read()
        for content in kept(again, beginning.end, cuts):
            self._send(content)
        if again.sha256 != read.sha256:
            raise ChangedError
        self.dropped.check_unchanged()

    def _start_bundle(self) -> None:
        if self.zip is not None:
            bound, most = self.dropped.content_size, self.limits.max_bundle_size
            self.writer = BundleWriter(self.zip, self.entry, bound, most)

    def _start_enrolment(self) -> Observer:
        if self.zip is None or not self.checker.key:
            return self.observe or (lambda *_: None)
        self.enrolment = Enrolment(self.checker.key)
        return self.enrolment.observe

    def _finish_roster(self) -> None:
        if self.zip is not None and self.enrolment is not None:
            self.enrolment.finish(self.zip.with_name(ROSTER))

    def _send(self, content: bytes) -> None:
        if self.writer is not None:
            self.writer.write(content)

    def _refined(self, read: Pass, fatal: Fatal | None = None) -> Refined:
        return Refined(
            sha256=read.sha256,
            content_sha256=read.content_sha256,
            size=self.dropped.before.size,
            counts=Counts(),
            profile=Profile(),
            findings=(),
            fatal=fatal,
            bundle=None,
            schema=self.checker.schema.label,
            rules=self.checker.rules.names,
        )


def kept(blocks: Iterable[bytes], start: int, cuts: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """What of a file's blocks lies after `start` and in none of the cuts, which are in order."""
    ranges = chain([(0, start)], cuts)
    cut = next(ranges, None)
    base = 0
    for block in blocks:
        at, end = base, base + len(block)
        while cut is not None and cut[0] < end:
            yield block[at - base : max(cut[0] - base, at - base)]
            at = min(max(cut[1], at), end)
            if cut[1] > end:
                break
            cut = next(ranges, None)
        yield block[at - base :]
        base = end


def with_count(opening: Opening, records: int) -> bytes:
    """The root's start tag with the true count, if it names one; its quotes are kept."""

    def correct(attribute: re.Match[bytes]) -> bytes:
        if attribute[2] != _COUNT:
            return attribute[0]
        quote = attribute[4][:1]
        return b"".join((*attribute.group(1, 2, 3), quote, b"%d" % records, quote))

    return _ATTRIBUTE.sub(correct, opening.tag)


def _bundle_too_large() -> Fatal:
    return of_whole_file(
        "xml.too-large",
        "Zipped, what is to be sent is larger than 4 GiB, and Alma takes no larger zip.",
        "Split the export into several files.",
    )
