"""A proxy between a client and a server that can fall silent, or change what the server says."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Change = Callable[[bytes], bytes]


class Proxy:
    """Listens on a port of its own; ``silent`` keeps connections open and passes nothing on.

    ``change`` is made to what the server says, ``ask`` to what the client does.
    """

    def __init__(self, port: int, change: Change = bytes, ask: Change = bytes) -> None:
        self.silent = threading.Event()
        self._port, self._change, self._ask = port, change, ask
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                self._open += [client, server]
                threading.Thread(target=self._pass, args=(client, server, self._ask), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, self._change), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, change: Change) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not self.silent.is_set():
                    target.sendall(change(data))
            target.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close all connections."""
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def proxy(port: int, change: Change = bytes, ask: Change = bytes) -> Iterator[Proxy]:
    """Run a proxy for a ``with`` block."""
    made = Proxy(port, change, ask)
    try:
        yield made
    finally:
        made.close()
