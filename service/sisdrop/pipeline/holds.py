"""What people decide about held files: by command, or by moving the file on the share."""

from dataclasses import replace
from pathlib import Path

from sisdrop.errors import Reason
from sisdrop.guard import Duplicate, Hold
from sisdrop.log import LogEvent
from sisdrop.model import Approval, Candidate, FileRow, HeldFor, Origin, Refined, State
from sisdrop.pipeline.securing import was_read
from sisdrop.pipeline.steps import Steps, Telling
from sisdrop.pipeline.verdict import Verdicts
from sisdrop.requests import Answer

# A file on its way from one folder to another may be in neither at one look.
_LOOKS_BEFORE_GONE = 2
ON_THE_SHARE = "share"


class Holds:
    """Approves, refuses, and notices what people did with held files."""

    def __init__(self, steps: Steps, verdicts: Verdicts) -> None:
        self._steps = steps
        self._kit = steps.kit
        self._verdicts = verdicts
        self._missing: dict[str, int] = {}

    def approve(self, file_id: str, actor: str, reason: str, *, stale: bool = False) -> Answer:
        """Let a held file go on: the limits are lifted for the bytes that were shown.

        The bytes are hashed again. If they changed, the file is read and judged anew and the
        approval does not count. If killed here: the file is held, or approved and judged again.
        """
        with self._steps.deciding:
            row = self._kit.ledger.get(file_id)
            refused = self._refuse_to_decide(file_id, row)
            if row is None or refused is not None:
                return refused or Answer(done=False, sentence="")
            held = self._kit.share.held(row.id, row.name)
            if self._kit.share.signature(held) is None:
                return Answer(done=False, sentence=f"{file_id} is no longer in the folder held")
            if not was_read(row):
                return self._try_again(row, actor)
            seen = self._kit.share.recognise(held, row.sha256 or "")
            refined = self._verdicts.load(row)
            if seen is None or refined is None:
                self._verdicts.read_again(row, actor)
                return Answer(
                    done=False,
                    sentence=f"{file_id} was edited while it was held, so it is checked anew;"
                    " approve it again if it is held again",
                )
            shown = tuple(held.reason for held in row.held_for) or None
            approval = Approval(
                actor, reason, self._kit.clock.utc(), row.sha256 or "", stale, shown
            )
            # It may have come back as a copy, which looks different and holds the same bytes.
            return self._approve(replace(row, signature=seen), approval, refined)

    def _approve(self, row: FileRow, approval: Approval, refined: Refined) -> Answer:
        decision = self._verdicts.judge(replace(row, approval=approval), refined)
        if isinstance(decision, Hold):
            return self._stay_held(row, approval.actor, decision.held_for[0])
        # Who is left to another stream is decided anew; the approval is for what comes of it too.
        is_outdated = self._verdicts.is_outdated(row, refined)
        self._steps.enter(
            row,
            State.CLAIMED if is_outdated else State.REFINED,
            Telling(actor=approval.actor, note=approval.reason),
            approval=approval,
            signature=row.signature,
        )
        self._steps.log_of(row).info(LogEvent.FILE_APPROVED)
        if is_outdated:
            return Answer(
                done=True,
                sentence=f"{row.id} is approved; it is read once more, because a newer file of a"
                " stream that takes precedence came, and goes out unless something new is found",
            )
        if isinstance(decision, Duplicate):
            return Answer(
                done=True, sentence=f"{row.id} is what was sent last; nothing is sent again"
            )
        return Answer(done=True, sentence=f"{row.id} is approved and goes out next")

    def _stay_held(self, row: FileRow, actor: str, why: HeldFor) -> Answer:
        """An approval does not cover what was not shown: that is shown now."""
        if why.reason is Reason.STALE:
            how = "to send it all the same, approve it with --stale"
        else:
            told = Telling(actor=actor, note="judged again: more keeps it than was shown")
            self._steps.enter(row, State.REFINED, told, approval=None, signature=row.signature)
            how = "that was not shown before, so it is held again; look at its report first"
        return Answer(done=False, sentence=f"{why.sentence}; {how}")

    def _try_again(self, row: FileRow, actor: str) -> Answer:
        self._steps.enter(
            row, State.CLAIMED, Telling(actor=actor, note="try again"), failures=0, held_for=()
        )
        return Answer(done=True, sentence=f"{row.id} is read again")

    def refuse(self, file_id: str, actor: str, reason: str) -> Answer:
        """Send a held file to `rejected/`. If killed here: it is held, or rejected and moved."""
        with self._steps.deciding:
            row = self._kit.ledger.get(file_id)
            refused = self._refuse_to_decide(file_id, row)
            if row is None or refused is not None:
                return refused or Answer(done=False, sentence="")
            self._verdicts.refuse(row, actor, reason)
            return Answer(done=True, sentence=f"{file_id} is refused; nothing of it is sent")

    @staticmethod
    def _refuse_to_decide(file_id: str, row: FileRow | None) -> Answer | None:
        if row is None:
            return Answer(done=False, sentence=f"there is no file {file_id}")
        if row.state is State.SUPERSEDED:
            return Answer(
                done=False,
                sentence=f"{file_id} was superseded: {row.hint}; drop the file again if you want"
                " the older one",
            )
        if row.state is not State.HELD:
            return Answer(done=False, sentence=f"{file_id} is not held, it is {row.state}")
        return None

    # What people do on the share itself.

    def recognise(self, candidate: Candidate) -> bool:
        """Whether a candidate is a held file that somebody moved, and what that means is done.

        In `approved/` it approves. In the inbox it was dragged back, and finds the same hold.
        """
        with self._steps.deciding:
            row = self._find_held(candidate)
            if row is None:
                return False
            held = self._kit.share.held(row.id, row.name)
            if self._kit.share.signature(held) is None:
                self._drop_marker(candidate)
                self._kit.share.move(candidate.path, held)
            elif candidate.origin is Origin.APPROVED and self._is_copy(candidate, held, row):
                self._drop_marker(candidate)
                self._kit.share.remove(candidate.path)
            else:
                return False
            self._kit.scanner.forget(candidate.path)
            if candidate.origin is Origin.APPROVED:
                answer = self.approve(row.id, ON_THE_SHARE, "moved to the folder approved")
                self._steps.log_of(row).info(LogEvent.REQUEST_ANSWERED, accepted=answer.done)
            return True

    def _is_copy(self, candidate: Candidate, held: Path, row: FileRow) -> bool:
        """Whether the same bytes still lie in `held/`, so that these are one too many."""
        share = self._kit.share
        unchanged = share.signature(candidate.path) == candidate.signature
        return unchanged and share.recognise(held, row.sha256 or "") is not None

    def _drop_marker(self, candidate: Candidate) -> None:
        """A stale marker would pass tomorrow's half-written file."""
        if candidate.marker is not None:
            self._kit.share.remove(candidate.marker)

    def _find_held(self, candidate: Candidate) -> FileRow | None:
        """The held file with exactly these bytes; one that is missing from `held/` comes first."""
        share = self._kit.share
        rows = [
            row
            for row in self._kit.ledger.in_states(State.HELD)
            if row.signature.size == candidate.signature.size
            and was_read(row)
            and share.signature(share.work(row.id)) is None  # laid down, wherever it is now
        ]
        missing = [row for row in rows if share.signature(share.held(row.id, row.name)) is None]
        if not missing and (not rows or candidate.origin is Origin.INBOX):
            return None
        digest = share.digest(candidate.path)
        return next((row for row in [*missing, *rows] if row.sha256 == digest), None)

    def notice_deleted(self, sizes: frozenset[int]) -> None:
        """Refuse held files that somebody deleted from `held/`.

        `sizes` are those of all files in the inbox and in `approved/` at this look: a held file
        that was moved there is not deleted.
        """
        share = self._kit.share
        for row in self._kit.ledger.in_states(State.HELD):
            gone = self._steps.tidying.is_tidy(row.id) and not (
                share.signature(share.held(row.id, row.name)) or row.signature.size in sizes
            )
            looks = self._missing.get(row.id, 0) + 1 if gone else 0
            self._missing[row.id] = looks
            if looks >= _LOOKS_BEFORE_GONE:
                del self._missing[row.id]
                self.refuse(row.id, ON_THE_SHARE, "deleted from the folder held")
