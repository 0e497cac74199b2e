"""`python -m services.worker batches …`: how far they are; cancel them, or try again what failed in them."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

import typer

from services.worker.commands import output
from services.worker.commands.changing import found, report, work_off
from services.worker.commands.database import read, write
from services.worker.commands.jobs import BY_HAND, COLUMNS, Cursor, Limit, line
from services.worker.commands.selection import AsJson
from shared.db.reads import batches as reads
from shared.db.reads import jobs
from shared.db.reads.batches import WholeBatch
from shared.db.tables.jobs import Batch
from shared.jobs import operators
from shared.jobs.batch import cancel_batch

app = typer.Typer(help="Batches: how far they are; cancel, try again.", no_args_is_help=True)

BatchId = Annotated[UUID, typer.Argument(metavar="ID")]
ListColumns = ("id", "batch", "state", "progress", "members", "pending", "failed", "cancelled", "since")


@app.command("list")
def list_batches(
    name: Annotated[str | None, typer.Option()] = None,
    still_open: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List batches, the newest first."""
    rows = read(lambda session: reads.page(session, name, still_open=still_open, before=cursor, limit=limit + 1))
    page = rows[:limit]
    following = page[-1].id if len(rows) > limit else None
    if as_json:
        output.as_json({"items": [_dumped(batch) for batch in page], "next_cursor": following})
        return
    output.table("", ListColumns, [_line(batch) for batch in page])
    if following:
        output.say(f"more: --cursor {following}")


@app.command()
def show(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Show a batch: how far it is, how its members stand, and what its end calls."""
    whole = _found(batch_id)
    if as_json:
        callbacks = {name: job.model_dump() for name, job in whole.callbacks.items()}
        output.as_json({**_dumped(whole.batch), "members": whole.members, "callbacks": callbacks})
        return
    output.facts(f"batch {whole.batch.name}", _dumped(whole.batch))
    output.table("members", ("state", "jobs"), list(whole.members.items()))
    output.table("callbacks", ("", *COLUMNS), [(name, *line(job)) for name, job in whole.callbacks.items()])


@app.command()
def cancel(
    batch_id: BatchId,
    reason: Annotated[str, typer.Option()] = f"cancelled {BY_HAND}",
    running: Annotated[bool, typer.Option("--running", help="Also the members that run.")] = False,
    as_json: AsJson = False,
) -> None:
    """Cancel a batch: none of its members starts any more."""
    batch = _found(batch_id).batch
    if not write(lambda tx: cancel_batch(tx, batch_id, reason, also_running=running)):
        output.fail(f"{batch_id}: it is {reads.state(batch)}")
    if as_json:
        output.as_json({"cancelled": batch_id})
    else:
        output.say(f"cancelled: {batch_id}; its members follow")


@app.command()
def retry(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Try again the members of a batch that failed or were cancelled; it is open again until they have ended."""
    _found(batch_id)
    pages = found(lambda session, before: jobs.to_retry(session, batch_id, before))
    report("retried", work_off(pages, partial(operators.retry, why=f"retried {BY_HAND}")), as_json=as_json)


def _found(batch_id: UUID) -> WholeBatch:
    whole = read(lambda session: reads.one(session, batch_id))
    if whole is None:
        output.fail(f"{batch_id}: there is no such batch")
    return whole


def _dumped(batch: Batch) -> dict[str, Any]:
    figures = {"state": reads.state(batch), "progress": reads.progress(batch), "succeeded": reads.succeeded(batch)}
    return batch.model_dump() | figures


def _line(batch: Batch) -> tuple[Any, ...]:
    state, progress = reads.state(batch), f"{reads.progress(batch)} %"
    numbers = (batch.total, batch.pending, batch.failed, batch.cancelled)
    return batch.id, batch.name, state, progress, *numbers, batch.finished_at or batch.created_at
