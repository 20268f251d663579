"""What people asked for: small files in `data/requests/`, dropped and answered by rename."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sisdrop import durable
from sisdrop.archive import on_data

_ANSWER = ".answer.json"


class Command(StrEnum):
    """What can be asked of the running service."""

    APPROVE = "approve"
    REFUSE = "refuse"
    RESEND = "resend"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class Request:
    """One person's wish. `actor` is who asked; `dry_run` only tells what would happen."""

    token: str
    command: Command
    actor: str
    file_id: str = ""
    reason: str = ""
    stale: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether it was done, and the sentence for the person who asked."""

    done: bool
    sentence: str


_REQUEST = TypeAdapter(Request)
_ANSWERS = TypeAdapter(Answer)


class RequestBox:
    """The folder through which commands and the service talk.

    Raises (every method that writes):
        Transient: `data_full`.
        NeedsOperator: `ledger_unusable` when the data volume cannot be written.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._folder = data / "requests"

    def ask(self, request: Request) -> None:
        """Leave a request. If killed here: it is there whole or not at all."""
        with on_data(self._data):
            self._folder.mkdir(exist_ok=True)
            durable.write_file(self._folder / f"{request.token}.json", _REQUEST.dump_json(request))

    def pending(self) -> Iterator[Request]:
        """The requests that wait, in the order of their tokens; unreadable ones are removed."""
        with on_data(self._data):
            found = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        for path in found:
            if path.name.endswith(_ANSWER) or path.name.startswith("."):
                continue
            request = self._read(path)
            if request is not None:
                yield request

    @staticmethod
    def _read(path: Path) -> Request | None:
        try:
            request = _REQUEST.validate_json(path.read_bytes())
        except ValidationError:
            path.unlink(missing_ok=True)
            return None
        except OSError:
            return None  # taken back meanwhile, or not ours to read: who asked hears of no answer
        if f"{request.token}.json" != path.name:
            path.unlink(missing_ok=True)
            return None
        return request

    def answer(self, request: Request, answer: Answer) -> None:
        """Answer a request, then remove it.

        If killed here: the request may be met again, and the answer then says what is already
        so; every command may be repeated.
        """
        path = self._folder / f"{request.token}{_ANSWER}"
        with on_data(self._data):
            durable.write_file(path, _ANSWERS.dump_json(answer))
        (self._folder / f"{request.token}.json").unlink(missing_ok=True)

    def collect(self, token: str) -> Answer | None:
        """Take the answer to a request away, if it has come."""
        path = self._folder / f"{token}{_ANSWER}"
        try:
            answer = _ANSWERS.validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        path.unlink()
        return answer

    def withdraw(self, token: str) -> None:
        """Take back a request that nobody answered."""
        (self._folder / f"{token}.json").unlink(missing_ok=True)
