"""A line that can be cut: a small TCP proxy between a client and a server."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.ports import free_port


class Proxy:
    """`with Proxy(port) as line:`; clients use `line.port`. `cut()` breaks what is open and lets nobody in.

    slowly: seconds from one piece that a client sends to the next.
    """

    def __init__(self, target: int) -> None:
        self.target, self.port = target, free_port()
        self.slowly = 0.0
        self.connections = 0  # that were let through
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        _hang_up(self._listener)
        self._thread.join()
        self._listener.close()

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            for end in self._open:
                _hang_up(end)

    def mend(self) -> None:
        with self._lock:
            self._is_cut = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._carry, args=(client,), name="proxy-carry", daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.target), timeout=5) as server:
            server.settimeout(None)
            ends = {client, server}
            with self._lock:
                if self._is_cut:
                    return
                self.connections += 1
                self._open |= ends
            back = threading.Thread(target=_pump, args=(server, client), name="proxy-back", daemon=True)
            back.start()
            _pump(client, server, lambda: time.sleep(self.slowly))
            back.join()
            with self._lock:
                self._open -= ends


def _pump(one: socket.socket, other: socket.socket, rest: Callable[[], None] = lambda: None) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
            rest()
    _hang_up(other)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):  # the other end was first
        end.shutdown(socket.SHUT_RDWR)
