"""The sandbox's memory: one SQLite file that survives `kill -9`, used from one thread only."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
create table if not exists intents (
    seq integer primary key, id text not null unique, created integer not null, body text not null);
create index if not exists intents_by_time on intents (created);
create table if not exists refunds (
    seq integer primary key, id text not null unique, payment_intent text not null,
    amount integer not null, body text not null);
create index if not exists refunds_by_intent on refunds (payment_intent);
create table if not exists events (seq integer primary key, id text not null unique, body text not null);
create table if not exists idempotency_keys (
    key text primary key, fingerprint text not null, status integer not null, body text not null,
    created real not null);
create table if not exists texts (
    seq integer primary key, sid text not null unique, recipient text not null, sender text not null,
    body text not null, created real not null);
create index if not exists texts_by_recipient on texts (recipient);
create table if not exists mailbox (
    seq integer primary key, channel text not null, recipient text not null, sender text not null,
    subject text, text text not null, html text, message_id text, received_at text not null);
create index if not exists mailbox_by_recipient on mailbox (recipient);
create table if not exists deliveries (
    seq integer primary key, kind text not null, url text not null, body text not null,
    due real not null, tries integer not null default 0);
create index if not exists deliveries_due on deliveries (due);
create table if not exists facts (name text primary key, value text not null);
"""


class Store:
    """One connection. Every caller runs on the event loop's thread, so no lock is needed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        # NORMAL in WAL mode: a commit is in the kernel's hands, so the process may die at any moment.
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Never await inside: another request would write into this transaction."""
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; return how many rows it touched."""
        return self._connection.execute(sql, values).rowcount

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        self._connection.close()
