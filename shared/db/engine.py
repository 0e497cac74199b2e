"""Connections to PostgreSQL, with the limits that keep a frozen process from stopping the others."""

import threading
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from psycopg_pool import ConnectionPool

from shared.config import settings

# A session that sleeps in a transaction is ended, one that waits for a lock or runs for ever gives up.
LIMITS = "-c idle_in_transaction_session_timeout=3000 -c lock_timeout=5000 -c statement_timeout=15000 -c timezone=UTC"

# A process that freezes in the middle of sending leaves a session that is neither idle nor in a statement: only this
# ends it, and only PostgreSQL 17 and newer have it. (On 16 that moment, well under a millisecond, stays open.)
TRANSACTION_LIMIT = "set transaction_timeout = '4s'"
HAS_TRANSACTION_LIMIT = 17_00_00

Connection = psycopg.Connection[Any]


def connect(*, durable: bool = True) -> Connection:
    """Open an autocommit connection whose rows are named tuples.

    durable: whether a commit waits for the disk. Where it does not, a crash of PostgreSQL may lose the last commits,
        always a suffix; fit for what runs again by itself.
    """
    connection: Connection = psycopg.connect(settings().database_url, **arguments(durable=durable))
    limit_transactions(connection)
    return connection


def limit_transactions(connection: Connection) -> None:
    if connection.info.server_version >= HAS_TRANSACTION_LIMIT:
        connection.execute(TRANSACTION_LIMIT)


_of_thread = threading.local()


def thread_connection() -> Connection:
    """Return this thread's own connection, opened again if it broke; its commits do not wait for the disk."""
    connection: Connection | None = getattr(_of_thread, "connection", None)
    if connection is None or connection.closed:
        connection = _of_thread.connection = connect(durable=False)
    return connection


def close_thread_connection() -> None:
    """Close it; the next `thread_connection()` opens one to where the settings say then."""
    connection: Connection | None = getattr(_of_thread, "connection", None)
    if connection is not None:
        connection.close()


def arguments(*, durable: bool = True) -> dict[str, Any]:
    options = LIMITS if durable else f"{LIMITS} -c synchronous_commit=off"
    return {
        "autocommit": True,
        "row_factory": namedtuple_row,
        "prepare_threshold": 0,  # every statement is a constant: prepare it at once
        "options": options,
        "connect_timeout": 5,
    }


def pool(size: int) -> ConnectionPool[Connection]:
    """Return a closed pool of durable connections; the caller opens and closes it."""
    return ConnectionPool(
        settings().database_url,
        kwargs=arguments(),
        configure=limit_transactions,
        min_size=min(2, size),
        max_size=size,
        timeout=5,
        open=False,
    )
