"""Listens on one port inside the running loop and hands requests to an application."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Final

import uvicorn
from starlette.applications import Starlette
from typing_extensions import override

# Seconds that an answer may still take once the service stops.
STOP_WITHIN: Final = 2


class _Uvicorn(uvicorn.Server):
    """uvicorn inside a loop that is ours: it leaves signals alone and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, dualstack_ipv6=host == "::")


class Server:
    """Serves an application on one port, inside the running loop, until it is stopped."""

    def __init__(self, app: Starlette) -> None:
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=STOP_WITHIN,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; afterwards `port` is the real one (0 asks for any).

        If killed here: the kernel closes the port.

        Raises:
            OSError: if the port cannot be bound, and then the service must not start.
        """
        bound = _bind(host, port)
        self.port = bound.getsockname()[1]
        self._task = asyncio.create_task(self._uvicorn.serve(sockets=[bound]), name="http")
        await self._uvicorn.listening.wait()

    async def stop(self) -> None:
        """Answer what was asked (for two seconds), then close the port. May be called twice."""
        if self._task is not None:
            self._uvicorn.should_exit = True
            await self._task
            self._task = None
