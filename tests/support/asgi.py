"""Asks an ASGI application one thing, without a network."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.types import Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and the error that the application raised after it, if any."""

    status: int
    headers: dict[str, str]
    body: bytes
    raised: Exception | None

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


async def ask(app: Starlette, target: str, method: str = "GET") -> Answer:
    """Send one request without a body."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [],
        "scheme": "http",
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 50000),
        "root_path": "",
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    raised = None
    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001  # an application may raise anything; tests look at it
        raised = error
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], headers, body, raised)
