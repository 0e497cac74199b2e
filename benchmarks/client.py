"""A cheap load generator in a process of its own: kept-alive sockets that do nothing but post and read.

`python -m benchmarks.client PORT CONNECTIONS SECONDS TOKEN`, the body on stdin; prints each request's seconds as JSON.
"""

import json
import socket
import sys
import threading
import time
import uuid

REQUEST = (
    "POST /orders HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    "Idempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
)


class Connection(threading.Thread):
    """Posts one order after another until the time is up."""

    def __init__(self, port: int, token: str, body: str, until: float) -> None:
        super().__init__()
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._token, self._body, self._until = token, body, until
        self.took: list[float] = []

    def run(self) -> None:
        while (began := time.perf_counter()) < self._until:
            request = REQUEST.format(token=self._token, key=uuid.uuid4(), length=len(self._body), body=self._body)
            self._socket.sendall(request.encode())
            self._read()
            self.took.append(time.perf_counter() - began)

    def _read(self) -> None:
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._receive()
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202 "):
            raise SystemExit(answer.decode())
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self._receive()

    def _receive(self) -> bytes:
        some = self._socket.recv(65536)
        if not some:
            raise SystemExit("the API hung up")
        return some


def main(port: str, connections: str, seconds: str, token: str) -> None:
    body, until = sys.stdin.read(), time.perf_counter() + float(seconds)
    threads = [Connection(int(port), token, body, until) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps([took for thread in threads for took in thread.took]))


if __name__ == "__main__":
    main(*sys.argv[1:])
