"""A page that follows some orders as `echo.ts` does, and a relay that writes facts, both over whatever breaks."""

import json
import os
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis import Redis
from redis.exceptions import RedisError
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from shared.broadcasting import keys
from shared.broadcasting.stream_script import GONE, append
from shared.clock import now
from tests.realtime_client import Client, Frame

#: What a page gets while nodes die under it.
LOST = (ConnectionClosed, InvalidHandshake, OSError, TimeoutError, EOFError, AssertionError)
AT_ONCE = 50


@dataclass
class Database:
    """What has happened: the channel and time of each fact, by position. The truth that is refetched."""

    facts: list[tuple[str, str]] = field(default_factory=list)

    def happen(self, channel: str) -> None:
        self.facts.append((channel, now().isoformat()))

    def of(self, channel: str) -> list[int]:
        return [position for position, (name, _when) in enumerate(tuple(self.facts), 1) if name == channel]


class Relay(threading.Thread):
    """Writes to the streams what the database has, from the start again if they are gone."""

    def __init__(self, database: Database, redis_url: str) -> None:
        super().__init__(daemon=True)
        self._database, self._url = database, redis_url
        self._cursor = 0
        self.over = threading.Event()

    @property
    def idle(self) -> bool:
        return self._cursor == len(self._database.facts)

    def run(self) -> None:
        while not self.over.wait(0.005):
            try:
                self._write()
            except RedisError:
                time.sleep(0.05)

    def _write(self) -> None:
        some = self._database.facts[self._cursor : self._cursor + AT_ONCE]
        with Redis.from_url(self._url, socket_timeout=2) as client:
            if not some and client.exists(keys.BUS, keys.LIFE) == 2:
                return
            words: list[str | int] = []
            for position, (channel, when) in enumerate(some, self._cursor + 1):
                words += [f"{position}-0", "App\\Events\\OrderShipped", json.dumps([channel])]
                words += [json.dumps({"event_id": position}), when, 1, keys.channel(channel)]
            anew = self._cursor == 0
            gone = append(client, os.urandom(8).hex(), words, since=self._cursor, anew=anew) == GONE
        self._cursor = 0 if gone else self._cursor + len(some)


class Page(threading.Thread):
    """Follows one channel. `heard` is what it knows of it, in order; `faults` is what should never be."""

    def __init__(self, channel: str, ports: Sequence[int], database: Database, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.channel = channel
        self.heard: list[int] = []
        self.faults: list[str] = []
        self.connections = self.refetched = self.resumed = 0
        self._ports, self._database, self._chance = ports, database, chance
        self._cursor: int | None = None
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            try:
                with Client(self._chance.choice(self._ports), open_timeout=2) as client:
                    self.connections += 1
                    self._follow(client)
            except LOST:
                time.sleep(0.05)

    def _follow(self, client: Client) -> None:
        client.ask(self.channel, json.dumps({"after": self._cursor}))
        until = time.monotonic() + self._chance.uniform(0.2, 3)  # pages come and go without any fault of ours, too
        last = -1
        while not self.over.is_set() and time.monotonic() < until:
            try:
                frame = client.next(0.2)
            except TimeoutError:
                continue
            if frame["event"] == "pusher:position" and self._cursor is None:
                self._fetch(self._position(frame))
            elif frame["event"] == "pusher:resume_failed":
                self.refetched += 1
                self._fetch(None)
                last = -1
            elif frame["event"].startswith("App\\"):
                last = self._take(frame, last)

    def _take(self, frame: Frame, last: int) -> int:
        number = int(json.loads(frame["data"])["event_id"])
        if number <= last:
            self.faults.append(f"{self.channel}: {number} after {last} on one connection")
        if self._cursor is not None and number > self._cursor:  # before the first answer of the API it is in that
            self.heard.append(number)
            self._cursor = number
        return number

    def _fetch(self, position: int | None) -> None:
        """Ask for the truth, as a page does that was told to, or that has just subscribed."""
        self.heard = self._database.of(self.channel)
        self._cursor = max([*self.heard, position or 0, 0])

    def _position(self, frame: Frame) -> int:
        return int(json.loads(frame["data"])["position"])
