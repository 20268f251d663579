"""From the inbox to one complete reading: claim and refine."""

import errno
import threading
from dataclasses import replace
from pathlib import Path

from sisdrop.clock import file_id
from sisdrop.errors import Reason, ServiceError
from sisdrop.inbox.faults import translate
from sisdrop.inbox.settle import Standing
from sisdrop.inbox.share import Busy
from sisdrop.ledger import SHARE_ID
from sisdrop.log import LogEvent
from sisdrop.model import (
    Candidate,
    Claim,
    FileRow,
    HeldFor,
    Refined,
    Stage,
    State,
    StillChanging,
)
from sisdrop.pipeline.past import Past
from sisdrop.pipeline.steps import Steps
from sisdrop.pipeline.verdict import NOTHING_READ, Verdicts
from sisdrop.records.source import SourceError

MAX_FAILURES = 3

_FAILED = "sisdrop itself failed on this file three times; its operator finds why in the log"
_REMOVED = "somebody removed it from .sisdrop/work before it was read; drop the file again"


class Stopping(BaseException):
    """The service is asked to stop: raised inside a read to end it; no fault of the file."""


class Intake:
    """Takes candidates and reads them."""

    def __init__(self, steps: Steps, verdicts: Verdicts) -> None:
        self._steps = steps
        self._kit = steps.kit
        self._verdicts = verdicts
        self._past = Past(steps)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End a read that is under way at its next block."""
        self._stopping.set()

    def claim(self, candidate: Candidate) -> FileRow | None:
        """Take a candidate into `work/`; None when somebody still has it open.

        If killed here: the intention is in the ledger, and `settle_claims` finds out at the
        next start whether the rename happened.

        Raises:
            Transient, NeedsOperator: `share_gone`, `share_permission`; whether the rename happened
                is found out at the next scan.
        """
        kit = self._kit
        claim = Claim(
            self._new_id(),
            candidate.name,
            candidate.stream,
            bytes(candidate.path),
            bytes(candidate.marker) if candidate.marker else None,
            candidate.signature,
        )
        with self._steps.stage(Stage.CLAIM):
            kit.ledger.intend_claim(claim)
            try:
                kit.share.claim(candidate.path, claim.file_id)
            except Busy:
                kit.ledger.drop_claim(claim.file_id)
                kit.log.info(LogEvent.FILE_CLAIM_WAITED, stream=claim.stream)
                return None
            kit.scanner.forget(candidate.path)
            return self._accept(claim)

    def _new_id(self) -> str:
        """An id that no file has: a backlog is claimed at hundreds a second."""
        kit = self._kit
        while True:
            chosen = file_id(kit.clock.utc(), kit.token())
            if not kit.ledger.is_taken(chosen):
                return chosen

    def settle_claims(self) -> None:
        """Find out what became of each intention whose outcome is not recorded."""
        share = self._kit.share
        for claim in self._kit.ledger.claims():
            if share.signature(share.work(claim.file_id)) is None:
                self._kit.ledger.drop_claim(claim.file_id)
            else:
                self._accept(claim)

    def _accept(self, claim: Claim) -> FileRow:
        """The marker goes first: a stale one would pass tomorrow's half-written file."""
        if claim.marker is not None:
            self._kit.share.remove(Path(claim.marker.decode("utf-8", "surrogateescape")))
        row = self._kit.ledger.accept_claim(claim, self._kit.clock.utc())
        self._steps.log_of(row).info(LogEvent.FILE_CLAIMED, size=row.signature.size)
        return row

    def refine(self, row: FileRow) -> FileRow | None:
        """Read a claimed file once; None when it must settle again or failed inside.

        The failure is counted before the try, so that a file which kills the process is set
        aside too; whatever is not this file's doing takes the count back.

        Raises:
            Transient: `share_gone`, `data_full`.
            NeedsOperator: `share_permission`, `ledger_unusable`.
        """
        ledger = self._kit.ledger
        work = self._steps.desk.bring_to_work(row)
        if self._is_removed(work):
            return self._set_aside(row, _REMOVED)
        if row.id in self._steps.unsettled:
            standing, signature = self._kit.scanner.standing(work)
            if standing is not Standing.READY:
                return None
            row = ledger.update(row, signature=signature)
        if row.failures >= MAX_FAILURES:
            return self._set_aside(row, _FAILED)
        tried = ledger.update(row, failures=row.failures + 1)
        try:
            with self._steps.stage(Stage.REFINE):
                result = self._read(tried, work)
            if isinstance(result, Refined):
                return self._refined(tried, result, work)
        except (ServiceError, Stopping):
            ledger.update(tried, failures=row.failures)
            raise
        except Exception as error:  # noqa: BLE001 - the one boundary around a file's own reading
            self._steps.log_of(row).error(LogEvent.FILE_BROKEN, error, failures=tried.failures)
            return None
        ledger.update(tried, failures=row.failures)
        self._steps.unsettled.add(row.id)
        return None

    def _read(self, row: FileRow, work: Path) -> Refined | StillChanging:
        kit = self._kit
        folder = kit.archive.begin(row.id)
        try:
            with self._past.known(row) as known:
                result = kit.refine(
                    work,
                    row.signature,
                    file_id=row.id,
                    name=row.name,
                    out_dir=folder,
                    progress=self._go_on,
                    earlier=known.earlier,
                    precedence=known.precedence,
                )
        except SourceError as error:
            if error.errno == errno.ELOOP:
                raise  # a link was put in the file's place: no look at the share will mend that
            raise translate(error, work) from error
        except OSError as error:
            fault = kit.archive.fault(error)
            if fault is None:
                raise
            raise fault from error
        if isinstance(result, Refined):
            result = replace(result, winners=known.winners, notes=known.notes)
            kit.archive.save_refined(row.id, result)
        return result

    def _go_on(self, _done: int) -> None:
        if self._stopping.is_set():
            raise Stopping

    def _refined(self, row: FileRow, refined: Refined, work: Path) -> FileRow:
        self._steps.unsettled.discard(row.id)
        self._kit.scanner.forget(work)
        self._kit.metrics.refined_bytes(row.stream, refined.size)
        bundle = refined.bundle
        return self._steps.enter(
            row,
            State.REFINED,
            failures=0,
            sha256=refined.sha256,
            content_sha256=refined.content_sha256,
            cuts_digest=refined.cuts_digest,
            counts=refined.counts,
            profile=refined.profile,
            bundle_size=bundle.size if bundle else None,
            bundle_sha256=bundle.sha256 if bundle else None,
            identical=bundle.identical if bundle else False,
        )

    def _is_removed(self, work: Path) -> bool:
        """Whether somebody took a claimed file away: not there, though the share is ours."""
        share = self._kit.share
        return (
            share.signature(work) is None
            and share.identity() == self._kit.ledger.recall(SHARE_ID)
            and share.signature(work) is None
        )

    def _set_aside(self, row: FileRow, why: str) -> FileRow:
        """Nothing can be read of this very file: a person looks, the others go on."""
        self._kit.archive.begin(row.id)
        self._kit.archive.save_refined(row.id, NOTHING_READ)
        held = HeldFor(Reason.INTERNAL_ERROR, why)
        return self._verdicts.hold(row, NOTHING_READ, (held,))
