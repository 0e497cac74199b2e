"""What must never be touched: a server that nobody may reach, and files that nobody may open. Both tell."""

import ctypes
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

OPENED, READ = 0x20, 0x01
NONBLOCKING = os.O_NONBLOCK


class Canary:
    """`with Canary() as canary:`; `disturbed()` is what happened, an empty list if nothing did."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(("127.0.0.1", self.port))
        self._datagrams.setblocking(False)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watcher = self._libc.inotify_init1(NONBLOCKING)

    @property
    def port(self) -> int:
        number: int = self._server.getsockname()[1]
        return number

    def watch(self, path: Path) -> Path:
        """Notice from now on if somebody opens a file."""
        assert self._libc.inotify_add_watch(self._watcher, os.fsencode(path), OPENED | READ) >= 0
        return path

    def disturbed(self) -> list[str]:
        happened = []
        with suppress(BlockingIOError):
            self._server.accept()[0].close()
            happened.append("a connection")
        with suppress(BlockingIOError):
            self._datagrams.recv(9)
            happened.append("a datagram")
        with suppress(BlockingIOError):
            if os.read(self._watcher, 65536):
                happened.append("a file was opened")
        return happened

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        self._datagrams.close()
        os.close(self._watcher)
