"""Sending an archived zip again because a person wants it: same bytes, new name on the server."""

from sisdrop.log import LogEvent
from sisdrop.model import FileRow, Sending, State
from sisdrop.pipeline.steps import Steps, Telling
from sisdrop.requests import Answer, Request

_UNDER_WAY = frozenset({State.QUEUED, State.DELIVERING, State.DELIVERED})


class Resends:
    """Puts archived files back into the queue."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._kit = steps.kit

    def resend(self, request: Request) -> Answer:
        """Let an archived zip go out again, under a name that the server has not seen.

        Its time in the archive begins anew when it is there again. A request that is met again
        does nothing more. If killed here: it is queued, or archived as before; then its folder may
        be among those under way, and the next start files it.
        """
        with self._steps.deciding:
            row = self._kit.ledger.get(request.file_id)
            if row is None:
                return Answer(done=False, sentence=f"there is no file {request.file_id}")
            if any(before.request == request.token for before in row.earlier):
                return _done(row)
            why_not = self._why_not(row) or (None if request.stale else self._stale(row))
            if why_not is not None:
                return Answer(done=False, sentence=why_not)
            return self._queue(row, request)

    def _queue(self, row: FileRow, request: Request) -> Answer:
        remote_time, remote_name = self._steps.next_name(row)
        if row.remote_time is None or row.remote_name in (None, remote_name):
            return Answer(
                done=False,
                sentence=f"{row.id} would get the name it had; let sftp.name tell the seconds of"
                " {utc}, or wait until the name changes",
            )
        before = Sending(
            request.token,
            row.remote_name,
            row.remote_time,
            row.delivered_at,
            row.taken_as,
            row.pickup,
            row.pickup_at,
        )
        self._kit.archive.take_back(row)
        queued = self._steps.enter(
            row,
            State.QUEUED,
            Telling(actor=request.actor, note=request.reason),
            earlier=(*row.earlier, before),
            remote_time=remote_time,
            remote_name=remote_name,
            attempts=0,
            taken_as=None,
            pickup=None,
            pickup_at=None,
            filed_at=None,
            share_purged_at=None,
        )
        self._steps.log_of(row).info(LogEvent.FILE_RESENT)
        return _done(queued)

    def _why_not(self, row: FileRow) -> str | None:
        """What keeps a file from being sent again whoever wants it."""
        if row.state is not State.ARCHIVED:
            return _not_archived(row)
        if row.rehearsed:
            return f"{row.id} was only rehearsed and never sent; drop the file again"
        if self._kit.rehearsal:
            return "nothing is uploaded while the mode is rehearse"
        if row.purged_at is not None:
            return (
                f"the zip of {row.id} was purged on {row.purged_at:%Y-%m-%d}; drop the file again"
            )
        if not self._kit.archive.is_whole(row):
            return f"the zip of {row.id} in the archive is missing or damaged; drop the file again"
        return None

    def _stale(self, row: FileRow) -> str | None:
        """Why an older file must not go out after a newer one without a word about it."""
        last = self._kit.ledger.last_sent(row.stream, rehearsal=False)
        if last is None or last.id == row.id:
            return None
        return (
            f"{last.id} went out after {row.id}; sending {row.id} again would undo it; to send it"
            " all the same, resend it with --stale"
        )


def _not_archived(row: FileRow) -> str:
    if row.state in _UNDER_WAY:
        return f"{row.id} is under way already, it is {row.state}"
    if row.state is State.DUPLICATE:
        return f"{row.id} was not sent, because it is the same as {row.duplicate_of}; resend that"
    return f"{row.id} was not sent, it is {row.state}; only what was sent can be sent again"


def _done(row: FileRow) -> Answer:
    return Answer(done=True, sentence=f"{row.id} goes out again, as {row.remote_name}")
