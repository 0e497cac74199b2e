"""Clients of the uploads for tests: one that speaks tus, and one that sends what it likes, as slowly as it likes."""

import hashlib
import socket
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from tests.api import ApiProcess, Customer
from tests.waiting import wait_until

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = {**TUS, "Content-Type": "application/offset+octet-stream"}
PATTERN = hashlib.sha256(b"walnut-desk").digest() * 2**15  # 1 MiB


def film(size: int) -> bytes:
    """Return bytes of which no two stretches of 1 MiB begin alike."""
    return b"".join(reel(0, size))


def reel(start: int, end: int) -> Iterator[bytes]:
    """Yield a part of such a film, of any length, by 1 MiB at most."""
    while start < end:
        number, into = divmod(start, len(PATTERN))
        part = (number.to_bytes(8, "big") + PATTERN[8:])[into : into + end - start]
        yield part
        start += len(part)


def checksum(content: bytes, algorithm: str = "sha1") -> dict[str, str]:
    return {"Upload-Checksum": f"{algorithm} {b64encode(hashlib.new(algorithm, content).digest()).decode()}"}


def metadata(**said: str) -> dict[str, str]:
    """Return what files are said to be; an empty value is none."""
    pairs = (f"{key} {b64encode(value.encode()).decode()}".strip() for key, value in said.items())
    return {"Upload-Metadata": ",".join(pairs)}


class Tus:
    """A customer who uploads."""

    def __init__(self, api: ApiProcess, customer: Customer) -> None:
        self.api, self.customer, self.http = api, customer, customer.http

    def create(self, size: int, **more: Any) -> httpx.Response:
        headers = {**TUS, "Upload-Length": str(size), **more.pop("headers", {})}
        return self.http.post("/uploads", headers=headers, **more)

    def created(self, size: int, **headers: str) -> str:
        """Return the path of a new upload."""
        answer = self.create(size, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.headers["location"])

    def patch(self, path: str, offset: int, content: Any, **headers: str) -> httpx.Response:
        return self.http.patch(path, content=content, headers={**CHUNK, "Upload-Offset": str(offset), **headers})

    def head(self, path: str) -> httpx.Response:
        return self.http.head(path, headers=TUS)

    def offset(self, path: str) -> int:
        answer = self.head(path)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(path, headers=TUS)

    # --- what became of it ---

    def file(self, path: str) -> Path:
        return self.api.files / "uploads" / path.rpartition("/")[2]

    def stored(self, path: str) -> bytes:
        file = self.file(path)
        return file.read_bytes() if file.exists() else b""

    def row(self, path: str) -> Any:
        rows = self.api.sql("select * from videos where id = %s", id_of(path))
        return rows[0] if rows else None

    def facts(self, path: str) -> list[str]:
        """Return the names of the facts about it."""
        rows = self.api.sql("select name from events where aggregate_id = %s order by id", id_of(path))
        return [row.name for row in rows]

    def wait_until_over(self, request_id: str) -> None:
        """Wait until a request is in the log; who asks before that may be answered before it began."""
        wait_until(lambda: request_id in self.api.log.read_text())

    # --- a line of its own ---

    @contextmanager
    def sending(self, path: str, length: int | None, offset: int = 0, **headers: str) -> Iterator["Line"]:
        """Begin a chunk of so many bytes (None: it does not say), and send them by hand."""
        known = {**CHUNK, "Upload-Offset": str(offset), "Authorization": f"Bearer {self.customer.token}", **headers}
        with line(self.api.port, "PATCH", path, length, known) as opened:
            yield opened


def id_of(path: str) -> UUID:
    return UUID(path.rpartition("/")[2])


class Line:
    """A request that is sent piece by piece."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def cut(self) -> None:
        """Break the connection off, as a phone in a tunnel."""
        self._socket.close()

    def answer(self, timeout: float = 20) -> tuple[int, dict[str, str]]:
        """Return the status and the headers of the answer."""
        self._socket.settimeout(timeout)
        told = b""
        while b"\r\n\r\n" not in told and (more := self._socket.recv(2**16)):
            told += more
        first, *lines = told.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        headers = dict(text.split(": ", 1) for text in lines)
        return int(first.split()[1]), {name.lower(): value for name, value in headers.items()}

    def closed(self, timeout: float = 20) -> bool:
        """Say whether the server closes the connection within that time."""
        self._socket.settimeout(timeout)
        try:
            while self._socket.recv(2**16):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True


@contextmanager
def line(port: int, method: str, path: str, length: int | None, headers: Mapping[str, str]) -> Iterator[Line]:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    head = [f"{method} {path} HTTP/1.1", "Host: shop", size, *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        yield Line(connection)


def wait_for_size(client: Tus, path: str, size: int) -> None:
    wait_until(lambda: client.file(path).exists() and client.file(path).stat().st_size >= size)
