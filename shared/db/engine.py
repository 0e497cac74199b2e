"""Connections to PostgreSQL, with the limits that keep a frozen process from stopping the others."""

import select
import threading
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from psycopg_pool import ConnectionPool

from shared.config import settings

# A session that sleeps in a transaction is ended, one that waits for a lock or runs for ever gives up.
# The last limit below is 4 s and ends the whole session, so that these must be shorter to be heard of.
LIMITS = "-c idle_in_transaction_session_timeout=3000 -c lock_timeout=3000 -c statement_timeout=3500 -c timezone=UTC"

# A host that vanished answers nothing, not even that it is gone.
KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}

# A process that freezes in the middle of sending leaves a session that is neither idle nor in a statement: only this
# ends it, and only PostgreSQL 17 and newer have it. (On 16 that moment, well under a millisecond, stays open.)
TRANSACTION_LIMIT = "set transaction_timeout = '4s'"
HAS_TRANSACTION_LIMIT = 17_00_00

# Who finds rows by their keys all day keeps the plans made first. For a young, small table PostgreSQL's plan is to read
# all of it, until the next vacuum; and it would plan a claim anew each time, for the number of its ids.
BY_KEY = "-c enable_seqscan=off -c plan_cache_mode=force_generic_plan"

Connection = psycopg.Connection[Any]


def connect(*, durable: bool = True, by_key: bool = False) -> Connection:
    """Open an autocommit connection whose rows are named tuples.

    durable: whether a commit waits for the disk. Where it does not, a crash of PostgreSQL may lose the last commits,
        always a suffix; fit for what runs again by itself.
    by_key: whether plans are made once and never read a whole table; for relay and workers.
    """
    connection: Connection = psycopg.connect(settings().database_url, **arguments(durable=durable, by_key=by_key))
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
        connection = _of_thread.connection = connect(durable=False, by_key=True)
    return connection


def close_thread_connection() -> None:
    """Close it; the next `thread_connection()` opens one to where the settings say then."""
    connection: Connection | None = getattr(_of_thread, "connection", None)
    if connection is not None:
        connection.close()


def arguments(*, durable: bool = True, by_key: bool = False) -> dict[str, Any]:
    options = [LIMITS, *([] if durable else ["-c synchronous_commit=off"]), *([BY_KEY] if by_key else [])]
    return {
        "autocommit": True,
        "row_factory": namedtuple_row,
        "prepare_threshold": 0,  # every statement is a constant: prepare it at once
        "options": " ".join(options),
        "connect_timeout": 5,
        **KEEPALIVES,
    }


def is_gone(connection: Connection) -> bool:
    """Say whether the other end has hung up while nobody used this. It costs a system call, and no round trip."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))  # it says nothing unasked but a farewell; a rare notice costs a new connection


def pool(size: int) -> ConnectionPool[Connection]:
    """Return a closed pool of durable connections; the caller opens and closes it."""

    def check(connection: Connection) -> None:
        """Lend no connection to a PostgreSQL that died; where one is dead the others are looked at, too."""
        if is_gone(connection):
            connection.close()
            connections.check()
            raise psycopg.OperationalError("PostgreSQL has hung up")

    connections: ConnectionPool[Connection] = ConnectionPool(
        settings().database_url,
        kwargs=arguments(),
        configure=limit_transactions,
        check=check,
        min_size=min(2, size),
        max_size=size,
        timeout=5,
        reconnect_timeout=5,  # it would wait twice as long each time, for minutes: give up, and begin anew when asked
        open=False,
    )
    return connections
