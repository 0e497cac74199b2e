"""Record what is dispatched instead of writing it, and ask afterwards what it was."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID

from shared.jobs.batch import Batch, Joining
from shared.jobs.chain import Chain, ChainMessage
from shared.jobs.dispatch import RECORD, Dispatchable
from shared.jobs.job import REGISTRY, JobType, Message
from shared.jobs.testing.matching import all_wanted, is_wanted, jobs_of
from shared.jobs.testing.telling import called, line, told


class Recorded:
    """What was dispatched while `recording()`, in order; as the ledger would, it refuses a unique job's double."""

    def __init__(self, except_: Iterable[JobType] = ()) -> None:
        self.everything: list[Dispatchable] = []
        self._written = {kind.name for kind in except_}
        self._unique: set[str] = set()

    def record(self, wanted: Sequence[Dispatchable]) -> tuple[Sequence[Dispatchable], int]:
        """Keep what was dispatched; see `dispatch.Record`."""
        left = [each for each in wanted if self._is_written(each)]
        kept = [each for each in wanted if not self._is_written(each) and not self._is_double(each)]
        self.everything.extend(kept)
        return left, len(kept)

    @property
    def jobs(self) -> list[Message]:
        """Every job there is among it: dispatched alone, as a chain's link, or as a batch's member."""
        return [message for each in self.everything for message in jobs_of(each)]

    @property
    def chains(self) -> list[ChainMessage]:
        return [each for each in self.everything if isinstance(each, ChainMessage)]

    @property
    def batches(self) -> list[Batch]:
        return [each for each in self.everything if isinstance(each, Batch)]

    def assert_dispatched(
        self,
        kind: JobType,
        *args: Any,
        times: int | None = None,
        queue: str | None = None,
        delay: float | timedelta | None = None,
    ) -> None:
        """Expect the job, alone, as a link or as a member.

        args: with these arguments; with any, if none are given.
        times: so often exactly; at least once, if not given.
        """
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
        found = [
            message
            for message in self.jobs
            if is_wanted(kind, message, args) and queue in (None, message.queue) and seconds in (None, message.delay)
        ]
        if not found if times is None else len(found) != times:
            often = "" if times is None else f", {times} times and not {len(found)}"
            where = f" on {queue!r}" if queue else ""
            when = "" if seconds is None else f" after {seconds:g} s"
            self._expected(f"{_asked(kind, args)}{where}{when}{often}")

    def assert_not_dispatched(self, kind: JobType, *args: Any) -> None:
        """Expect that it is nowhere: neither alone nor as a link or member."""
        if any(is_wanted(kind, message, args) for message in self.jobs):
            self._expected(f"no {_asked(kind, args)}")

    def assert_nothing_dispatched(self) -> None:
        if self.everything:
            self._expected("nothing")

    def assert_chained(self, links: Chain | Sequence[Any], *args: Any) -> None:
        """Expect a chain of these links: jobs, messages, batches, or (do, undo) pairs, as for `chain()`.

        args: the arguments of its jobs; any, if none are given.
        """
        if not any(is_wanted(links, each, args) for each in self.chains):
            self._expected(told(links if isinstance(links, Chain) else list(links)))

    def assert_batched(
        self, batch: str | Callable[[Batch], bool] | None = None, members: Sequence[Any] | None = None
    ) -> None:
        """Expect a batch.

        batch: its name, or a question that is to be answered with yes: `lambda batch: len(batch.members) == 3`.
        members: in order; jobs, messages, or chains.
        """
        for each in self.batches:
            is_it = batch(each) if callable(batch) else batch in (None, each.name)
            if is_it and (members is None or all_wanted(members, each.members)):
                return
        name = f"batch {batch!r}" if isinstance(batch, str) else "a batch like that"
        self._expected(name if members is None else f"{name} of {line(members)}")

    def assert_added(self, batch_id: UUID, *members: Any) -> None:
        """Expect that these were added to a batch that is under way."""
        added = [each for each in self.everything if isinstance(each, Joining) and each.batch_id == batch_id]
        if not any(all_wanted(members, each.members) for each in added):
            self._expected(f"added to batch {batch_id}: {line(members)}")

    def _is_written(self, each: Dispatchable) -> bool:
        """Whether all that it consists of is let through."""
        names = {message.name for message in jobs_of(each)}
        return bool(names) and all(name in self._written or _is_the_ledgers_own(name) for name in names)

    def _is_double(self, each: Dispatchable) -> bool:
        key = each.unique_key if isinstance(each, Message) else None
        if key is None or key not in self._unique:
            self._unique |= {key} if key else set()
            return False
        return True

    def _expected(self, what: str) -> NoReturn:
        lines = [f"expected to be dispatched: {what}", "dispatched was:"]
        raise AssertionError("\n  ".join(lines + ([told(each) for each in self.everything] or ["nothing"])))


def _is_the_ledgers_own(name: str) -> bool:
    """Whether the ledger dispatched it for itself: without it a batch would never end."""
    kind = REGISTRY.get(name)
    return kind is not None and kind.function.__module__.startswith("shared.jobs.")


def _asked(kind: JobType, args: Sequence[Any]) -> str:
    return called(kind.name, args) if args else kind.name


@contextmanager
def recording(*, except_: Iterable[JobType] = ()) -> Iterator[Recorded]:
    """Record what this thread dispatches in the block, and write nothing of it but the jobs of `except_`."""
    recorded = Recorded(except_)
    before = RECORD.set(recorded.record)
    try:
        yield recorded
    finally:
        RECORD.reset(before)
