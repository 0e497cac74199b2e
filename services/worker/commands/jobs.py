"""`python -m services.worker jobs …`: what operators ask about jobs, and do to them."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

import typer

from services.worker.commands import output
from services.worker.commands.changing import change
from services.worker.commands.database import read, write
from services.worker.commands.selection import Age, AsJson, Chosen, choosing, selecting, selecting_failed
from shared.db.reads import jobs as reads
from shared.db.reads.jobs import Wanted, Whole
from shared.db.tables.jobs import Job
from shared.jobs import operators
from shared.jobs.pruning import Pruned, prune_batch

app = typer.Typer(help="Jobs: look at them, try them again, cancel, forget.", no_args_is_help=True)

COLUMNS = ("id", "job", "queue", "state", "tries", "since", "due", "why")
BY_HAND = "by hand"
Limit = Annotated[int, typer.Option(min=1, max=1000)]
Cursor = Annotated[UUID | None, typer.Option(help="Go on after this job.")]


@app.command("list")
@selecting
def list_jobs(wanted: Wanted, limit: Limit = 20, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List jobs, the newest first. An age counts since the job's end, or while it is open since its dispatch."""
    _list(wanted, limit, cursor, as_json=as_json)


@app.command()
@selecting_failed
def failed(wanted: Wanted, limit: Limit = 20, cursor: Cursor = None, as_json: AsJson = False) -> None:
    """List the jobs that have failed for good."""
    _list(wanted, limit, cursor, as_json=as_json)


def _list(wanted: Wanted, limit: int, cursor: UUID | None, *, as_json: bool) -> None:
    rows = read(lambda session: reads.page(session, wanted, cursor, limit + 1))
    page = rows[:limit]
    following = page[-1].id if len(rows) > limit else None
    if as_json:
        output.as_json({"items": [job.model_dump() for job in page], "next_cursor": following})
        return
    output.table("", COLUMNS, [line(job) for job in page])
    if following:
        output.say(f"more: --cursor {following}")


def line(job: Job) -> tuple[Any, ...]:
    """Return a job as a row of `COLUMNS`."""
    since = job.finished_at or job.created_at
    due = job.available_at if job.state == "scheduled" else None
    tries = f"{job.failures} of {job.tries or 'any'}"
    return job.id, job.name, job.queue, job.state, tries, since, due, job.reason or job.error


@app.command()
def show(job_id: Annotated[UUID, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show a job with every attempt, the links of its chain, and its batch."""
    whole = read(lambda session: reads.one(session, job_id))
    if whole is None:
        output.fail(f"{job_id}: {operators.NO_SUCH}")
    if as_json:
        output.as_json(_dumped(whole))
        return
    output.facts(f"{whole.job.name} {whole.job.id}", whole.job.model_dump())
    _show_attempts(whole.job)
    if whole.job.chain:
        title = f"chain {whole.job.chain.name}: {whole.job.chain.ended_reason or 'not ended early'}"
        output.table(title, ("link", *COLUMNS), [(link.link, *line(link)) for link in whole.links])
    if whole.batch:
        output.facts("batch", whole.batch.model_dump())


def _show_attempts(job: Job) -> None:
    columns = ("attempt", "outcome", "worker", "started", "ended", "error")
    rows = [(each.attempt, each.outcome, each.worker, each.started_at, each.finished_at, each.error)
            for each in job.attempts]  # fmt: skip
    output.table("attempts", columns, rows)
    if details := [each.detail for each in job.attempts if each.detail]:
        output.say(details[-1])


def _dumped(whole: Whole) -> dict[str, Any]:
    job = whole.job
    chain = job.chain.model_dump() | {"links": [link.model_dump() for link in whole.links]} if job.chain else None
    return {
        **job.model_dump(),
        "attempts": [attempt.model_dump() for attempt in job.attempts],
        "chain": chain,
        "batch": whole.batch.model_dump() if whole.batch else None,
    }


@app.command()
@choosing
def retry(chosen: Chosen) -> None:
    """Try failed jobs again, by their ids or by a filter; each keeps its id and its attempts."""
    change("retried", partial(operators.retry, why=f"retried {BY_HAND}"), chosen, ("failed",))


@app.command()
@choosing
def cancel(chosen: Chosen) -> None:
    """Cancel open jobs, also running ones; with a link its chain, and what the chain had done is undone."""
    change("cancelled", partial(operators.cancel, why=f"cancelled {BY_HAND}"), chosen, operators.OPEN)


@app.command()
@choosing
def forget(chosen: Chosen) -> None:
    """Delete jobs that have ended, with their attempts; by a filter the failed ones, unless it names states."""
    change("forgotten", operators.forget, chosen, ("failed",))


@app.command("run-now")
@choosing
def run_now(chosen: Chosen) -> None:
    """Make jobs due that wait for their time."""
    change("made due", operators.run_now, chosen, ("scheduled",))


@app.command()
def prune(older_than: Age = None, as_json: AsJson = False) -> None:
    """Delete what ended long ago, with attempts, chains and batches; without an age as the settings say."""
    pruned = Pruned()
    while (batch := write(lambda tx: prune_batch(tx, older_than))).may_be_more:
        pruned += batch
    pruned += batch
    if as_json:
        output.as_json({"jobs": pruned.jobs, "batches": pruned.batches, "chains": pruned.chains})
    else:
        output.say(f"pruned: {pruned.jobs:,} jobs, {pruned.batches:,} batches, {pruned.chains:,} chains")
