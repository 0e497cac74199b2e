"""A wire between a process and Redis that can break in the right moment: what was sent is swallowed, nothing else."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 65536


class Wire:
    """`with Wire(port) as wire:` listens on `wire.port` and passes on to the port behind it."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._unwanted: bytes | None = None
        self._sockets: list[socket.socket] = []
        self.swallowed_from: int | None = None  # the port of the client whose words were swallowed

    def swallow(self, words: bytes) -> None:
        """Break the first connection that sends these words: they, and whatever follows, do not arrive."""
        self.swallowed_from = None
        self._unwanted = words

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in [self._listener, *self._sockets]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                client, (_, port) = self._listener.accept()
                self._join(client, port)

    def _join(self, client: socket.socket, port: int) -> None:
        self._sockets.append(client)
        try:
            server = socket.create_connection(("127.0.0.1", self._behind))
        except OSError:  # nobody is there
            client.close()
            return
        self._sockets.append(server)
        threading.Thread(target=self._pass_on, args=(client, server, port), daemon=True).start()
        threading.Thread(target=self._pass_on, args=(server, client, None), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, port: int | None) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if port is not None and self._unwanted is not None and self._unwanted in data:
                    self._unwanted, self.swallowed_from = None, port
                    return  # both ends stay open: the client goes on waiting for its answer
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
