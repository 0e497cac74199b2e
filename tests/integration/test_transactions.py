"""One transaction: what was sent is committed or rolled back as a whole, and never in silence."""

from collections.abc import Iterator
from functools import partial

import psycopg
import pytest

from shared.db.engine import Connection, connect
from shared.db.transaction import Transaction, transaction

ADD = "insert into desks values (%s)"
LONG = "walnut " * 700_000  # more than the sockets' buffers hold together


@pytest.fixture
def connection(environment: pytest.MonkeyPatch) -> Iterator[Connection]:
    del environment  # it is set, that is all
    with connect() as connection:
        connection.execute("create table desks (number int primary key)")
        yield connection


def add(tx: Transaction, *numbers: int) -> None:
    for number in numbers:
        tx.execute(ADD, (number,))


def desks(connection: Connection) -> list[int]:
    return [row.number for row in connection.execute("select number from desks order by number")]


def test_an_error_that_somebody_swallowed_inside_is_raised_at_the_commit(connection: Connection) -> None:
    def swallow() -> None:
        with transaction(connection) as tx:
            tx.execute(ADD, (1,))
            with pytest.raises(psycopg.errors.DivisionByZero):
                tx.one("select 1 / 0")

    # Given a block that goes on after an error of PostgreSQL; then its commit is no silent rollback
    with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="was not raised"):
        swallow()
    # And the connection can be used again
    with transaction(connection) as tx:
        tx.execute(ADD, (2,))
    assert desks(connection) == [2]


def test_a_part_that_fails_is_undone_alone_again_and_again(connection: Connection) -> None:
    for number in range(10, 15):
        with transaction(connection) as tx:
            tx.execute(ADD, (number,))
            # When a part of the work fails, and another does not
            error = tx.attempt(partial(add, tx, 1000 + number, number))
            assert isinstance(error, psycopg.errors.UniqueViolation)
            assert tx.attempt(partial(add, tx, 100 + number)) is None
    # Then only the failed parts are missing
    assert desks(connection) == [*range(10, 15), *range(110, 115)]


def test_an_error_from_before_a_part_is_not_taken_for_the_parts_own(connection: Connection) -> None:
    def fail_before() -> None:
        with transaction(connection) as tx:
            tx.execute("select 1 / 0")
            tx.attempt(lambda: tx.execute(ADD, (1,)))

    with pytest.raises(psycopg.errors.DivisionByZero):
        fail_before()
    assert desks(connection) == []


def test_long_statements_and_long_answers_pass_one_another(connection: Connection) -> None:
    # Given
    with transaction(connection) as tx:
        for _ in range(3):
            tx.execute("select %s", (LONG,))
        # When
        said = tx.one("select %s as words", (LONG,)).words
        tx.execute("select %s", (LONG,))
        tx.execute(ADD, (1,))
    # Then
    assert said == LONG
    assert desks(connection) == [1]
