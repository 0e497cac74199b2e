"""Bring a database's tables up to date."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

HERE = Path(__file__).parent / "migrations"


def upgrade(database_url: str) -> None:
    """Run every migration that `database_url` has not seen; safe to run by several processes at once."""
    with _config(database_url) as config:
        command.upgrade(config, "head")


def check(database_url: str) -> None:
    """Raise if the tables of the code and those of the migrations differ."""
    with _config(database_url) as config:
        command.check(config)


def revision(database_url: str, message: str) -> None:
    """Write a new migration from the difference between code and database."""
    with _config(database_url) as config:
        command.revision(config, message, autogenerate=True, rev_id=message.split(maxsplit=1)[0])


@contextmanager
def _config(database_url: str) -> Iterator[Config]:
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.begin() as connection:
            # Two containers may start at once: the second waits and then finds nothing to do.
            connection.exec_driver_sql("select pg_advisory_xact_lock(7481)")
            config = Config()
            config.set_main_option("script_location", str(HERE))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            yield config
    finally:
        engine.dispose()
