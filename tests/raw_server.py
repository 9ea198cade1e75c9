"""A TCP server whose every byte the test decides, for what no well-behaved HTTP server does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[[socket.socket], None]


class RawServer:
    """Where it listens, and how many connections came."""

    def __init__(self, listener: socket.socket) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.connections = 0


@contextmanager
def raw_server(behave: Behaviour) -> Iterator[RawServer]:
    """Calls `behave(connection)` for each connection, in a thread of its own, then closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer(listener)
        thread = threading.Thread(target=_accept, args=(listener, server, behave), daemon=True)
        thread.start()
        yield server
        # Closing a socket doesn't wake the thread that accepts on it; shutting it down does.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _accept(listener: socket.socket, server: RawServer, behave: Behaviour) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        threading.Thread(target=_serve, args=(connection, behave), daemon=True).start()


def _serve(connection: socket.socket, behave: Behaviour) -> None:
    with connection, suppress(OSError):
        connection.settimeout(10)
        behave(connection)
