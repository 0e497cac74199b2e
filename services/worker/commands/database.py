"""How the commands reach PostgreSQL: reads in one snapshot, changes in one transaction, trouble told in one line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlmodel import Session

from services.worker.commands import output
from services.worker.commands.output import NO_DATABASE
from shared.db.engine import Connection, connect
from shared.db.reading import reading, reading_engine
from shared.db.transaction import TRY_AGAIN, Transaction, transaction
from shared.nudge import nudge

Answer = TypeVar("Answer")

TRIES = 3


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, NoConnection) as error:
        output.fail(f"PostgreSQL: {str(error).strip() or type(error).__name__}", NO_DATABASE)


def read(question: Callable[[Session], Answer]) -> Answer:
    """Ask in one read-only transaction."""
    engine = reading_engine(1)
    try:
        with _told(), reading(engine) as session:
            return question(session)
    finally:
        engine.dispose()


def write(change: Callable[[Transaction], Answer]) -> Answer:
    """Change something in one transaction; again, if PostgreSQL asks for it; three times at most."""
    with _told(), connect() as connection:
        for _ in range(TRIES - 1):
            try:
                return _write(connection, change)
            except TRY_AGAIN:
                continue
        return _write(connection, change)


def _write(connection: Connection, change: Callable[[Transaction], Answer]) -> Answer:
    with transaction(connection) as tx:
        answer = change(tx)
    if tx.wakes:
        nudge()
    return answer
