"""By the clock: a slot starts once, whoever leads and whatever dies; what was missed is seen, one run catches up."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from typing import Any

import psycopg

from services.worker.relay import Relay
from services.worker.schedule import SCHEDULE
from shared.config import ROOT
from shared.db.engine import connect
from shared.db.transaction import transaction
from shared.jobs.schedule import MISSED_KEPT, NO_RELAY, STILL_ON, Schedule, Scheduler, Task, run_by_hand, start
from shared.jobs.when import every
from tests.ledger import Ledger
from tests.schedule_jobs import MINUTELY, SECONDLY, count_the_desks, sweep_the_floor
from tests.waiting import wait_until

FLOOR = MINUTELY["floor"]


def slots(ledger: Ledger) -> list[Any]:
    return ledger.rows("select * from schedule_slots order by task, slot")


def now(ledger: Ledger) -> Any:
    return ledger.rows("select clock_timestamp() as now")[0].now


def look(ledger: Ledger, schedule: Schedule = MINUTELY) -> None:
    """Let a relay look that has just started."""
    Scheduler(schedule).look(ledger.connection)


def ran(ledger: Ledger, ago: timedelta) -> None:
    """The floor was last swept so long ago."""
    slot = FLOOR.when.latest(now(ledger) - ago)
    ledger.connection.execute("insert into schedule_slots (task, slot) values ('floor', %s)", (slot,))


def test_a_slot_is_a_row_and_a_job_and_is_there_once(ledger: Ledger) -> None:
    # When two relays look, and one of them again
    look(ledger)
    one = Scheduler(MINUTELY)
    for _ in range(2):
        one.look(ledger.connection)
    # Then there is one job for each minute that it was
    rows = slots(ledger)
    assert 1 <= len(rows) <= 2
    assert [row.job_id for row in rows] == [job.id for job in ledger.named("sweep_the_floor")]
    assert all(row.slot.second == row.slot.microsecond == 0 for row in rows)


def test_of_two_who_take_a_slot_at_once_one_gets_it(ledger: Ledger) -> None:
    # Given one who has taken it, and not committed
    at = now(ledger)

    def take_it() -> None:
        with closing(connect()) as another, transaction(another) as tx:
            start(tx, "floor", FLOOR, None, at)

    second = threading.Thread(target=take_it)
    with ledger.transaction() as first:
        start(first, "floor", FLOOR, None, at)
        # When another wants it meanwhile
        second.start()
        wait_until(somebody_waits)
    # Then it waits, and gets nothing
    second.join(10)
    assert len(slots(ledger)) == len(ledger.named("sweep_the_floor")) == 1


def somebody_waits() -> bool:
    """Say whether anybody waits for another's row."""
    with closing(connect()) as third:
        waits = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        return bool(third.execute(waits).fetchall())


def test_who_dies_in_between_leaves_nothing_and_the_next_one_does_it(ledger: Ledger) -> None:
    # Given a relay whose connection is cut when it has inserted both
    at = now(ledger)
    with closing(connect()) as dying, suppress(psycopg.OperationalError), transaction(dying) as tx:
        start(tx, "floor", FLOOR, None, at)
        assert tx.one("select count(*) as n from jobs").n == 1
        ledger.connection.execute("select pg_terminate_backend(%s)", (dying.info.backend_pid,))
    assert slots(ledger) == ledger.named("sweep_the_floor") == []
    # When
    look(ledger)
    # Then
    assert len(slots(ledger)) == len(ledger.named("sweep_the_floor")) == 1


def test_two_relays_never_start_a_slot_twice(ledger: Ledger) -> None:
    # When two relays are at work for some seconds
    with relays(2):
        wait_until(lambda: len(slots(ledger)) >= 5)
    # Then each slot has its one job, and each job its slot (a busy machine may miss a slot: it says so)
    rows = [row for row in slots(ledger) if row.job_id]
    assert sorted(row.job_id for row in rows) == sorted(job.id for job in jobs(ledger))
    assert sum(row.task == "desks" for row in rows) == 1


def jobs(ledger: Ledger) -> list[Any]:
    return [*ledger.named("sweep_the_floor"), *ledger.named("count_the_desks")]


@contextmanager
def relays(number: int) -> Iterator[None]:
    """So many relays at work, as threads."""
    at_work = [Relay({}, SECONDLY) for _ in range(number)]
    threads = [threading.Thread(target=relay.run) for relay in at_work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for relay, thread in zip(at_work, threads, strict=True):
            relay.stop()
            thread.join(10)
            relay.database().close()


def test_after_a_standstill_one_run_catches_up_and_the_others_are_seen_as_missed(ledger: Ledger) -> None:
    # Given
    ran(ledger, timedelta(minutes=10))
    # When
    look(ledger)
    # Then
    _, *missed, latest = slots(ledger)
    assert 9 <= len(missed) <= 10
    assert {(row.job_id, row.reason) for row in missed} == {(None, NO_RELAY)}
    assert [latest.job_id] == [job.id for job in ledger.named("sweep_the_floor")]


def test_of_a_long_standstill_the_last_slots_are_kept(ledger: Ledger) -> None:
    # Given
    ran(ledger, timedelta(days=30))
    # When
    look(ledger)
    # Then
    _, *missed, latest = slots(ledger)
    assert len(missed) == MISSED_KEPT
    assert latest.slot - missed[0].slot == MISSED_KEPT * timedelta(minutes=1)
    assert len(ledger.named("sweep_the_floor")) == 1


def test_a_new_task_has_missed_nothing(ledger: Ledger) -> None:
    look(ledger, SECONDLY)
    assert all(row.job_id for row in slots(ledger))
    assert {row.task for row in slots(ledger)} == {"floor", "desks"}


def test_what_has_not_ended_is_not_started_again_and_that_is_seen(ledger: Ledger) -> None:
    # Given desks that are still being counted
    ledger.dispatch(count_the_desks)
    # When
    look(ledger, {"desks": Task(every(minutes=1), count_the_desks)})
    # Then
    (row,) = slots(ledger)
    assert (row.job_id, row.reason) == (None, STILL_ON)
    assert len(ledger.named("count_the_desks")) == 1


def test_a_task_that_cannot_be_started_keeps_no_other_from_it(ledger: Ledger) -> None:
    # Given a job whose name the ledger refuses
    broken = Task(every(minutes=1), sweep_the_floor_with("\x00"))
    # When
    look(ledger, {"a broken one": broken, **MINUTELY})
    # Then
    assert [row.task for row in slots(ledger)] == ["floor"]


def sweep_the_floor_with(name: str) -> Any:
    from dataclasses import replace  # noqa: PLC0415 - only here

    return replace(sweep_the_floor, name=name)


def test_a_run_by_hand_is_a_slot_of_its_own(ledger: Ledger) -> None:
    # Given a slot that was yesterday's
    ran(ledger, timedelta(minutes=3))
    # When somebody runs it by hand, and a relay looks afterwards
    with ledger.transaction() as tx:
        job_id = run_by_hand(tx, "floor", FLOOR)
    look(ledger)
    # Then that was the catching up
    assert [row.job_id for row in slots(ledger)][:2] == [None, job_id]
    assert slots(ledger)[1].reason == "by hand"
    assert len(slots(ledger)) <= 3  # a minute may have begun meanwhile


def test_the_schedule_is_seen_and_run_in_the_terminal(ledger: Ledger) -> None:
    # Given
    ledger.connection.execute(
        "insert into schedule_slots (task, slot, reason) values ('books', clock_timestamp() - interval '2 hours', %s)",
        (NO_RELAY,),
    )
    # When
    ran = command("run", "books", "--json")
    again = command("run", "books", fails=True)
    unknown = command("run", "nothing", fails=True)
    listed = {item["task"]: item for item in json.loads(command("list", "--json"))["items"]}
    # Then
    (job,) = ledger.named("check_books")
    assert json.loads(ran)["job_id"] == str(job.id) == listed["books"]["job_id"]
    assert "has not ended" in again
    assert "there is no task nothing" in unknown
    assert set(listed) == set(SCHEDULE)
    assert (listed["books"]["state"], listed["books"]["misses"]) == ("scheduled", 1)
    assert listed["alerts"]["last"] is None
    assert NO_RELAY in command("list")


def command(*arguments: str, fails: bool = False) -> str:
    line = [sys.executable, "-m", "services.worker", "schedule", *arguments]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert bool(done.returncode) == fails, done.stderr
    return done.stderr if fails else done.stdout
