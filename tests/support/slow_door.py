"""A door in front of a server, through which bytes pass as slowly as a test wants."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 16 * 1024


class SlowDoor:
    """Passes connections on; `speed` is in bytes a second towards the server, None is no limit."""

    def __init__(self, host: str, port: int) -> None:
        self.speed: float | None = None
        self._server = (host, port)
        self._closed = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Take connections until closed."""
        with suppress(OSError):
            while not self._closed.is_set():
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        inwards = target.getpeername() == self._server
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                target.sendall(piece)
                if inwards and self.speed is not None:
                    self._closed.wait(len(piece) / self.speed)
        _end(source)
        _end(target)

    def close(self) -> None:
        """Break every connection off."""
        self._closed.set()
        for open_socket in (self._listener, *self._sockets):
            _end(open_socket)
            open_socket.close()


def _end(open_socket: socket.socket) -> None:
    with suppress(OSError):
        open_socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def slow_door(host: str, port: int) -> Iterator[SlowDoor]:
    """A door on the server's own address, on a port of its own; closed when the block is left."""
    door = SlowDoor(host, port)
    thread = threading.Thread(target=door.serve, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        door.close()
        thread.join()
