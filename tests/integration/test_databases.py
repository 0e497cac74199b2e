"""Each test's database is as new, whatever the one before has done to the last."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.databases import Databases

PRODUCT = """
insert into products (id, slug, name_en, name_ar, price, currency)
values (gen_random_uuid(), 'walnut-desk', 'Walnut desk', 'مكتب', 250000, 'EGP')
"""
ORDER = """
with layla as (
    insert into users (id, email, name, password_hash)
    values (gen_random_uuid(), 'layla@example.com', 'ليلى', '') returning id
)
insert into orders (id, user_id, status, total, currency, payment_method)
select id, id, 'placed', 250000, 'EGP', 'pm_card_visa' from layla returning number
"""


@pytest.fixture
def another(databases: Databases, template_database: str) -> Iterator[Databases]:
    """Databases whose last one is this test's, not another's."""
    assert template_database
    databases.give_back(databases.take())
    yield databases
    databases.give_back(databases.take())


def do(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def oid(url: str) -> list[Any]:
    """Return what a database keeps when it is given another name."""
    return do(url, "select oid from pg_database where datname = current_database()")


def test_rows_numbers_and_tables_of_the_last_test_are_gone(another: Databases) -> None:
    # Given
    url = another.take()
    do(url, PRODUCT)
    numbers = [do(url, ORDER.replace("layla@", f"layla{n}@")) for n in range(2)]
    do(url, "create table left_behind (n int); insert into left_behind values (1042)")
    first = oid(url)
    # When
    another.give_back(url)
    again = another.take()
    # Then it is the same, empty, under another name, and counts from the beginning
    assert oid(again) == first
    assert do(again, "select count(*) from products")[0] == do(again, "select count(*) from orders")[0] == (0,)
    assert do(again, "select to_regclass('left_behind')") == [(None,)]
    assert do(again, ORDER) == numbers[0]
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        oid(url)
    another.give_back(again)


@pytest.mark.parametrize(
    "change",
    [
        "alter table jobs add column wood text",
        "alter table orders disable trigger all",
        "create function desk() returns int language sql return 1",
        "update alembic_version set version_num = '0000'",
        f"{PRODUCT}; analyze products",
        "do $$begin execute format('alter database %I set work_mem = 1024', current_database()); end$$",
    ],
)
def test_one_in_which_more_than_rows_was_changed_is_not_used_again(another: Databases, change: str) -> None:
    # Given
    url = another.take()
    first = oid(url)
    do(url, change)
    # When
    another.give_back(url)
    # Then
    again = another.take()
    assert oid(again) != first
    another.give_back(again)


def test_who_is_still_connected_is_put_out(another: Databases) -> None:
    url = another.take()
    with psycopg.connect(url) as left:
        left.execute("lock table orders")
        another.give_back(url)
        with pytest.raises(psycopg.OperationalError):
            left.execute("select 1")
    again = another.take()
    assert do(again, "select 1") == [(1,)]
    another.give_back(again)
