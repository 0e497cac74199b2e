"""Chains: one job after another, each with the job that undoes it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.db.transaction import Transaction
from shared.ids import new_id
from shared.jobs import sql
from shared.jobs.dispatch import insert
from shared.jobs.job import JobType, Message, row

Link = JobType | tuple[JobType, JobType]


@dataclass(frozen=True, slots=True)
class Chain:
    """Jobs in order, all with the same arguments; `undos` stand beside what they undo."""

    name: str
    links: tuple[tuple[JobType, JobType | None], ...]

    def message(self, *args: Any) -> "ChainMessage":
        """Return the chain with these arguments, not yet dispatched."""
        messages = [(do.message(*args), undo.name if undo else None) for do, undo in self.links]
        return ChainMessage(new_id(), self.name, tuple(messages))

    def dispatch(self, tx: Transaction, *args: Any) -> UUID:
        """Insert all its jobs: the first is due, each other waits for the one before. Returns the chain's id."""
        return self.message(*args).dispatch(tx)


@dataclass(frozen=True, slots=True)
class ChainMessage:
    """A chain to be: its jobs with arguments."""

    id: UUID
    name: str
    links: tuple[tuple[Message, str | None], ...]

    def rows(self) -> Iterator[dict[str, Any]]:
        following = [str(message.id) for message, _ in self.links[1:]]
        for link, (message, undo) in enumerate(self.links):
            yield row(
                message,
                chain_id=str(self.id),
                link=link,
                next_id=following[link] if link < len(following) else None,
                undo=undo,
                state="blocked" if link else None,
            )

    def dispatch(self, tx: Transaction) -> UUID:
        insert_chains(tx, [self])
        insert(tx, self.rows())
        return self.id


def chain(*links: Link, name: str = "") -> Chain:
    """Return a chain of jobs, or of (do, undo) pairs: `chain((reserve_stock, release_stock), confirm_order)`.

    When a link fails for good, the undos of the links that had finished run in reverse, as a chain of their own.
    """
    pairs = tuple(link if isinstance(link, tuple) else (link, None) for link in links)
    if refusable := [kind.name for pair in pairs for kind in pair if kind is not None and kind.unique]:
        raise ValueError(f"{', '.join(refusable)}: a unique job that is refused would leave its chain waiting for ever")
    return Chain(name or " → ".join(do.name for do, _ in pairs), pairs)


def insert_chains(tx: Transaction, chains: Sequence[ChainMessage]) -> None:
    if chains:
        tx.execute(sql.INSERT_CHAINS, (json.dumps([{"id": str(c.id), "name": c.name} for c in chains]),))
