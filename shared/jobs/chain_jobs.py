"""The ledger's own job for chains: it undoes what a chain did that an operator has cancelled."""

from uuid import UUID

from shared.db.transaction import Transaction
from shared.jobs import operations_sql
from shared.jobs.failure import undo_chain
from shared.jobs.job import job


@job(queue="default", tries=None, backoff=(1, 5, 30), timeout=10)
def undo_cancelled_chain(tx: Transaction, chain_id: UUID) -> None:
    """Dispatch the undos of its finished links, unless the chain was meanwhile retried and goes on."""
    chain = tx.one(operations_sql.CHAIN, (chain_id,))
    if chain is not None and chain.ended_reason is not None:
        undo_chain(tx, chain_id)
