"""From a reading to a decision: queue, hold, reject, skip, supersede."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_never

from sisdrop import guard
from sisdrop.archive import Changed
from sisdrop.delivery.remote import final_name
from sisdrop.errors import Reason
from sisdrop.guard import Duplicate, Hold, Judged, Queue, Reject
from sisdrop.inbox.faults import on_share
from sisdrop.ledger import Overtaken
from sisdrop.model import FileRow, HeldFor, Refined, Stage, State, Verdict
from sisdrop.pipeline.steps import SERVICE, Steps, Telling

_VERDICTS = {
    State.QUEUED: Verdict.ACCEPTED,
    State.HELD: Verdict.HELD,
    State.REJECTED: Verdict.REJECTED,
    State.DUPLICATE: Verdict.DUPLICATE,
}


class Verdicts:
    """Applies what the guard says. Every path first makes safe what the next state relies on."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._kit = steps.kit

    def apply(self, row: FileRow) -> FileRow:
        """Decide what happens to a refined file, and do it.

        Raises:
            Transient: `share_gone`, `data_full`.
            NeedsOperator: `share_permission`, `ledger_unusable`.
        """
        self._steps.desk.bring_to_work(row)
        refined = self._kit.archive.load_refined(row)
        with self._steps.deciding, self._steps.stage(Stage.GUARD):
            decision = self.judge(row, refined)
            match decision:
                case Reject():
                    return self._reject(row, refined, decision)
                case Duplicate():
                    return self._duplicate(row, refined, decision.of)
                case Hold():
                    return self.hold(row, refined, decision.held_for)
                case Queue():
                    return self._queue(row, refined, decision.note)
                case _:
                    assert_never(decision)

    def judge(self, row: FileRow, refined: Refined) -> guard.Decision:
        """What the guard says of a refined file now; changes nothing."""
        if refined.fatal is not None:
            fatal = refined.fatal
            return Reject(fatal.reason, f"{fatal.message} {fatal.hint}")
        judged = Judged(
            refined.sha256, row.signature, refined.counts, refined.profile, row.approval
        )
        return guard.decide(judged, self._steps.history(row), self._steps.policy(row).limits)

    def read_again(self, row: FileRow, actor: str = SERVICE) -> FileRow:
        """The bytes are not those that were read: back to the start, nothing is approved."""
        self._steps.unsettled.add(row.id)
        told = Telling(actor=actor, note="the bytes changed after they were read")
        return self._steps.enter(row, State.CLAIMED, told, approval=None, held_for=(), failures=0)

    def hold(self, row: FileRow, refined: Refined, held_for: tuple[HeldFor, ...]) -> FileRow:
        """Lay a file aside for a person, with the sentences that say why."""
        last = self._steps.history(row).last
        return self._conclude(
            row,
            refined,
            State.HELD,
            reason=held_for[0].reason,
            held_for=held_for,
            compared_with=last.id if last else None,
            approval=None,
        )

    def _queue(self, row: FileRow, refined: Refined, note: str | None) -> FileRow:
        if not self._secure(row):
            return self.read_again(row)
        last = self._steps.history(row).last
        remote_time = self._remote_time()
        policy = self._steps.policy(row)
        digest = row.bundle_sha256 or ""
        queued = self._conclude(
            row,
            refined,
            State.QUEUED,
            Telling(note=note),
            remote_time=remote_time,
            remote_name=final_name(self._kit.name, remote_time, policy.order, row.stream, digest),
            compared_with=last.id if last else None,
            held_for=(),
        )
        if policy.limits.full:
            self._supersede(queued)
        return queued

    def _duplicate(self, row: FileRow, refined: Refined, of: FileRow) -> FileRow:
        """The same bytes are in the archive; if they were purged, this copy takes their place."""
        if self._kit.archive.holds_original(of):
            if not self._is_unchanged(row, self._kit.share.work(row.id)):
                return self.read_again(row)
            self._kit.archive.drop_bundle(row.id)
        elif not self._secure(row):
            return self.read_again(row)
        return self._conclude(
            row,
            refined,
            State.DUPLICATE,
            hint=f"the same file was sent as {of.id}; nothing is sent again",
            duplicate_of=of.id,
            compared_with=of.id,
        )

    def _reject(self, row: FileRow, refined: Refined, why: Reject) -> FileRow:
        self._kit.archive.drop_bundle(row.id)
        rejected = self._conclude(row, refined, State.REJECTED, reason=why.reason, hint=why.hint)
        self._kit.metrics.file_rejected(row.stream, why.reason)
        return rejected

    def refuse(self, row: FileRow, actor: str, why: str) -> FileRow:
        """A person's no to a held file."""
        refined = self._kit.archive.load_refined(row)
        self._kit.archive.drop_bundle(row.id)
        refused = self._conclude(
            row,
            refined,
            State.REJECTED,
            Telling(actor=actor, note=why),
            reason=Reason.REFUSED,
            hint=f"refused by {actor}: {why}",
        )
        self._kit.metrics.file_rejected(row.stream, Reason.REFUSED)
        return refused

    def _conclude(
        self, row: FileRow, refined: Refined, to: State, told: Telling | None = None, **set_: Any
    ) -> FileRow:
        """Write the report that the state needs, then enter the state with these fields."""
        entering = replace(row, **{"reason": None, "hint": None, **set_})
        self._steps.desk.report(entering, refined, _VERDICTS[to])
        return self._steps.enter(row, to, told, **set_)

    def _remote_time(self) -> datetime:
        """Later than every time given before, so that names sort as files are meant to load."""
        now = self._kit.clock.utc().replace(microsecond=0)
        last = self._kit.ledger.newest_remote_time()
        return now if last is None else max(now, last + timedelta(seconds=1))

    def _supersede(self, accepted: FileRow) -> None:
        for row in self._kit.ledger.waiting_before(accepted):
            if row.state is State.HELD and not self._secure_held(row):
                continue  # edited since, or never read: a person looks at it
            try:
                self._steps.enter(
                    row, State.SUPERSEDED, hint=f"the newer file {accepted.id} was accepted"
                )
            except Overtaken:
                continue  # its upload has begun: it goes out first, as it should

    def _secure_held(self, row: FileRow) -> bool:
        held = self._kit.share.held(row.id, row.name)
        return row.sha256 is not None and self._secure_from(row, held)

    def _secure(self, row: FileRow) -> bool:
        return self._secure_from(row, self._kit.share.work(row.id))

    def _secure_from(self, row: FileRow, path: Path) -> bool:
        """Whether the bytes that were read are safe on the data volume now."""
        if not self._is_unchanged(row, path):
            return False
        if row.identical:
            return True
        with on_share(path):
            source = path.open("rb")

        def read(size: int) -> bytes:
            with on_share(path):
                return source.read(size)

        with source:
            try:
                self._kit.archive.secure_original(row.id, read, row.sha256 or "")
            except Changed:
                return False
        return True

    def _is_unchanged(self, row: FileRow, path: Path) -> bool:
        return self._kit.share.signature(path) == row.signature
