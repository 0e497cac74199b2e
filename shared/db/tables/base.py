"""What every table shares: UUIDv7 keys, UTC timestamps kept by the database's clock."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from shared.ids import new_id

NOW = text("clock_timestamp()")

#: For relationships: the other table's rows are only read through it, and only by a statement that asks for them.
READ = {"viewonly": True, "lazy": "raise"}


class Table(SQLModel):
    """A table's row; columns without a default must be given."""


def key() -> Any:
    return Field(default_factory=new_id, primary_key=True)


def reference(to: str, *, index: bool = False, nullable: bool = False) -> Any:
    return Field(default=None, foreign_key=to, index=index, nullable=nullable)


def moment(*, default: bool = False, index: bool = False) -> Any:
    """A timestamp with time zone: now by default, or null until it happens."""
    column = Column(DateTime(timezone=True), nullable=not default, server_default=NOW if default else None, index=index)
    return Field(default=None, sa_column=column)


def amount(default: int | None = None) -> Any:
    """Minor units of a currency."""
    server_default = None if default is None else text(str(default))
    return Field(default=default, sa_column=Column(BigInteger, nullable=False, server_default=server_default))


def words(default: str | None = None, *, nullable: bool = False) -> Any:
    server_default = None if default is None else text(f"'{default}'")
    return Field(default=default, sa_column=Column(Text, nullable=nullable, server_default=server_default))


def count(default: int = 0) -> Any:
    return Field(default=default, sa_column_kwargs={"server_default": text(str(default))})


def flag(*, default: bool = False) -> Any:
    return Field(default=default, sa_column_kwargs={"server_default": text(str(default).lower())})


def json(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(JSONB, nullable=nullable))


def texts() -> Any:
    return Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'")))


__all__ = [
    "NOW",
    "READ",
    "UUID",
    "Any",
    "Table",
    "amount",
    "count",
    "datetime",
    "flag",
    "json",
    "key",
    "moment",
    "reference",
    "texts",
    "words",
]
