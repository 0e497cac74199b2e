"""`python -m services.worker schedule …`: what is done by the clock, when it last was, and what was missed."""

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from services.worker.commands.database import write
from services.worker.commands.table import table
from services.worker.schedule import SCHEDULE
from shared.jobs import schedule_sql as sql
from shared.jobs.schedule import run_by_hand

app = typer.Typer(help="What is done by the clock; times are in UTC.", no_args_is_help=True)

HEADINGS = ("task", "job", "when", "last", "became", "next", "missed in 7 days")


@app.command("list")
def list_tasks(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List the tasks: when each is due, when it last ran and what became of it, when it is next, what was missed."""
    rows = write(lambda tx: tx.all(sql.OVERVIEW, (list(SCHEDULE),)))
    if as_json:
        typer.echo(json.dumps({"items": [_dumped(row) for row in rows]}, default=str, indent=2))
    else:
        typer.echo(table(HEADINGS, [_cells(row) for row in rows]))


@app.command()
def run(
    task: Annotated[str, typer.Argument(metavar="TASK")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Dispatch a task's job now, whatever the clock says."""
    if task not in SCHEDULE:
        raise typer.BadParameter(f"there is no task {task}; there are {', '.join(SCHEDULE)}")
    job_id = write(lambda tx: run_by_hand(tx, task, SCHEDULE[task]))
    if job_id is None:
        typer.echo(f"{task}: its last run has not ended", err=True)
        raise typer.Exit(1)
    typer.echo(json.dumps({"task": task, "job_id": str(job_id)}) if as_json else f"dispatched: {task}, job {job_id}")


def _dumped(row: Any) -> dict[str, Any]:
    task = SCHEDULE[row.task]
    return {
        **row._asdict(),
        "job": task.job.name,
        "when": str(task.when),
        "next": task.when.following(row.now),
    }


def _cells(row: Any) -> list[str]:
    task = SCHEDULE[row.task]
    became = "–" if row.last is None else row.state or "forgotten"
    misses = f"{row.misses}, last {_moment(row.last_missed)}: {row.missed_because}" if row.misses else "–"
    times = (_moment(row.last), became, _moment(task.when.following(row.now)))
    return [row.task, task.job.name, str(task.when), *times, misses]


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else "never"
