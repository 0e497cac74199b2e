"""Webhooks that wait to be delivered: rows, so that they outlive the process; the switches bend their way."""

import asyncio
import sqlite3
import time

from services.sandbox.store import Store
from services.sandbox.switches import Switches

# Three webhooks in a row arrive in reverse: surely out of order, and the same way every time.
LATENESS = (0.6, 0.3, 0.0)
LEASE = 15.0  # a delivery under way is not begun again before; after a crash it is


class Outbox:
    def __init__(self, store: Store, switches: Switches) -> None:
        self._store, self._switches = store, switches
        self._posted = 0
        self.changed = asyncio.Event()

    def post(self, kind: str, url: str, body: str, *, after: float = 0.0) -> None:
        """Remember a webhook in the caller's transaction."""
        if self._switches.on("webhooks_off"):
            return
        due = time.time() + after
        if self._switches.on("webhooks_shuffled"):
            due += LATENESS[self._posted % len(LATENESS)]
        self._posted += 1
        for _ in range(2 if self._switches.on("webhooks_twice") else 1):
            self._store.run("insert into deliveries (kind, url, body, due) values (?, ?, ?, ?)", kind, url, body, due)
        self.changed.set()

    def take(self, most: int) -> list[sqlite3.Row]:
        """Return what is due now, and keep it from being taken twice while it is under way."""
        now = time.time()
        rows = self._store.all("select * from deliveries where due <= ? order by due limit ?", now, most)
        if rows:
            with self._store.transaction():
                for row in rows:
                    self._store.run("update deliveries set due = ? where seq = ?", now + LEASE, row["seq"])
        return rows

    def seconds_to_next(self) -> float | None:
        row = self._store.one("select min(due) as due from deliveries")
        return None if row is None or row["due"] is None else max(0.0, row["due"] - time.time())

    def done(self, delivery: sqlite3.Row) -> None:
        self._store.run("delete from deliveries where seq = ?", delivery["seq"])

    def again(self, delivery: sqlite3.Row, *, after: float) -> None:
        values = (time.time() + after, delivery["seq"])
        self._store.run("update deliveries set tries = tries + 1, due = ? where seq = ?", *values)
        self.changed.set()
