"""Say in a line what was dispatched, or what a test expects."""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any
from uuid import UUID

from shared.jobs.batch import Batch, Joining
from shared.jobs.chain import Chain, ChainMessage, Step
from shared.jobs.job import JobType, Message


@singledispatch
def told(dispatched: Any) -> str:
    """Say what it is: `charge_payment(…) on 'orders' after 600 s`."""
    return repr(dispatched)


def called(name: str, args: Sequence[Any]) -> str:
    return f"{name}({', '.join(str(value) if isinstance(value, UUID) else repr(value) for value in args)})"


def line(those: Sequence[Any], between: str = ", ") -> str:
    return between.join(told(each) for each in those) or "nothing"


@told.register
def _(kind: JobType) -> str:
    return kind.name


@told.register
def _(message: Message) -> str:
    later = f" after {message.delay:g} s" if message.delay else ""
    return f"{called(message.name, message.args)} on {message.queue!r}{later}"


@told.register
def _(chain: ChainMessage) -> str:
    return f"chain {chain.name!r}: {line(chain.steps, ' → ')}"


@told.register
def _(step: Step) -> str:
    return f"{told(step.opens or step.message)}{f' (undo {step.undo})' if step.undo else ''}"


@told.register
def _(chain: Chain) -> str:
    return f"chain {chain.name!r}: {line(chain.links, ' → ')}"


@told.register
def _(links: list) -> str:  # type: ignore[type-arg]  # singledispatch wants the class itself
    return f"chain: {line(links, ' → ')}"


@told.register
def _(link: tuple) -> str:  # type: ignore[type-arg]  # as above
    do, undo = link
    return f"{told(do)}{f' (undo {undo.name})' if undo else ''}"


@told.register
def _(batch: Batch) -> str:
    callbacks = {"then": batch.when_good, "catch": batch.when_failing, "finally": batch.when_over}
    after = "".join(f"; {when} {told(message)}" for when, message in callbacks.items() if message)
    return f"batch {batch.name!r} of {line(batch.members)}{after}"


@told.register
def _(joining: Joining) -> str:
    return f"added to batch {joining.batch_id}: {line(joining.members)}"
