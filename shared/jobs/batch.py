"""Batches: many jobs that end together, and what follows when all, the first that fails, or the last have ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self
from uuid import UUID

from shared.db.transaction import Transaction
from shared.ids import new_id
from shared.jobs import batch_sql
from shared.jobs.chain import ChainMessage
from shared.jobs.dispatch import insert, insert_all, insert_groups, unrecorded
from shared.jobs.job import Message, row

Member = Message | ChainMessage


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch to be. Of a chain among its members each job counts."""

    members: tuple[Member, ...]
    name: str = ""
    failures_allowed: bool = False
    when_good: Message | None = None
    when_failing: Message | None = None
    when_over: Message | None = None
    chain_id: UUID | None = None
    next_id: UUID | None = None
    id: UUID = field(default_factory=new_id)

    def then(self, message: Message) -> Self:
        """Run it once all members have succeeded."""
        return replace(self, when_good=message)

    def catch(self, message: Message) -> Self:
        """Run it when the first member has failed for good."""
        return replace(self, when_failing=message)

    def finally_(self, message: Message) -> Self:
        """Run it when all members have ended, however they did."""
        return replace(self, when_over=message)

    def allow_failures(self) -> Self:
        """Let the others go on when a member fails; otherwise the first failure cancels those that wait."""
        return replace(self, failures_allowed=True)

    def as_link(self, chain_id: UUID, link_id: UUID) -> Self:
        """Return it as a chain's link: its members wait until that job lets them begin, and it waits for their end."""
        return replace(self, chain_id=chain_id, next_id=link_id)

    def dispatch(self, tx: Transaction) -> UUID:
        """Insert it in the caller's transaction; returns its id."""
        insert_all(tx, [self])
        return self.id

    def opening(self) -> Message:
        """Return the job that it is as a chain's link: it lets the members begin, and ends when they have ended."""
        from shared.jobs.batch_jobs import begin_batch  # noqa: PLC0415 - batch_jobs.py needs this module

        return begin_batch.message(self.id)

    def rows(self) -> Iterator[dict[str, Any]]:
        yield from member_rows(self.id, self.members, waits=self.chain_id is not None)
        for message in filter(None, (self.when_good, self._when_failing, self.when_over)):
            _refuse_unique(message.name, message.unique_key)
            yield row(message, state=None if self._is_over else "blocked", callback=True)

    def chains(self) -> Iterator[dict[str, Any]]:
        return (chain for member in self.members for chain in member.chains())

    def batches(self) -> Iterator[dict[str, Any]]:
        def id_of(message: Message | None) -> str | None:
            return str(message.id) if message else None

        for member in self.members:
            yield from member.batches()
        yield {
            "id": str(self.id),
            "name": self.name,
            "total": sum(each.get("batch_id") == str(self.id) for each in member_rows(self.id, self.members)),
            "allow_failures": self.failures_allowed,
            "then_id": id_of(self.when_good),
            "catch_id": id_of(self._when_failing),
            "finally_id": id_of(self.when_over),
            "chain_id": str(self.chain_id) if self.chain_id else None,
            "next_id": str(self.next_id) if self.next_id else None,
        }

    @property
    def _when_failing(self) -> Message | None:
        return None if self._is_over else self.when_failing

    @property
    def _is_over(self) -> bool:
        """Whether it has no members, and no link of a chain that it must wait for."""
        return not self.members and self.chain_id is None


def batch(*members: Member, name: str = "") -> Batch:
    """Return a batch of messages and of chains: `batch(*(make.message(n) for n in numbers)).then(tell.message())`."""
    return Batch(tuple(members), name)


def member_rows(batch_id: UUID, members: Sequence[Member], *, waits: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the rows of members. waits: until their batch is told to begin."""
    for member in members:
        for each in member.rows():
            _refuse_unique(each["name"], each["unique_key"])
            if each.get("batch_id") or each.get("callback"):  # of a batch that is a link of a chain that is a member
                yield each
            else:
                yield {**each, "batch_id": str(batch_id), "state": "blocked" if waits else each.get("state")}


def _refuse_unique(name: str, unique_key: str | None) -> None:
    if unique_key is not None:
        raise ValueError(f"{name}: a unique job that is refused would leave its batch waiting for ever")


@dataclass(frozen=True, slots=True)
class Joining:
    """Members on their way into a batch that there is already."""

    batch_id: UUID
    members: tuple[Member, ...]

    def rows(self) -> Iterator[dict[str, Any]]:
        return member_rows(self.batch_id, self.members)

    def chains(self) -> Iterator[dict[str, Any]]:
        return (chain for member in self.members for chain in member.chains())

    def batches(self) -> Iterator[dict[str, Any]]:
        return (batch for member in self.members for batch in member.batches())


def add_members(tx: Transaction, batch_id: UUID, *members: Member) -> bool:
    """Add members to a batch that runs, best by one of its own members; return whether it took them.

    It takes none when it is over or cancelled, or a chain's link whose turn has not come.
    """
    joining = Joining(batch_id, members)
    if unrecorded([joining])[1]:
        return True
    rows = list(joining.rows())
    more = sum(each.get("batch_id") == str(batch_id) for each in rows)
    _lock_caller(tx)
    if tx.one(batch_sql.ADD, {"batch": batch_id, "members": more}) is None:
        return False
    insert_groups(tx, list(joining.chains()), list(joining.batches()))
    insert(tx, rows)
    return True


def count(tx: Transaction, batch_id: UUID, *, ended: int = 1, failed: int = 0, cancelled: int = 0) -> None:
    """Count members that have ended in this transaction, after all their rows; calls what waits for that."""
    if ended:
        ways = {"ended": ended, "failed": failed, "cancelled": cancelled}
        tx.wakes = True
        tx.execute(batch_sql.COUNT, {"batch": batch_id, **ways})
        tx.execute(batch_sql.CALL, {"batch": batch_id})


def reopen_batch(tx: Transaction, batch_id: UUID, members: int, *, failed: int = 0, cancelled: int = 0) -> None:
    """Count so many members as pending again; what the batch's end had cancelled waits again too."""
    ways = {"members": members, "failed": failed, "cancelled": cancelled}
    tx.execute(batch_sql.REOPEN, {"batch": batch_id, **ways})
    tx.execute(batch_sql.WAIT_AGAIN, {"batch": batch_id})


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as it stands."""

    id: UUID
    name: str
    total: int
    pending: int
    failed: int
    cancelled: int
    allow_failures: bool
    chain_id: UUID | None
    next_id: UUID | None
    cancelled_at: Any
    finished_at: Any

    @property
    def succeeded(self) -> int:
        return self.total - self.pending - self.failed - self.cancelled

    @property
    def lets_go_on(self) -> bool:
        """Say whether the chain goes on that it is a link of, when it is over."""
        return self.cancelled_at is None and (self.allow_failures or self.failed == self.cancelled == 0)

    @property
    def progress(self) -> int:
        """Return the percentage of members that have ended: 100 in the end, whatever failed."""
        return 100 * (self.total - self.pending) // self.total if self.total else 100


def find_batch(tx: Transaction, batch_id: UUID) -> BatchState | None:
    found = tx.one(batch_sql.READ, (batch_id,))
    return BatchState(*found) if found else None


def cancel_batch(tx: Transaction, batch_id: UUID, reason: str, *, also_running: bool = False) -> bool:
    """Cancel a batch: nothing of it starts any more; a job cancels its members. Return whether it was not over yet."""
    _lock_caller(tx)
    return _cancel(tx, batch_sql.CANCEL, batch_id, reason, also_running=also_running)


def cancel_at_failure(tx: Transaction, batch_id: UUID, reason: str) -> None:
    """Cancel a batch that allows no failures because a member has failed."""
    _cancel(tx, batch_sql.CANCEL_AT_FAILURE, batch_id, reason)


def _cancel(tx: Transaction, how: str, batch_id: UUID, reason: str, *, also_running: bool = False) -> bool:
    from shared.jobs.batch_jobs import end_cancelled_batch  # noqa: PLC0415 - batch_jobs.py needs this module

    if tx.one(how, {"batch": batch_id, "reason": reason}) is None:
        return False
    for inner in tx.all(batch_sql.INNER, (batch_id,)):
        cancel_batch(tx, inner.id, "the batch around it was cancelled", also_running=also_running)
    end_cancelled_batch.dispatch(tx, batch_id, also_running)
    return True


def _lock_caller(tx: Transaction) -> None:
    if tx.cause.job_id is not None:
        tx.execute(batch_sql.LOCK_CALLER, (tx.cause.job_id,))
