"""How reads reach the database: through SQLModel, each request in one read-only snapshot."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlmodel import Session

from shared.config import settings
from shared.db.engine import LIMITS, Connection, arguments, is_gone, limit_transactions

#: A request's statements see one moment: a timeline's facts and jobs fit together. Such transactions never conflict.
SNAPSHOT = "-c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"


def reading_engine(size: int) -> Engine:
    """Make an engine that connects when it is first asked; the caller disposes of it."""
    limits: dict[str, Any] = {**arguments(), "autocommit": False, "options": f"{LIMITS} {SNAPSHOT}"}
    del limits["row_factory"]  # SQLAlchemy makes its own rows
    engine = create_engine(
        settings().database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        connect_args=limits,
        pool_size=size,
        max_overflow=0,
        pool_timeout=5,
        use_native_hstore=False,
    )
    event.listen(engine, "connect", _limit)
    event.listen(engine, "checkout", _look)
    return engine


def _limit(connection: Connection, _record: object) -> None:
    limit_transactions(connection)
    connection.commit()  # a setting that is rolled back is forgotten


def _look(connection: Connection, _record: object, _proxy: object) -> None:
    """Have a connection to a PostgreSQL that died made anew, and the others when they are wanted."""
    if is_gone(connection):
        raise InvalidatePoolError


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Run the block in one read-only transaction. It fails as a write does: with psycopg's own errors."""
    try:
        with Session(engine, autoflush=False, expire_on_commit=False) as session:
            yield session
            session.commit()  # after a rollback psycopg prepares every statement anew
    except DBAPIError as error:
        raise error.orig or error from error
