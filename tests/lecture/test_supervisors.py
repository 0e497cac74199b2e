"""Lecture: queue workers and supervisors.

    [program:laravel-worker]                                   [program:worker-fast]
    command=php artisan queue:work redis --queue=high,default  command=python -m services.worker run --queues ...
    numprocs=8                                                 numprocs=2, with --threads 4
    autorestart=true                                           autorestart=true
    stopwaitsecs=3600                                          stopwaitsecs=25

The lecture names workers and supervisors and shows none: this is how Laravel's documentation does it, and `make demo`.
A worker that is stopped finishes what it has begun, or gives it back; one that is killed loses nothing either.
"""

from configparser import RawConfigParser

import pytest

from shared.config import ROOT
from shared.jobs.job import REGISTRY
from tests.ledger import Ledger
from tests.ledger_jobs import wait_inside, write_down
from tests.waiting import wait_until


@pytest.fixture
def supervisors() -> RawConfigParser:
    """What supervisord keeps alive."""
    config = RawConfigParser(strict=True)
    config.read(ROOT / "supervisord.conf")
    return config


def test_every_worker_is_kept_alive_by_a_supervisor(supervisors: RawConfigParser) -> None:
    workers = [
        name for name in supervisors.sections() if "services.worker" in supervisors.get(name, "command", fallback="")
    ]
    assert {"program:relay", "program:worker-fast", "program:worker-heavy"} <= set(workers)
    for name in workers:
        assert supervisors.getboolean(name, "autorestart")
        # It is given longer to stop than it needs to finish its jobs, or to give them back
        assert supervisors.getint(name, "stopwaitsecs") >= 15


def test_there_are_workers_for_every_queue(supervisors: RawConfigParser) -> None:
    commands = [supervisors.get(name, "command", fallback="").split() for name in supervisors.sections()]
    served = {
        queue
        for command in commands
        if "--queues" in command
        for queue in command[command.index("--queues") + 1].split(",")
    }
    ours = {kind.queue for kind in REGISTRY.values() if kind.function.__module__.startswith("services.")}
    assert ours
    assert ours <= served


def test_a_worker_serves_its_first_queue_first(ledger: Ledger) -> None:
    # Given jobs in two queues, handed over before there is a worker
    slow = [ledger.dispatch(write_down, f"newsletter {number}") for number in range(3)]
    urgent = ledger.dispatch(write_down, "order", queue="high")
    ledger.hand_over()
    # When one with a single thread comes, which serves `high` before `default`
    ledger.unit(queues="high,default", threads=1)
    ledger.wait_until_done()
    # Then the urgent one was first
    assert ledger.effects()[0] == "order"
    assert all(ledger.job(job).state == "succeeded" for job in (*slow, urgent))


def test_a_worker_that_is_stopped_finishes_what_it_has_begun(ledger: Ledger) -> None:
    # Given a worker in the middle of a job
    ledger.relay()
    worker = ledger.unit()
    job = ledger.dispatch(wait_inside, "packing", 1)
    ledger.wait_for_effect("begin packing")
    # When its supervisor stops it
    assert worker.stop() == 0
    # Then the job is done
    assert ledger.job(job).state == "succeeded"


def test_a_worker_that_is_killed_and_restarted_does_its_job_again(ledger: Ledger) -> None:
    # Given a worker in the middle of a job
    ledger.relay()
    worker = ledger.unit()
    job = ledger.dispatch(wait_inside, "packing", 0.5)
    ledger.wait_for_effect("begin packing")
    # When it is killed, and its supervisor starts it again
    worker.kill()
    worker.start()
    # Then the job is done at once, by another attempt, and no try is burnt
    ledger.wait_for(job, "succeeded")
    assert (ledger.job(job).attempt, ledger.job(job).failures, ledger.job(job).lost) == (2, 0, 1)
    # And the worker has announced itself anew
    wait_until(lambda: [row.pid for row in ledger.rows("select pid from workers")] == [worker.pid])
