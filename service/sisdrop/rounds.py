"""What is done in one round of the service: on the share, with claimed files, for the gauges.

Each round is blocking and may be repeated at any time; `daemon` says when. What goes wrong with
the world is noted in the situation and tried again at the next round.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sisdrop.errors import NeedsOperator, Reason, ServiceError, Transient
from sisdrop.gauges import Gauges
from sisdrop.inbox.faults import may_be_in_use
from sisdrop.inbox.scan import Scan
from sisdrop.ledger import NEW_SHARE_ID, SHARE_ID, Overtaken
from sisdrop.log import LogEvent
from sisdrop.model import Candidate, FileRow, State, StatusView
from sisdrop.pipeline.holds import Holds
from sisdrop.pipeline.intake import Intake
from sisdrop.pipeline.kit import Kit
from sisdrop.pipeline.pickups import Pickups
from sisdrop.pipeline.purge import Purge
from sisdrop.pipeline.recovering import Recovering
from sisdrop.pipeline.resends import Resends
from sisdrop.pipeline.room import Room
from sisdrop.pipeline.steps import Steps
from sisdrop.pipeline.verdict import Verdicts
from sisdrop.requests import Answer, Command, Request, RequestBox
from sisdrop.share_pages import readme_text, status_html
from sisdrop.situation import Situation

# What can be in the way, as keys of the situation.
SHARE = "share"
CLAIM = "claim"
STATUS = "status"
REQUESTS = "requests"
DATA = "data"
# STATUS.html says when the share was last looked at; rewriting it at every scan would be noise.
STATUS_EVERY = 30.0
# Seconds. A file server that hangs neither answers nor says no; a slow one needs a while.
HANGS_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of a file, built once."""

    steps: Steps
    intake: Intake
    verdicts: Verdicts
    holds: Holds
    purge: Purge
    resends: Resends
    pickups: Pickups
    room: Room
    recovering: Recovering


class Rounds:
    """The rounds of one service."""

    def __init__(
        self,
        kit: Kit,
        stages: Stages,
        box: RequestBox,
        situation: Situation,
        view: Callable[[], StatusView],
    ) -> None:
        self._kit = kit
        self._stages = stages
        self._box = box
        self._situation = situation
        self._view = view
        self._gauges = Gauges(kit, situation)
        self._begun = False
        self._look_begun: float | None = None
        stages.steps.tidying.share_known = False
        self._shown: tuple[StatusView | None, float] = (None, 0.0)

    # On the share.

    def share_round(self) -> float | None:
        """Answer requests, look at the inbox, claim what is complete, write STATUS.html.

        Returns the seconds after which a file could be complete, if one is waited for.
        """
        self._look_begun = self._kit.clock.monotonic()
        try:
            return self._share_round()
        finally:
            self._look_begun = None

    def _share_round(self) -> float | None:
        self._answer()
        try:
            self._know_share()
            self._begin()
            scan = self._look()
        except ServiceError as error:
            self._share_trouble(error)
            self._gauges.show_situation()
            return None
        if self._situation.unblock(SHARE):
            self._kit.log.info(LogEvent.SHARE_BACK)
        now = self._kit.clock.utc()
        self._situation.scanned(now, scan.waiting, scan.unmatched)
        self._kit.metrics.set_last_scan(now)
        self._kit.metrics.set_inbox_oldest(scan.oldest)
        self._take(scan.candidates)
        self._gauges.show_situation()
        if scan.candidates:
            with suppress(ServiceError):  # looked at again with the other gauges
                self._gauges.show_absence()
        self._show_status()
        return scan.due_in

    def _know_share(self) -> None:
        """An unmounted share looks like an empty folder, so the id on it must be ours."""
        tidying = self._stages.steps.tidying
        try:
            self._recognise_share()
        except ServiceError:
            tidying.share_known = False
            raise
        tidying.share_known = True

    def _recognise_share(self) -> None:
        ledger, share = self._kit.ledger, self._kit.share
        known = ledger.recall(SHARE_ID)
        if known is not None:
            found = share.identity()
        else:
            # Written down first, so that a crash between the two does not lock us out.
            known = ledger.recall(NEW_SHARE_ID) or os.urandom(16).hex()
            ledger.remember(NEW_SHARE_ID, known)
            found = share.adopt(known)
            if found == known:
                ledger.remember(SHARE_ID, known)
        if found != known:
            raise NeedsOperator(
                Reason.SHARE_CHANGED,
                f"{share.inbox} is not the share that this ledger knows (not mounted, another"
                " one, or restored); mount the right one, or run: sisdrop check --adopt-share",
            )

    def _begin(self) -> None:
        """Once, when the share first answers: make the folders, finish what a crash left."""
        if not self._begun:
            self._kit.share.furnish(readme_text())
            self._stages.intake.settle_claims()
            self._stages.recovering.under_way()
            self._stages.steps.tidying.find()
            self._begun = True

    def _look(self) -> Scan:
        self._stages.intake.settle_claims()
        self._stages.steps.tidying.run()
        scan = self._kit.scanner.scan()
        self._stages.holds.notice_deleted(scan.sizes)
        return scan

    def _take(self, candidates: tuple[Candidate, ...]) -> None:
        trouble = False
        for candidate in candidates:
            try:
                if not self._stages.holds.recognise(candidate):
                    self._stages.room.require(candidates)
                    if self._stages.intake.claim(candidate) is None:
                        self._situation.waits(self._kit.scanner.in_use(candidate))
            except ServiceError as error:
                if self._is_of_one_file(error, candidate):
                    self._situation.waits(self._kit.scanner.in_use(candidate))
                    continue
                trouble = True
                self._share_trouble(error, CLAIM)
                if error.reason not in (Reason.SHARE_PERMISSION, Reason.DATA_FULL):
                    break  # the order of arrival would be lost if only some could be taken
        if not trouble:
            self._situation.unblock(CLAIM)

    def _is_of_one_file(self, error: ServiceError, candidate: Candidate) -> bool:
        """Whether somebody holds that one file open, and the share answers for all else."""
        if not may_be_in_use(error):
            return False
        share = self._kit.share
        try:
            is_ours = share.identity() == self._kit.ledger.recall(SHARE_ID)
            return is_ours and share.signature(candidate.path) is not None
        except ServiceError:
            return False

    def _share_trouble(self, error: ServiceError, what: str = SHARE) -> None:
        log, news = self._kit.log, self._situation.block(what, error, self._kit.clock.utc())
        if error.reason in (Reason.SHARE_GONE, Reason.SHARE_CHANGED):
            self._situation.share_lost()
            self._kit.metrics.set_inbox_oldest(None)
        if not news:
            return
        event = {
            Reason.SHARE_GONE: LogEvent.SHARE_GONE,
            Reason.SHARE_CHANGED: LogEvent.SHARE_CHANGED,
            Reason.DATA_FULL: LogEvent.DATA_FULL,
        }.get(error.reason, LogEvent.SCAN_FAILED)
        log.error(event, reason=error.reason, hint=error.hint)

    def _show_status(self) -> None:
        """Rewrite STATUS.html when something changed, and from time to time to show life."""
        said, at = self._shown
        now = self._kit.clock.monotonic()
        try:
            view = self._view()
            still = said and replace(view, now=said.now, last_scan=said.last_scan) == said
            if still and now - at < STATUS_EVERY:
                return
            self._kit.share.write_status(status_html(view))
        except ServiceError as error:
            self._share_trouble(error, STATUS)
        else:
            self._situation.unblock(STATUS)
            self._shown = (view, now)

    # What people asked for.

    def _answer(self) -> None:
        """What cannot be answered now is met again; the look at the share does not wait for it."""
        try:
            self.answer_requests()
        except ServiceError as error:
            self._share_trouble(error, REQUESTS)
        else:
            self._situation.unblock(REQUESTS)

    def answer_requests(self) -> None:
        """Do what commands asked for."""
        for request in self._box.pending():
            answer = self.obey(request)
            self._box.answer(request, answer)
            self._kit.log.info(
                LogEvent.REQUEST_ANSWERED, request=request.command, accepted=answer.done
            )

    def obey(self, request: Request) -> Answer:
        """Do one thing that a person asked for; says what came of it."""
        holds = self._stages.holds
        try:
            if request.command is not Command.RESEND:  # that needs nothing of the share
                self._know_share()
            match request.command:
                case Command.APPROVE:
                    return holds.approve(
                        request.file_id, request.actor, request.reason, stale=request.stale
                    )
                case Command.REFUSE:
                    return holds.refuse(request.file_id, request.actor, request.reason)
                case Command.RESEND:
                    return self._stages.resends.resend(request)
                case Command.PURGE:
                    return self._purge(dry_run=request.dry_run)
        except ServiceError as error:
            return Answer(done=False, sentence=error.hint)
        except Exception as error:  # noqa: BLE001 - a request is met again until it is answered
            self._kit.log.error(LogEvent.EXCEPTION_UNCAUGHT, error)  # noqa: TRY400 - not `logging`
            return Answer(done=False, sentence="sisdrop itself failed; its log says where")

    def _purge(self, *, dry_run: bool) -> Answer:
        planned = self._stages.purge.planned()
        if dry_run:
            lines = [f"{r.part} of {r.row.id}, since {r.since:%Y-%m-%d}" for r in planned]
            return Answer(done=True, sentence="\n".join([f"{len(lines)} to remove", *lines]))
        return Answer(done=True, sentence=f"{self._stages.purge.run()} of {len(planned)} removed")

    # With claimed files.

    def work_round(self) -> int:
        """Refine and judge every file that waits for it; returns how many moved on.

        Within a stream the order of arrival is kept: a file that still changes keeps the later
        ones back, because what is sent last wins.
        """
        moved = 0
        if not self._stages.steps.tidying.share_known:
            return moved
        kept_back: set[str] = set()
        for row in self._kit.ledger.in_states(State.CLAIMED, State.REFINED):
            if row.stream in kept_back:
                continue
            try:
                done = self._work(row)
            except ServiceError as error:
                self._note(row, error)
                if self._stops_all(error):
                    return moved
                done = False
            except Exception as error:  # noqa: BLE001 - one file's trouble must not stop the others
                self._stages.steps.log_of(row).error(LogEvent.FILE_BROKEN, error)
                done = False
            if done:
                moved += 1
            else:
                kept_back.add(row.stream)
        self._situation.unblock(DATA)
        return moved

    def _work(self, row: FileRow) -> bool:
        current: FileRow | None = row
        if row.state is State.CLAIMED:
            current = self._stages.intake.refine(row)
        if current is not None and current.state is State.REFINED:
            current = self._stages.verdicts.apply(current)
        return current is not None and current.state not in (State.CLAIMED, State.REFINED)

    def _note(self, row: FileRow, error: ServiceError) -> None:
        """Say why a file does not move on, where people look for it; once."""
        with suppress(ServiceError, Overtaken):  # what cannot be noted is told all the same
            current = self._kit.ledger.get(row.id)
            if current is None or current.reason is error.reason:
                return
            self._kit.ledger.update(current, reason=error.reason, hint=error.hint)
        self._stages.steps.log_of(row).warning(
            LogEvent.SCAN_FAILED, reason=error.reason, hint=error.hint
        )

    def _stops_all(self, error: ServiceError) -> bool:
        """Whether no other file can move on either, and say so."""
        if error.reason not in (Reason.DATA_FULL, Reason.LEDGER_UNUSABLE):
            return False
        if self._situation.block(DATA, error, self._kit.clock.utc()):
            full = error.reason is Reason.DATA_FULL
            event = LogEvent.DATA_FULL if full else LogEvent.LEDGER_UNUSABLE
            self._kit.log.error(event, reason=error.reason, hint=error.hint)
        return True

    # For the gauges.

    def gauge_round(self, data: Path) -> None:
        """Bring the gauges up to date that nothing else sets, and notice that the share hangs."""
        begun = self._look_begun
        if begun is not None and self._kit.clock.monotonic() - begun > HANGS_AFTER:
            hint = (
                f"the share of {self._kit.share.inbox} hangs: a look at it does not come to its end"
            )
            self._share_trouble(Transient(Reason.SHARE_GONE, hint))
        self._gauges.show(data)
