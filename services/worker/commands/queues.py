"""`python -m services.worker queues …`: what waits and runs in each; pause, resume, clear."""

import getpass
from functools import partial
from typing import Annotated, Any

import typer

from services.worker.commands import output
from services.worker.commands.changing import change_found
from services.worker.commands.database import read, write
from services.worker.commands.jobs import BY_HAND
from services.worker.commands.selection import AsJson, Chosen
from shared.db.reads import queues as reads
from shared.db.reads.jobs import Wanted
from shared.db.reads.queues import Queue
from shared.jobs import operations, operators

app = typer.Typer(help="Queues: what waits and runs; pause, resume, clear.", no_args_is_help=True)

COLUMNS = ("queue", "waiting", "delayed", "blocked", "running", "units", "threads", "paused", "by", "why")
Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command("list")
def list_queues(as_json: AsJson = False) -> None:
    """List the queues that have open jobs, a live unit, or a pause."""
    found = read(reads.all_known)
    if as_json:
        output.as_json({"items": [_dumped(queue) for queue in found]})
        return
    output.table("", COLUMNS, [_line(queue) for queue in found])


@app.command()
def pause(
    name: Name,
    by: Annotated[str, typer.Option(help="Who pauses it.", default_factory=getpass.getuser)],
    reason: Annotated[str, typer.Option()] = "",
    as_json: AsJson = False,
) -> None:
    """Let nothing of a queue start any more; what runs goes on."""
    write(lambda tx: operations.pause(tx, name, by, reason))
    queue = read(lambda session: reads.one(session, name))
    if as_json:
        output.as_json(_dumped(queue))
        return
    unknown = "" if queue.units or queue.counts else "; no unit works on it, and it has no jobs"
    output.say(f"paused: {name}{unknown}")


@app.command()
def resume(name: Name, as_json: AsJson = False) -> None:
    """Let a queue go on."""
    if not write(lambda tx: operations.resume(tx, name)):
        output.fail(f"{name} is not paused")
    if as_json:
        output.as_json(_dumped(read(lambda session: reads.one(session, name))))
    else:
        output.say(f"resumed: {name}")


@app.command()
def clear(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cancel all that waits in a queue; what runs goes on. With a link its chain ends, and is undone."""
    waiting = Wanted(queue=name, states=("scheduled", "queued"))
    chosen = Chosen(waiting, [], every=False, yes=yes, dry_run=dry_run, as_json=as_json)
    change_found("cancelled", partial(operators.cancel, why=f"its queue was cleared {BY_HAND}"), chosen)


def _dumped(queue: Queue) -> dict[str, Any]:
    numbers = {name: getattr(queue, name) for name in COLUMNS[:7] if name != "queue"}
    return {"name": queue.name, **numbers, "paused": queue.paused.model_dump() if queue.paused else None}


def _line(queue: Queue) -> tuple[Any, ...]:
    pause = queue.paused
    who = (pause.paused_at, pause.paused_by, pause.reason) if pause else (None, None, None)
    return queue.name, queue.waiting, queue.delayed, queue.blocked, queue.running, queue.units, queue.threads, *who
