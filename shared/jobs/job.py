"""`@job`: a function becomes a job that can be dispatched in a transaction and run by a worker."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, get_type_hints
from uuid import UUID

from shared.db.transaction import Transaction
from shared.ids import new_id

if TYPE_CHECKING:
    from shared.jobs.running import Running

#: A layer around a job's function: it calls `next`, or does not.
Middleware = Callable[["Running", Callable[[], None]], None]

#: Every job this process knows, by name.
REGISTRY: dict[str, "JobType"] = {}


@dataclass(frozen=True, slots=True)
class Message:
    """A job to be: which, with what, when. It is nothing until it is dispatched."""

    name: str
    args: tuple[Any, ...]
    queue: str
    tries: int | None
    retry_until: timedelta | None = None
    delay: float = 0  # seconds
    priority: int = 0  # lower runs first
    unique_key: str | None = None
    serial_key: str | None = None
    tags: tuple[str, ...] = ()
    aggregate_id: UUID | None = None
    id: UUID = field(default_factory=new_id)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the row it will be in the ledger."""
        yield row(self)

    def chains(self) -> Iterator[dict[str, Any]]:
        """Yield no chain; see `dispatch.Dispatchable`."""
        return iter(())

    def batches(self) -> Iterator[dict[str, Any]]:
        """Yield no batch."""
        return iter(())

    def dispatch(self, tx: Transaction) -> UUID | None:
        """Insert it in the caller's transaction; returns its id, or None where an open job is its double."""
        return dispatch(tx, self)

    def about(self, aggregate_id: UUID | None) -> Self:
        """Return it as part of that order's or video's timeline."""
        return replace(self, aggregate_id=aggregate_id)


def row(message: Message, **more: Any) -> dict[str, Any]:
    """Return a message as the JSON row that `sql.INSERT` takes."""
    first = message.args[0] if message.args else None
    return {
        "id": str(message.id),
        "name": message.name,
        "queue": message.queue,
        "args": [str(value) if isinstance(value, UUID) else value for value in message.args],
        "priority": message.priority,
        "delay": message.delay,
        "tries": message.tries,
        "retry_seconds": message.retry_until.total_seconds() if message.retry_until else None,
        "unique_key": message.unique_key,
        "serial_key": message.serial_key,
        "tags": list(message.tags),
        "aggregate_id": str(message.aggregate_id) if message.aggregate_id else None,
        "subject_id": str(first) if isinstance(first, UUID) else None,
        **more,
    }


@dataclass(frozen=True, slots=True)
class JobType:
    """A job's function with what was said of it in `@job(...)`."""

    name: str
    function: Callable[..., Any]
    queue: str
    tries: int | None
    backoff: tuple[float, ...]
    timeout: float
    retry_until: timedelta | None
    never_retry: tuple[type[BaseException], ...]
    failed: Callable[..., "Message"] | None
    unique: Callable[..., str] | None
    unique_until_started: bool
    serial: Callable[..., str] | None
    middleware: tuple["Middleware", ...]
    durable: bool
    parameters: tuple[str, ...]
    injected: dict[str, Any]  # parameter name → annotation: Transaction, Running or a collaborator
    converters: tuple[Callable[[Any], Any], ...]

    def message(
        self,
        *args: Any,
        delay: float | timedelta = 0,
        queue: str | None = None,
        priority: int = 0,
        tags: Sequence[str] = (),
    ) -> Message:
        """Return the job with these arguments, not yet dispatched.

        args: what its function takes besides what is injected; JSON values and UUIDs.
        delay: seconds, or a timedelta, before which it does not run.
        """
        if len(args) != len(self.converters):
            raise TypeError(f"{self.name} takes {len(self.converters)} arguments, not {len(args)}")
        return Message(
            name=self.name,
            args=args,
            queue=queue or self.queue,
            tries=self.tries,
            retry_until=self.retry_until,
            delay=delay.total_seconds() if isinstance(delay, timedelta) else delay,
            priority=priority,
            unique_key=f"{self.name}:{self.unique(*args)}" if self.unique else None,
            serial_key=self.serial(*args) if self.serial else None,
            tags=tuple(tags),
        )

    def dispatch(self, tx: Transaction, *args: Any, **options: Any) -> UUID | None:
        """Insert the job in the caller's transaction: what rolls back was never dispatched. See `message`.

        Returns the job's id, or None if a unique job with the same key is still open.
        """
        return dispatch(tx, self.message(*args, **options))

    def now(self, *args: Any) -> Any:
        """Run it here, at once, in a transaction of its own; errors reach the caller (the lecture's dispatchSync)."""
        from shared.jobs.running import run_now  # noqa: PLC0415 - running.py needs this module

        return run_now(self, args)

    @property
    def runs_in_transaction(self) -> bool:
        """Whether all that it does is in its finishing transaction."""
        return Transaction in self.injected.values()

    def arguments(self, stored: Sequence[Any]) -> list[Any]:
        """Return the arguments of a ledger row as the function wants them."""
        return [convert(value) for convert, value in zip(self.converters, stored, strict=True)]


def job(  # noqa: PLR0913 - its options are the language of the lecture
    *,
    queue: str = "default",
    tries: int | None = 3,
    backoff: Sequence[float] | float = (1, 5, 30),
    timeout: float = 60,
    retry_until: timedelta | None = None,
    never_retry: tuple[type[BaseException], ...] = (),
    failed: Callable[..., Message] | None = None,
    unique: Callable[..., str] | None = None,
    unique_until_started: bool = False,
    serial: Callable[..., str] | None = None,
    middleware: Sequence["Middleware"] = (),
    durable: bool = False,
) -> Callable[[Callable[..., Any]], JobType]:
    """Make a job of a function.

    tries: failures after which it is `failed`; ignored where `retry_until` is given.
    backoff: seconds between the tries; the last repeats; ±20 % of jitter.
    timeout: seconds one attempt may take; taking longer is a failure.
    never_retry: errors after which trying again is senseless.
    failed: called with the job's arguments and the error when it failed for good; the job it returns tells people.
    unique: called with the arguments; while a job with the same key is open a second one is not dispatched.
    unique_until_started: it may be dispatched again as soon as the first one has started.
    serial: called with the arguments; of jobs with the same key, of whatever kind, one runs at a time, in their order.
    middleware: what is around the function, the first outermost; see shared/jobs/middleware.
    durable: its finish waits for the disk, because its outside effect cannot be asked about.
    """
    said = {
        "queue": queue,
        "tries": None if retry_until else tries,
        "backoff": (tuple(backoff) if isinstance(backoff, Sequence) else (backoff,)) or (0,),
        "timeout": timeout,
        "retry_until": retry_until,
        "never_retry": never_retry,
        "failed": failed,
        "unique": unique,
        "unique_until_started": unique_until_started,
        "serial": serial,
        "middleware": tuple(middleware),
        "durable": durable,
    }
    return lambda function: _register(function, said)


def _register(function: Callable[..., Any], said: dict[str, Any]) -> JobType:
    injected, converters = _signature(function)
    parameters = tuple(inspect.signature(function).parameters)
    known = JobType(
        name=function.__name__,
        function=function,
        parameters=parameters,
        injected=injected,
        converters=converters,
        **said,
    )
    if REGISTRY.setdefault(known.name, known).function.__module__ != function.__module__:
        raise ValueError(f"two jobs are called {known.name}")
    REGISTRY[known.name] = known
    return known


def _signature(function: Callable[..., Any]) -> tuple[dict[str, Any], tuple[Callable[[Any], Any], ...]]:
    """Tell what is injected (classes that are no JSON values) from what is dispatched."""
    hints = get_type_hints(function)
    injected: dict[str, Any] = {}
    converters: list[Callable[[Any], Any]] = []
    for name in inspect.signature(function).parameters:
        hint = hints.get(name, Any)
        if inspect.isclass(hint) and hint not in (UUID, str, int, float, bool, dict, list, object):
            injected[name] = hint
        else:
            converters.append(_as_uuid if hint is UUID else _as_is)
    return injected, tuple(converters)


def _as_uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _as_is(value: Any) -> Any:
    return value


def dispatch(tx: Transaction, message: Message) -> UUID | None:
    """Insert one message; see `JobType.dispatch`."""
    from shared.jobs.dispatch import insert_all  # noqa: PLC0415 - dispatch.py is above this module

    return message.id if insert_all(tx, [message]) else None


def dispatch_all(tx: Transaction, messages: Iterable[Message]) -> None:
    """Insert many messages in one statement."""
    from shared.jobs.dispatch import insert_all  # noqa: PLC0415 - as above

    insert_all(tx, list(messages))
