"""How a command gets something done: by the running service, or alone when none runs."""

import getpass
import os
import secrets
import time
from typing import Any

from sisdrop import log
from sisdrop.app import Locked, acting_alone
from sisdrop.requests import Answer, Command, Request, RequestBox
from sisdrop.settings import Settings

# A scan every five seconds, and a long one before it.
PATIENCE = 60.0
LOOK_EVERY = 0.2


def ask(settings: Settings, command: Command, **wish: Any) -> Answer:
    """Have a command obeyed and say what came of it.

    If killed here: the request may still be obeyed; the audit trail tells.

    Raises:
        Transient, NeedsOperator: if the data folder cannot be used.
        ConfigError: if schema or rules cannot be used.
    """
    request = Request(token=_token(), command=command, actor=_who(), **wish)
    try:
        with acting_alone(settings, log.get()) as shop:
            return shop.rounds.obey(request)
    except Locked:
        return _ask_service(RequestBox(settings.data), request)


def _ask_service(box: RequestBox, request: Request) -> Answer:
    box.ask(request)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = box.collect(request.token)
        if answer is not None:
            return answer
        time.sleep(LOOK_EVERY)
    box.withdraw(request.token)
    return Answer(
        done=False, sentence="the running service did not answer within a minute; look at its log"
    )


def _token() -> str:
    """Sorts in the order of asking."""
    return f"{time.time_ns():020d}-{secrets.token_hex(4)}"


def _who() -> str:
    """Who asks, for the audit trail; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
