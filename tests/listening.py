"""Facts said into the live streams by the relay's own hand, and a client of Server-Sent Events that writes down."""

import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from uuid import UUID

import httpx
from redis import Redis

from shared.broadcasting import stream
from shared.clock import now
from shared.events.catalogue import OrderEvent, OrderShipped
from shared.events.event import Event
from tests.api import Customer
from tests.events import golden
from tests.waiting import wait_until


def shipped(order_id: UUID | str, user_id: UUID | None = None, kind: type[OrderEvent] = OrderShipped) -> Event:
    """Return what happened to an order, as it is known to the golden events."""
    event = golden(kind)
    assert isinstance(event, OrderEvent)
    change = {"id": UUID(str(order_id)), **({"user_id": user_id} if user_id else {})}
    return event.model_copy(update={"order": event.order.model_copy(update=change)})


def say(client: Redis, position: int, *events: Event) -> int:
    """Write facts as the relay does, the first under this position; return the position of the last."""
    rows = [
        SimpleNamespace(
            since=0,
            position=number,
            name=type(event).__name__,
            version=event.version,
            payload=event.model_dump_json(),
            occurred_at=now(),
        )
        for number, event in enumerate(events, position)
    ]
    assert stream.write(client, rows, anew=True)
    return position + len(events) - 1


@dataclass(frozen=True)
class Block:
    """What stands between two empty lines."""

    event: str = ""
    id: str = ""
    data: str = ""
    comment: str = ""
    retry: str = ""


class Listening:
    """`with Listening(layla, ["orders.…"]) as heard:`; `heard.blocks` grows meanwhile."""

    def __init__(
        self, who: Customer | httpx.Client, channels: Sequence[str], headers: Mapping[str, str] = {}, **query: Any
    ) -> None:
        self.blocks: list[Block] = []
        self.ended = False
        like = who if isinstance(who, httpx.Client) else who.http
        self._http = httpx.Client(base_url=like.base_url, headers=like.headers, trust_env=False, timeout=30)
        self._headers, self._query = dict(headers), {"channel": list(channels), **query}

    def __enter__(self) -> Self:
        self._answer = self._http.send(
            self._http.build_request("GET", "/sse", params=self._query, headers=self._headers), stream=True
        )
        assert self._answer.status_code == 200, self._answer.read()
        assert self._answer.headers["content-type"].startswith("text/event-stream")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        self._reader.join(5)
        self._http.close()

    def hang_up(self) -> None:
        connection: socket.socket = self._answer.extensions["network_stream"].get_extra_info("socket")
        with suppress(OSError):  # the other end was faster
            connection.shutdown(socket.SHUT_RDWR)

    @property
    def events(self) -> list[tuple[str, str]]:
        """The names and ids of what was heard, without `App\\Events\\`."""
        return [(block.event.rpartition("\\")[2], block.id) for block in list(self.blocks) if block.event]

    @property
    def last_id(self) -> str:
        """What a client would say when it comes back."""
        return next((block.id for block in reversed(list(self.blocks)) if block.id), "")

    def wait_for(self, *events: tuple[str, str]) -> None:
        wait_until(lambda: len(self.events) >= len(events))
        assert self.events == list(events)

    def wait_for_id(self, expected: str = "") -> str:
        """Wait until it is known how far the stream has come."""
        return wait_until(lambda: self.last_id if self.last_id and expected in ("", self.last_id) else "")

    def _read(self) -> None:
        try:
            self._take_apart()
        except (httpx.HTTPError, OSError, ValueError):
            return  # hung up
        self.ended = True

    def _take_apart(self) -> None:
        fields: dict[str, str] = {}
        for line in self._answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                name = name or "comment"
                fields[name] = f"{fields[name]}\n{value}" if name in fields else value
            else:
                self.blocks.append(Block(**fields))
                fields = {}
