"""From a reading to a decision: queue, hold, reject, skip, supersede."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, assert_never

from sisdrop import guard
from sisdrop.comparison import compare
from sisdrop.errors import Reason
from sisdrop.guard import Duplicate, Hold, Judged, Nothing, Queue, Reject
from sisdrop.log import LogEvent
from sisdrop.metrics import Outcome
from sisdrop.model import (
    Change,
    Comparison,
    Counts,
    FileRow,
    HeldFor,
    Profile,
    Refined,
    Signature,
    Stage,
    State,
    Verdict,
)
from sisdrop.pipeline.past import Past
from sisdrop.pipeline.securing import Securing
from sisdrop.pipeline.steps import SERVICE, Steps, Telling
from sisdrop.roster import RosterUnusable

# The outcome of a read that yielded nothing.
NOTHING_READ = Refined("", 0, Counts(), Profile(), (), None, None, "", ())
_VERDICTS = {
    State.QUEUED: Verdict.ACCEPTED,
    State.HELD: Verdict.HELD,
    State.REJECTED: Verdict.REJECTED,
    State.DUPLICATE: Verdict.DUPLICATE,
    State.ARCHIVED: Verdict.ACCEPTED,
}
OUTDATED = "read again: a file of a stream that takes precedence came meanwhile"


class Verdicts:
    """Applies what the guard says. Every path first makes safe what the next state relies on."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._kit = steps.kit
        self._securing = Securing(steps.kit)
        self._past = Past(steps)
        # What was compared last: it is asked for by the guard, and again for the report.
        self._compared: tuple[FileRow | None, str, Change | None] = (None, "", None)

    def apply(self, row: FileRow) -> FileRow:
        """Decide what happens to a refined file, and do it.

        Raises:
            Transient: `share_gone`, `data_full`.
            NeedsOperator: `share_permission`, `ledger_unusable`.
        """
        row = self._as_it_lies(row)
        refined = self.load(row)
        if refined is None:
            return self.read_again(row)
        with self._steps.deciding, self._steps.stage(Stage.GUARD):
            if self.is_outdated(row, refined):
                self._steps.log_of(row).info(LogEvent.FILE_OUTDATED)
                return self._steps.enter(row, State.CLAIMED, Telling(note=OUTDATED))
            return self._do(row, refined, self.judge(row, refined))

    def _as_it_lies(self, row: FileRow) -> FileRow:
        """Bring a file to `work/`, where it may look different and hold the bytes that were read.

        Some shares give a file another inode when it is moved, or when they are mounted anew.
        """
        work = self._steps.desk.bring_to_work(row)
        seen = self._kit.share.signature(work)
        if seen is not None and seen != row.signature:
            seen = self._kit.share.recognise(work, row.sha256 or "")
        return (
            row if seen in (None, row.signature) else self._kit.ledger.update(row, signature=seen)
        )

    def _do(self, row: FileRow, refined: Refined, decision: guard.Decision) -> FileRow:
        match decision:
            case Reject():
                return self._reject(row, refined, decision)
            case Duplicate():
                return self._duplicate(row, refined, decision.of)
            case Hold():
                return self.hold(row, refined, decision.held_for)
            case Queue():
                return self._queue(row, refined, decision.note)
            case Nothing():
                return self._nothing(row, refined, decision.hint)
            case _:
                assert_never(decision)

    def judge(self, row: FileRow, refined: Refined) -> guard.Decision:
        """What the guard says of a refined file now; changes nothing."""
        limits, history = self._steps.policy(row).limits, self._steps.history(row)
        if refined.fatal is not None:
            return guard.condemn(refined.fatal, limits)
        judged = Judged(
            refined.sha256,
            row.signature,
            refined.counts,
            refined.profile,
            row.approval,
            refined.content,
            self._change(row, history.loaded) if limits.full else self._past.losses(row, refined),
            refined.cuts_digest,
        )
        decision = guard.decide(judged, history, limits)
        if isinstance(decision, Queue) and limits.full:
            return self._hold_back(row, history.last) or decision
        return decision

    def is_outdated(self, row: FileRow, refined: Refined) -> bool:
        """Whether people would now be left to other files than those it was read with."""
        return self._past.is_outdated(row, refined)

    def _change(self, row: FileRow, last: FileRow | None) -> Change | None:
        """What a file would change of what was loaded before; None where that is not known.

        One that carries changes only leaves out whoever is as before: nothing can be said of them.
        """
        if last is None or row.id == last.id or not self._steps.policy(row).limits.full:
            return None
        if self._compared[:2] != (row, last.id):
            self._compared = row, last.id, self._compare(row, last)
        return self._compared[2]

    def _compare(self, row: FileRow, last: FileRow) -> Change | None:
        with ExitStack() as opened:
            found = map(self._kit.archive.roster, (last, row))
            rosters = [opened.enter_context(roster) for roster in found if roster is not None]
            if len(rosters) == 2:  # noqa: PLR2004 - of both files
                with suppress(RosterUnusable):  # the key was replaced since
                    return compare(*rosters)
        return None

    def _hold_back(self, row: FileRow, last: FileRow | None) -> Hold | None:
        """A file that came before the one that was sent last would undo it."""
        if last is None or not self._kit.ledger.came_before(row.id, last.id):
            return None
        if row.approval is not None and row.approval.stale:
            return None
        sentence = (
            f"{last.id}, which came later, went out already; sending this older file would undo it"
        )
        return Hold((HeldFor(Reason.STALE, sentence),))

    def load(self, row: FileRow) -> Refined | None:
        """What the read yielded; None when another version of sisdrop wrote it, or nobody did."""
        try:
            return self._kit.archive.load_refined(row)
        except (FileNotFoundError, ValueError):
            return None

    def read_again(self, row: FileRow, actor: str = SERVICE) -> FileRow:
        """The bytes are not those that were read: back to the start, nothing is approved."""
        self._steps.unsettled.add(row.id)
        told = Telling(actor=actor, note="the bytes changed after they were read")
        return self._steps.enter(row, State.CLAIMED, told, approval=None, held_for=(), failures=0)

    def hold(self, row: FileRow, refined: Refined, held_for: tuple[HeldFor, ...]) -> FileRow:
        """Lay a file aside for a person, with the sentences that say why."""
        last = self._steps.history(row).loaded
        return self._conclude(
            row,
            refined,
            State.HELD,
            reason=held_for[0].reason,
            held_for=held_for,
            approval=None,
            **self._set_against(row, last),
        )

    def _queue(self, row: FileRow, refined: Refined, note: str | None) -> FileRow:
        if not self._securing.secure(row):
            return self.read_again(row)
        last = self._steps.history(row).loaded
        remote_time, remote_name = self._steps.next_name(row)
        fields = {
            "remote_time": remote_time,
            "remote_name": remote_name,
            "held_for": (),
            **self._set_against(row, last),
        }
        return self._accept(row, refined, State.QUEUED, Telling(note=note), **fields)

    def _accept(
        self, row: FileRow, refined: Refined, to: State, told: Telling | None = None, **set_: Any
    ) -> FileRow:
        """Conclude what speaks for its stream now: a full file replaces the older ones that wait.

        Both in one commit, because a crash between them would send the older one too.
        """
        if not self._steps.policy(row).limits.full:
            return self._conclude(row, refined, to, told, **set_)
        self._report(row, refined, to, set_)
        older = self._securing.secure_older(row)
        with self._kit.ledger.at_once():
            accepted = self._steps.commit(row, to, told, **set_)
            changes = [(row, accepted), *self._supersede(accepted, older)]
        for before, after in changes:
            self._steps.follow(before, after)
        return accepted

    def _duplicate(self, row: FileRow, refined: Refined, of: FileRow) -> FileRow:
        """Keep this copy, unless the archive holds the same bytes.

        It does not when they were purged, or when only the XML in them is the same.
        """
        if self._kit.archive.holds(of, row.sha256):
            if not self._securing.is_unchanged(row):
                return self.read_again(row)
        elif not self._securing.secure(row):
            return self.read_again(row)
        return self._accept(
            row,
            refined,
            State.DUPLICATE,
            hint=f"the same file was sent as {of.id}; nothing is sent again",
            duplicate_of=of.id,
            **self._set_against(row, of),
        )

    def _nothing(self, row: FileRow, refined: Refined, why: str) -> FileRow:
        """Accept a file of which there is nothing to send."""
        if not self._securing.secure(row):
            return self.read_again(row)
        accepted = self._accept(
            row, replace(refined, fatal=None), State.ARCHIVED, hint=why, held_for=()
        )
        self._kit.metrics.file_finished(row.stream, Outcome.NOTHING)
        self._kit.metrics.records(row.stream, refined.counts)
        return accepted

    def _reject(self, row: FileRow, refined: Refined, why: Reject) -> FileRow:
        rejected = self._conclude(row, refined, State.REJECTED, reason=why.reason, hint=why.hint)
        self._kit.metrics.file_rejected(row.stream, why.reason)
        return rejected

    def refuse(self, row: FileRow, actor: str, why: str) -> FileRow:
        """A person's no to a held file."""
        refused = self._conclude(
            row,
            self.load(row) or NOTHING_READ,
            State.REJECTED,
            Telling(actor=actor, note=why),
            reason=Reason.REFUSED,
            # Why is what somebody typed: it stays in the audit trail, off the pages.
            hint="it was decided not to send this file; sisdrop show tells by whom and why",
        )
        self._kit.metrics.file_rejected(row.stream, Reason.REFUSED)
        return refused

    def _conclude(
        self, row: FileRow, refined: Refined, to: State, told: Telling | None = None, **set_: Any
    ) -> FileRow:
        """Write the report that the state needs, then enter the state with these fields."""
        self._report(row, refined, to, set_)
        return self._steps.enter(row, to, told, **set_)

    def _report(self, row: FileRow, refined: Refined, to: State, fields: Mapping[str, Any]) -> None:
        entering = replace(row, **{"reason": None, "hint": None, **fields})
        self._steps.desk.report(entering, refined, _VERDICTS[to])
        self._steps.desk.keep(replace(entering, state=to))

    def _set_against(self, row: FileRow, last: FileRow | None) -> dict[str, Any]:
        """The fields that say what a file is compared with, and what it changes of it."""
        if last is None:
            return {"compared_with": None, "comparison": None}
        comparison = Comparison.of(last.id, self._change(row, last))
        return {"compared_with": last.id, "comparison": comparison}

    def _supersede(
        self, accepted: FileRow, held: Mapping[str, Signature]
    ) -> Iterator[tuple[FileRow, FileRow]]:
        """Replace the older files that wait, in the commit that accepts the newer one.

        One that may stand on the server already goes out first, as it should, and so does the one
        that the newer file repeats.
        """
        hint = f"the newer file {accepted.id} was accepted"
        for row in self._kit.ledger.waiting_before(accepted):
            if row.id == accepted.duplicate_of:
                continue
            if row.state is State.QUEUED and row.earlier:
                if not row.in_doubt:
                    yield row, self._steps.call_off(row, hint)
            elif row.id in held or (row.state is State.QUEUED and not row.in_doubt):
                signature = held.get(row.id, row.signature)
                yield row, self._steps.commit(row, State.SUPERSEDED, hint=hint, signature=signature)
