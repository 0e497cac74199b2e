"""The operators' commands: what each says to people and to programs, what it does, how it ends.

`command` is the real one, a process that takes a second of a core; `said` runs the same code here.
"""

import json
import os
import subprocess
import sys
from typing import Any
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

from services.worker.commands import batches, jobs, queues
from shared.config import ROOT, settings
from shared.ids import new_id
from shared.jobs.batch import batch
from shared.jobs.chain import chain
from tests.ledger import Ledger
from tests.ledger_jobs import break_down, glue, saw, say_no, unglue, unsaw, write_down

APPS = {"jobs": jobs.app, "batches": batches.app, "queues": queues.app}
DONE, REFUSED, WRONG, NO_DATABASE = 0, 1, 2, 3


def command(*words: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m services.worker …` to its end."""
    line = [sys.executable, "-m", "services.worker", *map(str, words)]
    given = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **environment}
    return subprocess.run(
        line, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )


def said(group: str, *words: object, code: int = DONE) -> Any:
    """Run it in this process with --json; return what it says."""
    run = CliRunner().invoke(APPS[group], [*map(str, words), "--json"])
    assert run.exit_code == code, f"{run.output} {run.exception!r}"
    return json.loads(run.stdout)


@pytest.fixture
def broken(ledger: Ledger) -> list[UUID]:
    """Three jobs that have failed for good, each with its own error."""
    failing = [ledger.dispatch(break_down, what) for what in ("the saw", "the walnut-desk", "مكتب ليلى")]
    ledger.work()
    return failing


def test_failed_jobs_are_listed_by_a_filter_for_people_and_for_programs(ledger: Ledger, broken: list[UUID]) -> None:
    # Given, besides, jobs that did not fail
    ledger.dispatch(write_down, "a letter", delay=3600)
    # When / Then
    page = said("jobs", "failed", "--error", "مكتب")
    assert [job["id"] for job in page["items"]] == [str(broken[2])]
    first = said("jobs", "failed", "--limit", 2)
    second = said("jobs", "failed", "--limit", 2, "--cursor", first["next_cursor"])
    assert [job["id"] for job in first["items"] + second["items"]] == [str(job) for job in reversed(broken)]
    table = command("jobs", "list", "--name", "break_down", "--state", "failed", "--younger-than", "5m")
    assert table.returncode == DONE
    assert all(f"{job}  break_down" in table.stdout for job in broken)
    assert "RuntimeError: the walnut-desk broke" in table.stdout
    assert "write_down" not in table.stdout


def test_a_job_is_shown_with_every_attempt_and_the_links_of_its_chain(ledger: Ledger) -> None:
    # Given a chain whose second link said no
    with ledger.transaction() as tx:
        chain((saw, unsaw), (say_no, None), (glue, unglue), name="craft").dispatch(tx, "walnut")
    ledger.work()
    (second,) = ledger.named("say_no")
    # When / Then
    shown = said("jobs", "show", second.id)
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["succeeded"]
    assert [(link["name"], link["state"]) for link in shown["chain"]["links"]] == [
        *(("saw", "succeeded"), ("say_no", "succeeded"), ("glue", "cancelled")),
    ]
    table = command("jobs", "show", second.id).stdout
    assert "out of walnut" in table
    assert "glue" in table
    # And one that there is not
    missing = command("jobs", "show", new_id())
    assert (missing.returncode, missing.stdout) == (REFUSED, "")
    assert "there is no such job" in missing.stderr


def test_what_an_error_says_does_not_play_with_the_terminal(ledger: Ledger) -> None:
    # Given
    ledger.dispatch(break_down, "\x1b[2J[red]desk[/red]")
    ledger.work()
    # When / Then
    table = command("jobs", "failed").stdout
    assert "[red]desk[/red]" in table
    assert "\x1b" not in table


def test_jobs_are_retried_by_their_ids_and_what_cannot_be_is_told(ledger: Ledger, broken: list[UUID]) -> None:
    # Given
    waiting = ledger.dispatch(write_down, "a letter", delay=3600)
    unknown = new_id()
    # When
    answer = said("jobs", "retry", broken[0], waiting, unknown, code=REFUSED)
    # Then
    assert answer["retried"] == 1
    assert answer["refused"] == {str(waiting): "it is scheduled", str(unknown): "there is no such job"}
    assert [ledger.job(job).state for job in broken] == ["scheduled", "failed", "failed"]
    ledger.work()
    assert ledger.outcomes(broken[0]) == ["failed", "failed"]


def test_a_retry_by_filter_is_counted_first_and_must_be_meant(ledger: Ledger, broken: list[UUID]) -> None:
    # When nobody can be asked
    counted = said("jobs", "retry", "--error", "broke", "--dry-run")
    unsure = command("jobs", "retry", "--error", "broke")
    # Then nothing is done
    assert (counted["retried"], counted["dry_run"]) == (3, True)
    assert (unsure.returncode, unsure.stdout) == (WRONG, "")
    assert "3 jobs" in unsure.stderr
    assert {ledger.job(job).state for job in broken} == {"failed"}
    # And when it is meant
    assert said("jobs", "retry", "--error", "WALNUT", "--yes")["retried"] == 1
    assert said("jobs", "retry", "--all", "--yes")["retried"] == 2
    assert {ledger.job(job).state for job in broken} == {"scheduled"}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("jobs", "retry"), "Say which"),
        (("jobs", "retry", "walnut-desk"), "UUID"),
        (("jobs", "list", "--state", "sleeping"), "sleeping"),
        (("jobs", "prune", "--older-than", "a while"), "a while"),
        (("jobs", "explode"), "explode"),
    ],
)
def test_a_command_that_is_written_wrongly_says_how(ledger: Ledger, words: tuple[str, ...], complaint: str) -> None:
    del ledger
    run = command(*words)
    assert run.returncode == WRONG
    assert complaint in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("words", ["queues list", "schedule list", "figures"])
def test_without_a_database_it_says_so_in_a_line(words: str) -> None:
    run = command(*words.split(), DATABASE_URL="postgresql://taboor@127.0.0.1:9/taboor")
    assert run.returncode == NO_DATABASE
    assert run.stderr.startswith("PostgreSQL: ")
    assert "Traceback" not in run.stderr


def test_jobs_are_hurried_cancelled_and_forgotten(ledger: Ledger, broken: list[UUID]) -> None:
    # Given
    letters = [ledger.dispatch(write_down, f"letter {n}", delay=3600, tags=["letters"]) for n in range(3)]
    # When one is wanted now, and the others not at all
    assert said("jobs", "run-now", letters[0])["made_due"] == 1
    ledger.work()
    assert said("jobs", "cancel", "--tag", "letters", "--yes")["cancelled"] == 2
    # Then
    assert [ledger.job(job).state for job in letters] == ["succeeded", "cancelled", "cancelled"]
    # And what failed is forgotten; what did not fail is asked for by its state
    assert said("jobs", "forget", "--name", "break_down", "--yes")["forgotten"] == 3
    assert not ledger.rows("select from jobs where id = any(%s)", (broken,))
    assert said("jobs", "forget", letters[0], letters[1])["forgotten"] == 2


def test_cancelling_a_link_undoes_its_chain_though_the_command_knows_no_job(ledger: Ledger) -> None:
    # Given a chain that waits at its second link
    with ledger.transaction() as tx:
        chain((saw, unsaw), (glue, unglue)).dispatch(tx, "walnut")
    ledger.hand_over()
    (claimed,) = ledger.claim()
    ledger.run(claimed)
    (second,) = ledger.named("glue")
    # When
    said("jobs", "cancel", second.id)
    ledger.work()
    # Then
    assert ledger.effects() == ["saw walnut", "undo saw walnut"]


def test_a_large_set_is_worked_off_a_transaction_for_some_hundred(ledger: Ledger) -> None:
    # Given many failed jobs, the oldest of which somebody holds
    ledger.connection.execute(
        "insert into jobs (id, name, queue, args, state, finished_at)"
        " select gen_random_uuid(), 'break_down', 'default', '[\"desk\"]', 'failed', clock_timestamp()"
        " from generate_series(1, 450)"
    )
    oldest = ledger.rows("select id from jobs order by id limit 1")[0].id
    with psycopg.connect(settings().database_url) as other:  # without our limits
        other.execute("select 1 from jobs where id = %s for update", (oldest,))
        # When
        run = CliRunner().invoke(jobs.app, ["retry", "--name", "break_down", "--yes", "--json"])
    # Then what came before is done, and stays so
    assert run.exit_code == NO_DATABASE
    assert len(ledger.rows("select from jobs where state = 'scheduled'")) == 400
    # And the command goes on when it is run again
    assert said("jobs", "retry", "--name", "break_down", "--yes")["retried"] == 50


def test_a_queue_is_paused_by_somebody_shown_cleared_and_resumed(ledger: Ledger) -> None:
    # Given
    running = ledger.dispatch(write_down, "this one runs")
    ledger.hand_over()
    ledger.claim()
    waiting = [ledger.dispatch(write_down, "a letter"), ledger.dispatch(write_down, "a letter", delay=3600)]
    # When
    assert command("queues", "pause", "default", "--by", "ليلى", "--reason", "the ink is out").returncode == DONE
    # Then
    (queue,) = said("queues", "list")["items"]
    assert (queue["name"], queue["waiting"], queue["delayed"], queue["running"]) == ("default", 1, 1, 1)
    assert (queue["paused"]["paused_by"], queue["paused"]["reason"]) == ("ليلى", "the ink is out")
    assert "the ink is out" in command("queues", "list").stdout
    ledger.hand_over()
    assert ledger.claim() == []
    # And what waits is cancelled, what runs goes on
    assert said("queues", "clear", "default", "--yes")["cancelled"] == 2
    assert [ledger.job(job).state for job in (running, *waiting)] == ["running", "cancelled", "cancelled"]
    # And it is resumed once
    assert said("queues", "resume", "default")["paused"] is None
    again = command("queues", "resume", "default")
    assert (again.returncode, again.stderr.strip()) == (REFUSED, "default is not paused")


def test_a_pause_of_a_queue_that_nobody_knows_says_so(ledger: Ledger) -> None:
    run = command("queues", "pause", "oders", "--by", "Omar")
    assert run.returncode == DONE
    assert "no unit works on it" in run.stdout
    assert ledger.rows("select paused_by from paused_queues")[0].paused_by == "Omar"


def test_a_batch_is_listed_shown_cancelled_and_tried_again(ledger: Ledger) -> None:
    # Given
    with ledger.transaction() as tx:
        members = [write_down.message(f"picture {n}", delay=3600) for n in range(3)]
        pictures = batch(*members, name="pictures").then(write_down.message("all")).dispatch(tx)
        batch(write_down.message("other"), name="letters").dispatch(tx)
    # When / Then
    assert [each["name"] for each in said("batches", "list")["items"]] == ["letters", "pictures"]
    (listed,) = said("batches", "list", "--name", "pictures", "--open")["items"]
    assert (listed["id"], listed["state"], listed["progress"]) == (str(pictures), "open", 0)
    assert said("batches", "cancel", pictures, "--reason", "no walnut")["cancelled"] == str(pictures)
    ledger.work()
    again = command("batches", "cancel", pictures)
    assert (again.returncode, again.stderr.strip()) == (REFUSED, f"{pictures}: it is cancelled")
    shown = said("batches", "show", pictures)
    assert (shown["state"], shown["members"], shown["cancelled_because"]) == (
        "cancelled",
        {"cancelled": 3},
        "no walnut",
    )
    assert shown["callbacks"]["then"]["state"] == "cancelled"
    assert "no walnut" in command("batches", "show", pictures).stdout
    # And
    assert said("batches", "retry", pictures)["retried"] == 3
    ledger.work()
    assert said("batches", "show", pictures)["state"] == "succeeded"
    assert ledger.effects().count("all") == 1
    assert command("batches", "show", new_id()).returncode == REFUSED


def test_pruning_by_hand_says_how_much_went(ledger: Ledger, broken: list[UUID]) -> None:
    # Given
    ledger.connection.execute(
        "update jobs set finished_at = finished_at - interval '2 days' where id = %s", (broken[0],)
    )
    # When
    answer = said("jobs", "prune", "--older-than", "36h")
    # Then
    assert answer == {"jobs": 1, "batches": 0, "chains": 0}
    assert not ledger.rows("select from jobs where id = %s", (broken[0],))
    assert said("jobs", "prune") == {"jobs": 0, "batches": 0, "chains": 0}
