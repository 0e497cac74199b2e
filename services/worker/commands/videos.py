"""`python -m services.worker videos …`: what is left of videos and uploads is looked for, and removed."""

from typing import Annotated
from uuid import UUID

import typer

from services.worker import videos_sweeping as sweeping
from services.worker.commands import output
from services.worker.commands.database import write
from services.worker.commands.selection import Age, AsJson
from services.worker.videos_sweeping import Finding

app = typer.Typer(help="Videos: what is left of them.", no_args_is_help=True)

COLUMNS = ("video", "what", "why", "bytes", "path")
LOOKS = (sweeping.ended_uploads, sweeping.stalled, sweeping.old_sources)


@app.callback()
def main() -> None:
    """Videos: what is left of them."""


@app.command()
def sweep(
    older_than: Age = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Do at once what is done by the clock: end uploads, fail what is stuck, remove what no video wants.

    An age is that of files: what was changed since is left alone; an hour if it is not said.
    """
    youngest = sweeping.YOUNGEST if older_than is None else older_than.total_seconds()
    found = [finding for look in LOOKS for finding in look(write)] + list(sweeping.leftovers(write, youngest))
    lines = [(_line(finding), finding) for finding in found]
    done = [line for line, finding in lines if dry_run or finding.settle(write)]
    if as_json:
        output.as_json({"items": [dict(zip(COLUMNS, line, strict=True)) for line in done]})
        return
    output.table("", COLUMNS, done)
    output.say(f"{'to do' if dry_run else 'done'}: {len(done)}; {sum(line[3] for line in done):,} bytes")


def _line(finding: Finding) -> tuple[UUID, str, str, int, str]:
    path = finding.leftover.path if finding.leftover else ""
    return finding.video_id, finding.what, finding.reason, finding.bytes, str(path)
