"""Cancelling: what waits never starts, what runs ends at once with all that it has started, and writes nothing more."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psutil
import pytest

from shared.db.engine import connect
from shared.ids import new_id
from shared.jobs.chain import chain
from shared.jobs.ending import succeed
from shared.jobs.job import JobType
from shared.jobs.running import fenced
from tests.ledger import Ledger
from tests.ledger_batches import cancel, dispatch_chain, links
from tests.ledger_core_jobs import run_family, run_family_too_long, stare
from tests.ledger_jobs import count_stock, glue, saw, unglue, unsaw, write_down
from tests.waiting import wait_until

IS_WAITING = "select from pg_stat_activity where wait_event_type = 'Lock'"


def family(mark: str) -> list[int]:
    """Return the processes whose command line bears the mark, and those of their group."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE and mark in (process.info["cmdline"] or []):
            found += [process.pid, *(child.pid for child in process.children(recursive=True))]
    return sorted(set(found))


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def at_home(ledger: Ledger, kind: JobType) -> tuple[UUID, list[int]]:
    """Start a job whose program has a child; return both processes as well."""
    mark = new_id().hex
    job = ledger.dispatch(kind, mark)
    wait_until(lambda: len(family(mark)) >= 3)
    return job, family(mark)


@pytest.fixture
def unit(ledger: Ledger) -> Ledger:
    """The ledger with a relay and a unit at work."""
    ledger.relay()
    ledger.unit()
    return ledger


# --- what runs ---


def test_a_cancelled_jobs_program_is_gone_within_a_second_and_its_children_too(unit: Ledger) -> None:
    # Given a job at work, whose program has started another
    job, pids = at_home(unit, run_family)
    # When an operator cancels it
    assert cancel(unit, job) == [job]
    began = time.monotonic()
    # Then its row says so at once
    row = unit.job(job)
    assert (row.state, row.reason, row.lease_until) == ("cancelled", "cancelled by Nour", None)
    [attempt] = unit.attempts(job)
    assert (attempt.outcome, attempt.error) == ("cancelled", "cancelled by Nour")
    assert attempt.due_at <= attempt.started_at <= attempt.finished_at
    # And none of its processes is left after a second
    wait_until(lambda: not alive(pids), 1.0)
    assert time.monotonic() - began < 1.0
    # And the unit goes on, and the attempt stays the only one
    unit.wait_for(unit.dispatch(write_down, "desk"), "succeeded")
    assert unit.outcomes(job) == ["cancelled"]


def test_a_job_without_a_program_is_interrupted_as_well(unit: Ledger) -> None:
    # Given a unit of one thread, with a job at work
    narrow = unit.unit("narrow-0", "narrow", threads=1)
    job = unit.dispatch(stare, "at the wall", 30.0, queue="narrow")
    unit.wait_for_effect("begin at the wall")
    # When it is cancelled, then its thread is free for another
    cancel(unit, job)
    unit.wait_for(unit.dispatch(write_down, "desk", queue="narrow"), "succeeded", 3)
    assert narrow.alive()
    assert "end at the wall" not in unit.effects()


def test_a_time_out_ends_the_program_and_its_children(unit: Ledger) -> None:
    job, pids = at_home(unit, run_family_too_long)
    assert unit.wait_for(job, "failed").error == "TimeoutError: took longer than 1 s"
    wait_until(lambda: not alive(pids), 1.0)


def test_a_frozen_worker_that_wakes_up_stops_what_is_anothers_by_now(ledger: Ledger) -> None:
    # Given a unit with a job at work that freezes; its processes go on meanwhile
    ledger.set(lease_seconds=1)
    ledger.relay()
    sleeper = ledger.unit("fast-0")
    job, pids = at_home(ledger, run_family)
    sleeper.freeze()
    # When its lease is lost, another unit takes the job, and the first one wakes up
    other = ledger.unit("fast-1")
    wait_until(lambda: ledger.job(job).attempt == 2 and ledger.job(job).state == "running")
    assert alive(pids)
    sleeper.thaw()
    # Then its own program is gone, and the other's is not
    wait_until(lambda: not alive(pids), 2.0)
    assert ledger.job(job).state == "running"
    assert ledger.outcomes(job) == ["lost"]
    assert (sleeper.alive(), other.alive()) == (True, True)
    cancel(ledger, job)


# --- what waits ---


def test_whatever_waits_can_be_cancelled_and_never_starts(ledger: Ledger) -> None:
    # Given one that is due later, one that is due, and one on its way
    later = ledger.dispatch(write_down, "later", delay=60)
    queued = ledger.dispatch(write_down, "queued")
    ledger.hand_over()
    due = ledger.dispatch(write_down, "due")
    assert [ledger.job(job).state for job in (later, queued, due)] == ["scheduled", "queued", "scheduled"]
    # When they are cancelled
    assert set(cancel(ledger, later, queued, due, new_id())) == {later, queued, due}
    # Then none of them starts, and cancelling again does nothing
    ledger.work()
    assert ledger.effects() == []
    assert {ledger.job(job).attempt for job in (later, queued, due)} == {0}
    assert ledger.attempts(queued) == []
    assert cancel(ledger, later, queued) == []


def test_a_cancelled_unique_job_makes_room_for_its_double(ledger: Ledger) -> None:
    cancel(ledger, ledger.dispatch(count_stock, "oak"))
    ledger.dispatch(count_stock, "oak")
    ledger.work()
    assert ledger.effects() == ["counted oak"]


def test_an_ended_job_cannot_be_cancelled(ledger: Ledger) -> None:
    job = ledger.dispatch(write_down, "desk")
    ledger.work()
    assert cancel(ledger, job) == []
    assert ledger.job(job).state == "succeeded"


# --- links ---


def test_with_a_link_that_waits_its_chain_ends_and_is_undone(ledger: Ledger) -> None:
    # Given a chain whose first link is done and whose second is due
    chain_id = dispatch_chain(ledger, (saw, unsaw), (glue, unglue), write_down)
    ledger.hand_over()
    ledger.run(ledger.claim()[0])
    # When the third, which waits for it, is cancelled
    third = ledger.named("write_down")[0].id
    assert third in cancel(ledger, third)
    ledger.work()
    # Then the second never runs, and the first is undone
    assert links(ledger, chain_id) == ["succeeded", "cancelled", "cancelled"]
    assert ledger.effects() == ["saw walnut-desk", "undo saw walnut-desk"]


def test_with_a_link_at_work_its_chain_ends_and_what_was_done_is_undone(ledger: Ledger) -> None:
    # Given a chain whose second link is at work
    chain_id = dispatch_chain(ledger, (saw, unsaw), (glue, unglue), write_down)
    for _ in range(2):
        ledger.hand_over()
        [at_work] = ledger.claim()
        if at_work.name == "saw":
            ledger.run(at_work)
    # When it is cancelled, and its worker ends it all the same
    assert cancel(ledger, at_work.id) == [at_work.id]
    ledger.run(at_work)
    ledger.work()
    # Then it has done nothing, and the first is undone
    assert links(ledger, chain_id) == ["succeeded", "cancelled", "cancelled"]
    assert ledger.effects() == ["saw walnut-desk", "undo saw walnut-desk"]
    assert ledger.rows("select ended_reason, undone_at is not null from chains order by id limit 1") == [
        ("glue was cancelled", True)
    ]


def test_a_chain_is_ended_also_when_its_next_links_turn_comes_in_that_moment(ledger: Ledger) -> None:
    # Given a chain whose first link has just ended in a worker's open transaction
    with ledger.transaction() as tx:
        chain((saw, unsaw), (glue, unglue), write_down).dispatch(tx, "oak")
    ledger.hand_over()
    [first] = ledger.claim()
    last = ledger.named("write_down")[0].id
    with ThreadPoolExecutor(1) as threads, connect() as worker:
        with fenced(worker, first) as tx:
            succeed(tx, first)
            assert tx.one("select 1") is not None  # all before is done
            # When the last one is cancelled meanwhile
            cancelling = threads.submit(cancel, ledger, last)
            with connect() as onlooker:
                wait_until(lambda: onlooker.execute(IS_WAITING).fetchone() is not None)
        assert last in cancelling.result(10)
    ledger.work()
    # Then nothing of it runs any more, and the first is undone
    assert [row.state for row in ledger.rows("select state from jobs where name in ('glue', 'write_down')")] == [
        "cancelled"
    ] * 2
    assert ledger.effects() == ["undo saw oak"]
