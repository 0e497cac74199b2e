"""Tell whether what was dispatched is what a test expects.

Expected is a JobType with any arguments or a Message with its own; a Chain, or a list of links; a Batch.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from shared.jobs.batch import Batch, Joining
from shared.jobs.chain import Chain, ChainMessage, Step
from shared.jobs.dispatch import Dispatchable
from shared.jobs.job import JobType, Message


def jobs_of(dispatched: Dispatchable) -> Iterator[Message]:
    """Yield a message, or the jobs of a chain or batch: links and members, but neither undos nor callbacks."""
    match dispatched:
        case Message():
            yield dispatched
        case ChainMessage():
            for step in dispatched.steps:
                yield from jobs_of(step.opens or step.message)
        case Batch() | Joining():
            for member in dispatched.members:
                yield from jobs_of(member)


def is_wanted(wanted: Any, dispatched: Any, args: Sequence[Any] = ()) -> bool:
    """Tell whether it is the wanted job, chain or batch. args: of each JobType in it, if any are given."""
    if isinstance(dispatched, Message):
        return _is_job(wanted, dispatched, args)
    if isinstance(dispatched, ChainMessage):
        return _is_chain(wanted, dispatched, args)
    return isinstance(wanted, Batch) and all_wanted(wanted.members, dispatched.members, args)


def all_wanted(wanted: Sequence[Any], dispatched: Sequence[Any], args: Sequence[Any] = ()) -> bool:
    """Tell whether they are the wanted ones, in order."""
    return len(wanted) == len(dispatched) and all(
        is_wanted(one, other, args) for one, other in zip(wanted, dispatched, strict=True)
    )


def same(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Compare arguments; a UUID is the same as its text."""
    return [_plain(value) for value in some] == [_plain(value) for value in others]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _is_job(wanted: Any, message: Message, args: Sequence[Any]) -> bool:
    if not isinstance(wanted, JobType | Message) or wanted.name != message.name:
        return False
    expected = wanted.args if isinstance(wanted, Message) else args
    any_will_do = isinstance(wanted, JobType) and not args
    return any_will_do or same(expected, message.args)


def _is_chain(wanted: Any, chain: ChainMessage, args: Sequence[Any]) -> bool:
    if isinstance(wanted, Chain | ChainMessage) and wanted.name != chain.name:
        return False
    links = wanted.links if isinstance(wanted, Chain) else wanted
    if isinstance(wanted, ChainMessage):
        links = [step.opens or step.message for step in wanted.steps]
    return (
        isinstance(links, Sequence)
        and len(links) == len(chain.steps)
        and all(_is_link(link, step, args) for link, step in zip(links, chain.steps, strict=True))
    )


def _is_link(wanted: Any, step: Step, args: Sequence[Any]) -> bool:
    do, undo = wanted if isinstance(wanted, tuple) else (wanted, None)
    return is_wanted(do, step.opens or step.message, args) and (undo is None or undo.name == step.undo)
