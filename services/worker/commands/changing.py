"""Changes to many jobs: chosen by ids or by a filter, worked off by pages, a transaction each, and told."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

import typer
from sqlmodel import Session

from services.worker.commands import output
from services.worker.commands.database import read, write
from services.worker.commands.output import DONE, REFUSED, WRONG
from services.worker.commands.selection import Chosen
from shared.db.reads import jobs
from shared.db.reads.jobs import AT_ONCE, Wanted
from shared.db.transaction import Transaction
from shared.jobs import operators
from shared.jobs.operators import Answers

Operation = Callable[[Transaction, list[UUID]], Answers]
REFUSALS_SHOWN = 20


@dataclass
class Tally:
    """What became of many jobs."""

    done: int = 0
    refused: dict[UUID, str] = field(default_factory=dict)

    def add(self, answers: Answers) -> None:
        refused = {job: why for job, why in answers.items() if why is not None}
        self.refused |= refused
        self.done += len(answers) - len(refused)


def change(done: str, operation: Operation, chosen: Chosen, states: tuple[str, ...]) -> None:
    """Do it to what was chosen, and report.

    done: the word for it, "retried".
    states: what a filter means that names none.
    """
    if not chosen.ids:
        change_found(done, operation, replace(chosen, wanted=_in(states, chosen)))
    elif chosen.wanted != Wanted() or chosen.every:
        output.fail("Say ids or a filter, not both.", WRONG)
    elif chosen.dry_run:
        report(done, Tally(len(set(chosen.ids))), dry_run=True, as_json=chosen.as_json)
    else:
        report(done, work_off(_pages(chosen.ids), operation), as_json=chosen.as_json)


def _in(states: tuple[str, ...], chosen: Chosen) -> Wanted:
    if chosen.wanted == Wanted() and not chosen.every:
        output.fail("Say which: ids, a filter, or --all.", WRONG)
    return replace(chosen.wanted, states=chosen.wanted.states or states)


def change_found(done: str, operation: Operation, chosen: Chosen) -> None:
    """Do it to what a filter finds: counted first, asked for, and looked at again once it is locked."""
    number = read(lambda session: jobs.count(session, chosen.wanted))
    if chosen.dry_run:
        report(done, Tally(number), dry_run=True, as_json=chosen.as_json)
    if number:
        ask(f"{number:,} jobs: shall they be {done}?", yes=chosen.yes)
    states = chosen.wanted.states
    pages = found(lambda session, before: jobs.ids(session, chosen.wanted, before))
    tally = work_off(pages, lambda tx, ids: operation(tx, operators.still(tx, ids, states)))
    report(done, tally, as_json=chosen.as_json)


def work_off(pages: Iterable[list[UUID]], operation: Operation) -> Tally:
    """Do it to all of them, a transaction for each page: what is done stays done if the rest fails."""
    tally = Tally()
    for page in pages:
        tally.add(_on_one_page(page, operation))
    return tally


def _on_one_page(page: list[UUID], operation: Operation) -> Answers:
    return write(lambda tx: operation(tx, page))


def _pages(ids: list[UUID]) -> Iterator[list[UUID]]:
    once = list(dict.fromkeys(ids))
    for start in range(0, len(once), AT_ONCE):
        yield once[start : start + AT_ONCE]


def found(page: Callable[[Session, UUID | None], list[UUID]]) -> Iterator[list[UUID]]:
    """Yield what a reading finds, by pages: page(session, before)."""
    before: UUID | None = None
    while ids := _next_page(page, before):
        yield ids
        before = ids[-1]


def _next_page(page: Callable[[Session, UUID | None], list[UUID]], before: UUID | None) -> list[UUID]:
    return read(lambda session: page(session, before))


def ask(question: str, *, yes: bool) -> None:
    """Ask before much is changed; where nobody can answer, it must be said beforehand."""
    if yes:
        return
    if not sys.stdin.isatty():
        output.fail(f"{question} Say so with --yes, or count them with --dry-run.", WRONG)
    typer.confirm(question, abort=True, err=True)


def report(done: str, tally: Tally, *, as_json: bool, dry_run: bool = False) -> None:
    """Say what was done, or would be, and end with the exit code for it."""
    refused = {str(job): why for job, why in tally.refused.items()}
    if as_json:
        output.as_json({done.replace(" ", "_"): tally.done, "refused": refused, "dry_run": dry_run})
    else:
        output.say(f"{'to be ' if dry_run else ''}{done}: {tally.done:,}")
        if refused:
            output.table(f"refused: {len(refused):,}", ("job", "why"), list(refused.items())[:REFUSALS_SHOWN])
    raise typer.Exit(REFUSED if refused else DONE)
