"""What has had its time is deleted a batch at a time, so that no delete holds many rows, or holds them for long."""

from shared.db.transaction import Transaction

BATCH = 1000


def old(table: str, key: str, since: str, age: str) -> str:
    """Return the statement that deletes a batch of rows whose `since` is longer ago than `age`, and counts them.

    key: the columns by which they are found again. What somebody else is just writing or deleting is left alone.
    """
    return f"""
with old as (
    select {key} from {table} where {since} < statement_timestamp() - interval '{age}'
    limit {BATCH} for update skip locked
), gone as (
    delete from {table} where ({key}) in (select {key} from old) returning 1
)
select count(*) as n from gone
"""


def delete(tx: Transaction, statement: str) -> bool:
    """Delete a batch; say whether there may be more."""
    return bool(tx.one(statement).n == BATCH)
