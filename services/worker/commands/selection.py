"""Which jobs a command is about: the options of a filter, the same for every command that takes one."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from shared.ages import age
from shared.db.reads.jobs import Wanted


class State(StrEnum):
    """What a state may be; see shared/db/tables/jobs.py."""

    BLOCKED = "blocked"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


Command = Callable[..., None]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Age = Annotated[timedelta | None, typer.Option(parser=age, metavar="AGE", help="90s, 15m, 36h, 7d")]

FILTER: dict[str, Any] = {
    "name": Annotated[str | None, typer.Option(help="The job's function.")],
    "queue": Annotated[str | None, typer.Option()],
    "error": Annotated[str | None, typer.Option(help="A part of its last error, in whatever case.")],
    "tag": Annotated[str | None, typer.Option()],
    "older_than": Age,
    "younger_than": Age,
    "batch": Annotated[UUID | None, typer.Option(help="Members of this batch.")],
    "chain": Annotated[UUID | None, typer.Option(help="Links of this chain.")],
    "aggregate": Annotated[UUID | None, typer.Option(help="Of this order's or video's timeline.")],
}
STATE: dict[str, Any] = {"state": Annotated[list[State] | None, typer.Option(help="May be repeated.")]}
HOW: dict[str, Any] = {
    "ids": Annotated[list[UUID] | None, typer.Argument(metavar="[ID]…", help="Jobs by their ids.")],
    "every": Annotated[bool, typer.Option("--all", help="Without ids or a filter: all there are.")],
    "yes": Annotated[bool, typer.Option("--yes", help="Do not ask.")],
    "dry_run": Annotated[bool, typer.Option("--dry-run", help="Only count them.")],
    "as_json": AsJson,
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The jobs that are to be changed, by their ids or by a filter, and how careful to be."""

    wanted: Wanted
    ids: list[UUID]
    every: bool
    yes: bool
    dry_run: bool
    as_json: bool


def selecting(command: Command) -> Command:
    """Give a command the options of a filter; they come to it as its parameter `wanted`."""
    return _with(command, "wanted", FILTER | STATE, _wanted)


def selecting_failed(command: Command) -> Command:
    """Give it the same without the state, which is `failed`."""
    return _with(command, "wanted", FILTER, functools.partial(_wanted, state=[State.FAILED]))


def choosing(command: Command) -> Command:
    """Give a command ids or a filter, and the options of care; they come to it as its parameter `chosen`."""
    return _with(command, "chosen", HOW | FILTER | STATE, _chosen)


def _with(command: Command, parameter: str, options: Mapping[str, Any], make: Callable[..., Any]) -> Command:
    """Return the command with options in the place of a parameter, whose value `make` makes of them."""
    own = [each for name, each in inspect.signature(command).parameters.items() if name != parameter]
    more = [_option(name, annotation) for name, annotation in options.items()]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        value = make(**{name: given.pop(name) for name in options})
        command(**{parameter: value}, **given)

    # Typer reads both.
    all_of_it = [*(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own), *more]
    with_options.__signature__ = inspect.Signature(all_of_it)  # type: ignore[attr-defined]  # PEP 362
    with_options.__annotations__ = {each.name: each.annotation for each in all_of_it}
    return with_options


def _option(name: str, annotation: Any) -> inspect.Parameter:
    default = False if annotation.__origin__ is bool else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _wanted(
    *, state: list[State] | None, batch: UUID | None, chain: UUID | None, aggregate: UUID | None, **same: Any
) -> Wanted:
    return Wanted(
        states=tuple(each.value for each in state or ()), batch_id=batch, chain_id=chain, aggregate_id=aggregate, **same
    )


def _chosen(*, ids: list[UUID] | None, every: bool, yes: bool, dry_run: bool, as_json: bool, **filtered: Any) -> Chosen:
    return Chosen(_wanted(**filtered), list(ids or ()), every, yes, dry_run, as_json)
