"""Reads go through SQLModel in read-only snapshots: what they see, what they may not do, how they fail."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select, text

from shared.config import settings
from shared.db.reading import reading, reading_engine
from shared.db.reads import products
from shared.db.seed import seed
from shared.db.tables.products import Product

LIMITS = {
    "idle_in_transaction_session_timeout": "3s",
    "lock_timeout": "3s",
    "statement_timeout": "3500ms",
    "TimeZone": "UTC",
}
USED = """
select generic_plans + custom_plans from pg_prepared_statements where statement like '%FROM products%'
"""


@pytest.fixture
def engine(environment: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The demo's shop, read through one connection."""
    del environment
    seed(settings().database_url)
    engine = reading_engine(1)
    yield engine
    engine.dispose()


def test_a_read_sees_one_moment_and_the_next_read_what_was_written_since(engine: Engine) -> None:
    with reading(engine) as session, psycopg.connect(settings().database_url) as another:
        # Given
        before = _slugs(session)
        # When
        another.execute("update products set slug = 'oak-desk' where slug = 'walnut-desk'")
        another.commit()
        session.expire_all()
        # Then
        assert _slugs(session) == before
    with reading(engine) as session:
        assert _slugs(session) == (before - {"walnut-desk"}) | {"oak-desk"}


def test_a_read_cannot_write(engine: Engine) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), reading(engine) as session:
        session.add(Product(slug="oak-desk", name_en="Oak desk", name_ar="مكتب خشب بلوط", price=1, currency="EGP"))
    with reading(engine) as session:
        assert "oak-desk" not in _slugs(session)


def test_every_read_has_the_limits_of_a_write(engine: Engine) -> None:
    for _ in range(2):  # the first one's end must not undo them
        with reading(engine) as session:
            assert {name: _show(session, name) for name in LIMITS} == LIMITS
            if int(_show(session, "server_version_num")) >= 17_00_00:
                assert _show(session, "transaction_timeout") == "4s"


def test_a_statement_is_prepared_once_and_stays_so(engine: Engine) -> None:
    # Given
    for _ in range(3):
        with reading(engine) as session:
            products.whole(session)
    # When
    with reading(engine) as session:
        used = session.scalar(
            text(
                "select generic_plans + custom_plans from pg_prepared_statements where statement like '%FROM products%'"
            )
        )
    # Then
    assert used == 3


def test_a_lost_connection_costs_no_read(engine: Engine) -> None:
    # Given
    with reading(engine) as session:
        backend = session.scalar(text("select pg_backend_pid()"))
    with psycopg.connect(settings().database_url, autocommit=True) as another:
        another.execute("select pg_terminate_backend(%s, 5000)", (backend,))
    # When somebody reads, then on a new one
    with reading(engine) as session:
        assert "walnut-desk" in _slugs(session)


def _slugs(session: Session) -> set[str]:
    return {product.slug for product in session.exec(select(Product))}


def _show(session: Session, name: str) -> Any:
    return session.scalar(text(f"show {name}"))
