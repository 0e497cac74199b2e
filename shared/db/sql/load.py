"""A delivery for the demo's load in SQL: what it is going to buy is brought first."""

from uuid import UUID

from shared.db.transaction import Transaction

#: Locked in the order of their ids, as orders lock them.
RECEIVE = """
with shop as (select id from products order by id for no key update)
update products p set received = received + %(pieces)s, on_hand = on_hand + %(pieces)s from shop where shop.id = p.id
returning p.id
"""
COUNT = "select count(*) as n from products"


def receive(tx: Transaction, pieces: int) -> list[UUID]:
    """Receive so many pieces, shared out among all products; return the products."""
    kinds: int = tx.one(COUNT).n
    return [row.id for row in tx.all(RECEIVE, {"pieces": -(-pieces // max(kinds, 1))})]
