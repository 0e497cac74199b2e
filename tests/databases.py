"""A database for each test: migrated, empty, and under a new name, so that nobody whom an earlier test left finds it.

To make one takes three times as long as to empty one. So the last test's is emptied, if rows are all that has changed.
"""

from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from shared.db.migrate import upgrade
from shared.engines.postgres import PostgresServer

TEMPLATE = "taboor_template"
END_CLIENTS = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s"
NOT_OURS = "('pg_catalog', 'information_schema', 'pg_toast')"
TABLES = f"""
select format('%I.%I', n.nspname, c.relname), pg_relation_size(c.oid) > 0
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname not in {NOT_OURS} order by 1
"""
#: What is known of a schema, row by row: whatever is altered gets a new version of its row, and with it a new xmin.
CATALOGUES = (
    *("attribute", "attrdef", "constraint", "index", "trigger", "proc", "rewrite", "sequence", "type", "namespace"),
    *("extension", "policy", "enum", "inherits", "statistic_ext", "event_trigger"),
)
CHANGES = " union all ".join(
    f"select '{name}', count(*), sum(xmin::text::bigint), max(xmin::text::bigint) from pg_{name}" for name in CATALOGUES
)
#: What the planner was told by ANALYZE, and settings of the database: nothing that a new one has.
LEFT = """
select (select count(*) from pg_statistic s join pg_class c on c.oid = s.starelid where c.oid >= 16384)
     + (select count(*) from pg_db_role_setting r join pg_database d on d.oid = r.setdatabase
        where d.datname = current_database())
"""


class Databases:
    """Those of one server: `template()` once, then `take()` and `give_back()` for each test."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = count(1)
        self._connection: psycopg.Connection | None = None
        self._spare = ""
        self._tables: set[str] = set()
        self._kept: list[str] = []
        self._fresh: list[object] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def template(self) -> str:
        """Make the database that the others are copies of."""
        self._do("create database {}", TEMPLATE)
        upgrade(self._server.url_of(TEMPLATE))
        with self._connect(TEMPLATE) as connection:
            tables = connection.execute(TABLES).fetchall()
            self._tables = {name for name, _ in tables}
            self._kept = [name for name, has_rows in tables if has_rows]
            self._fresh = self._look(connection)
        self._do("alter database {} allow_connections false", TEMPLATE)
        return TEMPLATE

    def take(self) -> str:
        """Return the URL of a database that is as the template is."""
        name, self._spare = self._spare, ""
        if name:
            self._server_answers()
        else:
            name = self._name()
            self._do("create database {} template {}", name, TEMPLATE)
        return self._server.url_of(name)

    def give_back(self, url: str) -> None:
        """Empty it for the next test, or drop it."""
        name = url.rpartition("/")[2]
        with suppress(psycopg.errors.ObjectInUse):  # somebody does not let go of it: it is dropped
            self._server_answers().execute(END_CLIENTS, (name,))
            renamed = self._name()
            self._do("alter database {} rename to {}", name, renamed)
            name = renamed
            if self._empty(name):
                self._spare = name
                return
        self._do("drop database {} with (force)", name)

    def _empty(self, name: str) -> bool:
        """Drop what the test has made, truncate what it has filled; say whether all is as it was."""
        with self._connect(name) as connection:
            tables = connection.execute(TABLES).fetchall()
            if made := [table for table, _ in tables if table not in self._tables]:
                connection.execute(f"drop table {', '.join(made)} cascade".encode())
            filled = {table for table, has_rows in tables if has_rows}.difference(made, self._kept)
            if filled:
                connection.execute(f"truncate {', '.join(filled)} restart identity cascade".encode())
            return self._look(connection) == self._fresh

    def _look(self, connection: psycopg.Connection) -> list[object]:
        """Return what differs if more than rows was changed, or rows of those tables that were not empty."""
        kept = [
            connection.execute(f"select t::text from {table} t order by 1".encode()).fetchall() for table in self._kept
        ]
        return [connection.execute(CHANGES.encode()).fetchall(), connection.execute(LEFT).fetchall(), kept]

    def _name(self) -> str:
        return f"taboor_test_{next(self._numbers)}"

    def _connect(self, name: str) -> psycopg.Connection:
        return psycopg.connect(self._server.url_of(name), autocommit=True)

    def _do(self, statement: str, *names: str) -> None:
        self._server_answers().execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _server_answers(self) -> psycopg.Connection:
        """Return a connection to the server, which is started again if a test has killed it."""
        if self._connection is not None:
            if self._server.alive():  # a killed server's children answer for another moment
                with suppress(psycopg.OperationalError):
                    self._connection.execute("select")
                    return self._connection
            self._connection.close()
        self._server.start()
        self._connection = psycopg.connect(self._server.url, autocommit=True)
        return self._connection
