"""The job ledger in a test's hands: jobs are dispatched, run here or by real relays and units, and looked at."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psutil
import pytest
from redis import Redis

from services.worker.relay import Relay
from shared.clock import now
from shared.config import ROOT, settings
from shared.db.engine import connect
from shared.db.transaction import transaction
from shared.domain.orders import OrderStatus
from shared.events.catalogue import OrderPlaced
from shared.events.record import record
from shared.events.snapshots import OrderLine, OrderSnapshot
from shared.ids import new_id
from shared.jobs import lists, reaper
from shared.jobs.claim import claim, unclaimed
from shared.jobs.job import JobType
from shared.jobs.runner import run
from shared.jobs.running import Claimed
from tests.ledger_jobs import LISTENERS, SCHEMA
from tests.waiting import wait_until

OPEN = "state in ('scheduled', 'queued', 'running', 'blocked')"


DESK = OrderLine(
    product_id=new_id(),
    slug="walnut-desk",
    name_en="Walnut desk",
    name_ar="مكتب خشب جوز",
    quantity=2,
    unit_price=250_000,
)


def order(number: int, version: int = 1, method: str = "pm_card_visa", order_id: UUID | None = None) -> OrderSnapshot:
    return OrderSnapshot(
        id=order_id or new_id(),
        number=number,
        user_id=new_id(),
        status=OrderStatus.PLACED,
        total=500_000,
        currency="EGP",
        payment_method=method,
        version=version,
        placed_at=now(),
        items=(DESK,),
    )


class Process:
    """A relay or a worker unit of the tests (`tests/ledger_process.py`), to be killed, frozen and started again."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._arguments = arguments
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.ledger_process", *self._arguments]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def alive(self) -> bool:
        assert self._process is not None
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL, as a crash; also of a frozen process."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        psutil.Process(self.pid).terminate()

    def stop(self, timeout: float = 15) -> int:
        """SIGTERM; return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout)

    def freeze(self) -> None:
        psutil.Process(self.pid).suspend()

    def thaw(self) -> None:
        psutil.Process(self.pid).resume()

    def frozen(self) -> bool:
        return bool(psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)

    def said(self) -> str:
        return self._log.read_text(errors="replace")


class Ledger:
    """See `tests/conftest.py`: the fixture `ledger`."""

    def __init__(self, environment: pytest.MonkeyPatch, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._processes: list[Process] = []
        self._relay = Relay(LISTENERS)
        self.connection = connect()
        self.redis = Redis.from_url(settings().redis_url)
        self.connection.execute(SCHEMA, prepare=False)  # several statements

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            print(process.said()[-5000:])  # noqa: T201 - pytest shows it where a test failed
        self._relay.database().close()
        self.connection.close()
        self.redis.close()

    def reconnect(self) -> None:
        """Connect again, after a test killed an engine."""
        self.connection.close()
        self.connection = connect()

    def set(self, **names: object) -> None:
        """Set environment variables, here and for the processes that start from now on: `set(lease_seconds=1)`."""
        for name, value in names.items():
            self._environment.setenv(name.upper(), str(value))
        settings.cache_clear()

    # --- what a shop does ---

    def transaction(self) -> Any:
        return transaction(self.connection)

    def dispatch(self, kind: JobType, *arguments: Any, **options: Any) -> UUID:
        """Dispatch a job in a transaction of its own."""
        with self.transaction() as tx:
            job_id = kind.dispatch(tx, *arguments, **options)
        assert job_id is not None
        return job_id

    def place(self, number: int, method: str = "pm_card_visa") -> UUID:
        """Record the fact that an order was placed; see `ledger_jobs.follow` for what follows."""
        with self.transaction() as tx:
            return record(tx, OrderPlaced(order=order(number, method=method)))

    # --- processes ---

    def relay(self) -> Process:
        return self._spawn("relay")

    def unit(self, name: str = "fast-0", queues: str = "default", threads: int = 4, stop_within: float = 10) -> Process:
        return self._spawn("unit", name, queues, str(threads), str(stop_within))

    def _spawn(self, *arguments: str) -> Process:
        process = Process(arguments, self._folder / f"{len(self._processes)}-{arguments[0]}.log")
        self._processes.append(process)
        return process

    # --- the same work, done in this process one step at a time ---

    def hand_over(self) -> None:
        """Let a relay take one turn, and look everywhere."""
        self._relay.hand_over.look()
        self._relay.turn()

    def claim(self, queue: str = "default", at_most: int = 1) -> list[Claimed]:
        """Take handed-over jobs as a worker does."""
        ids = lists.pop(self.redis, [queue], at_most, 0.01)
        claimed = claim(self.connection, "hand@bench", ids)
        suspects, _ = unclaimed(self.connection, [i for i in ids if i not in {job.id for job in claimed}])
        return claimed + [one for i in suspects for one in claim(self.connection, "hand@bench", [i], alone=True)]

    def tidy(self) -> None:
        """Let a relay do what it does every ten seconds."""
        self._relay.tidy()

    def run(self, claimed: Claimed) -> None:
        """Make the attempt, whatever became of it meanwhile."""
        run(claimed)

    def sweep(self) -> int:
        """Look for lost messages, as the relay does every half second."""
        return reaper.sweep(self.connection, self.redis)

    def reap(self) -> int:
        """Look for lost leases, as the relay does every half second."""
        return reaper.reap(self.connection)

    def work(self, *queues: str, timeout: float = 30) -> None:
        """Run what is due, one job after another, until nothing waits but what is due later than in 5 s."""
        deadline = time.monotonic() + timeout
        self.hand_over()
        while self._soon():
            assert time.monotonic() < deadline, self.rows("select * from jobs where " + OPEN)
            self.hand_over()
            for queue in queues or ("default",):
                for claimed in self.claim(queue):
                    run(claimed)

    def _soon(self) -> bool:
        waiting = f"select from jobs where {OPEN} and state <> 'blocked' and available_at < clock_timestamp() + '5 s'"
        return bool(self.rows(f"{waiting} limit 1"))

    # --- what the ledger says ---

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self.connection.execute(statement, parameters).fetchall()

    def job(self, job_id: UUID) -> Any:
        return self.rows("select * from jobs where id = %s", (job_id,))[0]

    def named(self, name: str) -> list[Any]:
        return self.rows("select * from jobs where name = %s order by id", (name,))

    def attempts(self, job_id: UUID) -> list[Any]:
        return self.rows("select * from job_attempts where job_id = %s order by attempt", (job_id,))

    def outcomes(self, job_id: UUID) -> list[str]:
        return [attempt.outcome for attempt in self.attempts(job_id)]

    def effects(self) -> list[str]:
        """Return what jobs wrote down, in order."""
        return [row.what for row in self.rows("select what from ran order by id")]

    def all_expanded(self) -> bool:
        """Say whether each fact has its position, or is parked."""
        return not self.rows("select from events where position is null and parked_at is null limit 1")

    def count_open(self) -> int:
        return int(self.rows(f"select count(*) as n from jobs where {OPEN}")[0].n)

    def wait_for(self, job_id: UUID, state: str, timeout: float = 30) -> Any:
        """Wait until the job is in that state; return its row."""
        wait_until(lambda: self.job(job_id).state == state, timeout)
        return self.job(job_id)

    def wait_for_effect(self, what: str, timeout: float = 30) -> None:
        wait_until(lambda: what in self.effects(), timeout)

    def wait_until_done(self, timeout: float = 40) -> None:
        wait_until(lambda: self.count_open() == 0, timeout)


def restarting(process: Process, fact: Callable[[], Any]) -> Callable[[], Any]:
    """Ask for the fact, and do what supervisord does meanwhile: start the process again when it died."""

    def ask() -> Any:
        if not process.alive():
            process.start()
        return fact()

    return ask
