"""`python -m services.worker figures`: how the queues stand and how it went lately, in the terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.worker.commands.table import seconds, table

if TYPE_CHECKING:
    from shared.jobs.figures import Figures, QueueFigures

Window = Literal["1m", "5m", "60m"]

COUNTS = ("waiting", "delayed", "aside", "blocked", "running")
COLUMNS = (*COUNTS, "oldest", "per min", "failed", "wait p50", "p95", "p99", "run p50", "p95", "p99")


def figures(
    window: Annotated[Window, typer.Option(help="Over which time it is told how it went.")] = "5m",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what waits and runs in each queue and of each job, how long it takes and how often it fails."""
    from services.worker.commands.database import write  # noqa: PLC0415 - `--help` needs no database
    from shared.jobs.figures import WINDOWS, report  # noqa: PLC0415 - as above

    told = write(lambda tx: report(tx, WINDOWS[window]))  # (its settings are for a transaction of its own)
    if as_json:
        typer.echo(json.dumps(asdict(told), indent=2))
        return
    queues = [[queue.name, _threads(queue), *_cells(queue, told.at_most)] for queue in told.queues]
    typer.echo(table(["queue", "threads", *COLUMNS], queues))
    typer.echo()
    typer.echo(table(["job", *COLUMNS], [[job.name, *_cells(job, told.at_most)] for job in told.jobs]))
    typer.echo(f"\nHow it went is told of the last {seconds(told.covers_seconds)}.")


def _threads(queue: "QueueFigures") -> str:
    return "paused" if queue.paused else str(queue.threads)


def _cells(row: "Figures", at_most: int) -> Sequence[str]:
    counts = [getattr(row, name) for name in COUNTS]
    return [
        *(f"{count}+" if count >= at_most else str(count) for count in counts),
        seconds(row.oldest_seconds),
        f"{row.per_minute:.1f}",
        "–" if row.failure_rate is None else f"{row.failure_rate:.1%}",
        *(seconds(getattr(times, point, None)) for times in (row.wait, row.run) for point in ("p50", "p95", "p99")),
    ]
