"""Batches, serial and unique keys and operators: all that can happen, in any order, with hardly a model beside it.

`tests/ledger_machine.py` knows what each row should be. Here the rows themselves are asked what was promised.
"""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.config import settings
from shared.jobs import lists, operations, reaper, sql
from shared.jobs.batch import cancel_batch
from shared.jobs.claim import claim, take_back, unclaimed
from shared.jobs.hand_over import hand_over
from shared.jobs.running import Claimed
from tests import ledger_groups_machine_jobs as shapes
from tests.ledger import Ledger
from tests.ledger_groups_machine_jobs import KEYS, QUEUES, UNIQUE, Turn, chosen, script, turns
from tests.ledger_groups_machine_sql import (
    AN_HOUR_PASSES,
    BATCHES_OF,
    CHANGES,
    IS_DOUBLE,
    LIVE,
    LOSE_LEASE,
    SEEN,
    SPARE,
    TAKE_YOUR_TIME,
)
from tests.ledger_happenings import Happenings
from tests.ledger_promises import FORGET_HISTORY, HISTORY, IN_THE_END, PROMISES

WORKERS = ("fast-0", "fast-1")
ROOMS = (1, 3, 1000, 1000)
MEANWHILE = (*[None] * 9, "machine is paused", "other is paused", "a batch is cancelled")  # as something is on its way

some = st.lists(chosen, min_size=1, max_size=3)
happens = Happenings()


class GroupsMachine(RuleBasedStateMachine):
    """One example: from an empty ledger until nothing is open any more."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.steps = 0
        self.seen: Counter[str] = Counter()  # what this example came to
        self.popped: list[UUID] = []
        self.attempts: list[Claimed] = []  # all that were ever claimed, stale ones too
        script.act, script.more, script.between = "succeed", (), None
        ledger.connection.execute(HISTORY, prepare=False)
        ledger.connection.execute(FORGET_HISTORY)
        ledger.redis.flushdb()

    def execute(self, statement: str, *parameters: Any) -> None:
        self.ledger.connection.execute(statement, parameters)

    # --- dispatch ---

    @happens(3, shape=shapes.ones)
    @happens(3, shape=shapes.groups)
    @happens(1, shape=shapes.lines)
    @happens(1, shape=shapes.deep_lines)
    def dispatch(self, shape: Any) -> None:
        made = shape.made()
        with self.ledger.transaction() as tx:
            made.dispatch(tx)

    @happens(2, kind=st.sampled_from(sorted(UNIQUE)), key=st.sampled_from(KEYS))
    def dispatch_unique(self, kind: str, key: str) -> None:
        message = UNIQUE[kind].message(key)
        is_double = bool(self.ledger.rows(IS_DOUBLE, (message.unique_key,)))
        with self.ledger.transaction() as tx:
            assert (message.dispatch(tx) is None) == is_double

    # --- the relay, and Redis ---

    @happens(crash=st.booleans(), room=st.sampled_from(ROOMS))
    def hand_over(self, crash: bool, room: int = 1000) -> None:
        """Commit, then push; a relay that crashes in between does not push."""
        with self.ledger.transaction() as tx:
            due = hand_over(tx, settings().model_copy(update={"hand_over_at_least": room}))
        if due and not crash:
            lists.push(self.ledger.redis, due)

    @happens()
    def wipe(self) -> None:
        self.ledger.redis.flushdb()

    @happens()
    def sweep(self) -> None:
        self.ledger.sweep()

    @happens(2)
    def an_hour_passes(self) -> None:
        self.execute(AN_HOUR_PASSES)

    # --- workers ---

    @happens(at_most=st.integers(1, 8), queues=st.permutations(QUEUES))
    def pop(self, at_most: int, queues: list[str]) -> None:
        if any(lists.lengths(self.ledger.redis, queues).values()):
            self.popped += lists.pop(self.ledger.redis, queues, at_most, 1)

    @happens()
    def die_before_the_claim(self) -> None:
        self.popped.clear()

    @happens(worker=st.sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        """Take what was popped, as `LedgerConsumer` does; what lost a lease alone; what is paused goes back."""
        popped, self.popped = self.popped, []
        connection = self.ledger.connection
        claimed = claim(connection, worker, popped)
        suspects, paused = unclaimed(connection, [i for i in popped if i not in {one.id for one in claimed}])
        claimed += [one for i in suspects for one in claim(connection, worker, [i], alone=True)]
        take_back(connection, paused)
        self.attempts += sorted(claimed, key=lambda one: one.id)

    @happens(14, worker=st.sampled_from(WORKERS), at_most=st.integers(1, 8), meanwhile=st.sampled_from(MEANWHILE))
    def serve(self, worker: str, at_most: int, meanwhile: str | None = None) -> None:
        """Bring some jobs of each queue all the way to a worker."""
        self.hand_over(crash=False)
        for queue, length in lists.lengths(self.ledger.redis, QUEUES).items():
            if length:
                self.popped += lists.pop(self.ledger.redis, [queue], at_most, 1)
        if meanwhile == "a batch is cancelled":
            self.cancel_batches(self.ledger.rows(BATCHES_OF, (self.popped,))[:1], also_running=False)
        elif meanwhile:
            self.pause(meanwhile.split()[0])
        self.claim(worker)

    def live(self) -> list[Claimed]:
        running = {tuple(row) for row in self.ledger.rows(LIVE)}
        return [attempt for attempt in self.attempts if (attempt.id, attempt.attempt) in running]

    @happens(16, turns=st.lists(turns, min_size=2, max_size=8))
    def run(self, turns: list[Turn]) -> None:
        for turn in turns:
            if live := self.live():
                self.play(live[turn.which % len(live)], turn)

    @happens(3, turn=turns)
    def run_what_was_taken_away(self, turn: Turn) -> None:
        """A worker that was frozen wakes up, perhaps long after its job had ended: it changes nothing."""
        live = self.live()
        if stale := [attempt for attempt in self.attempts if attempt not in live]:
            running = {attempt.id for attempt in live}
            again = [attempt for attempt in stale if attempt.id in running] or stale
            before = self.ledger.rows(CHANGES)
            self.play(again[turn.which % len(again)], Turn(0, turn.act, more=turn.more))
            assert self.ledger.rows(CHANGES) == before, turn

    def play(self, attempt: Claimed, turn: Turn) -> None:
        script.act, script.more, script.between = turn.act, turn.more, self.befalls(attempt.id, turn.between)
        self.ledger.run(attempt)
        if attempt.name == "end_cancelled_batch":
            self.execute(TAKE_YOUR_TIME)

    def befalls(self, job_id: UUID, what: str | None) -> Callable[[], None] | None:
        """Return what befalls a job between its two transactions."""

        def happen() -> None:
            if what == "lose":
                self.lose_lease(job_id)
                return
            self.operate("cancel", job_id)
            if what == "retry":
                self.operate("retry", job_id)

        return happen if what else None

    def lose_lease(self, job_id: UUID) -> None:
        self.execute(LOSE_LEASE, job_id)
        assert self.ledger.reap() == 1
        self.execute(SPARE)

    @happens(3, which=chosen)
    def lose_a_lease(self, which: int) -> None:
        if live := self.live():
            self.lose_lease(live[which % len(live)].id)

    @happens(worker=st.sampled_from(WORKERS))
    def restart_a_killed_unit(self, worker: str) -> None:
        reaper.reap_workers(self.ledger.connection, [worker])
        self.execute(SPARE)

    @happens(worker=st.sampled_from(WORKERS))
    def stop_a_unit(self, worker: str) -> None:
        """SIGTERM, and the deadline is over: it gives back what it holds."""
        why = {"worker": worker, "ids": [one.id for one in self.live()], "error": "its worker was stopped"}
        self.ledger.connection.execute(sql.GIVE_BACK, why)

    # --- operators ---

    def pick(self, which: list[int], states: str) -> list[UUID]:
        found = self.ledger.rows(f"select id from jobs where state in {states} order by id")
        return [found[number % len(found)].id for number in which] if found else []

    def operate(self, what: str, *jobs: UUID) -> None:
        with self.ledger.transaction() as tx:
            match what:
                case "cancel":
                    operations.cancel(tx, jobs, "cancelled by Nour")
                case "retry":
                    operations.retry(tx, jobs, "retried by Nour")
                case "run now":
                    operations.run_now(tx, jobs)
                case "forget":
                    operations.forget(tx, jobs)

    @happens(2, which=some)
    def cancel(self, which: list[int]) -> None:
        self.operate("cancel", *self.pick(which, "('blocked', 'scheduled', 'queued', 'running')"))

    @happens(4, which=some)
    def retry(self, which: list[int]) -> None:
        self.operate("retry", *self.pick(which, "('failed', 'cancelled')"))

    @happens()
    def retry_all(self) -> None:
        found = self.ledger.rows("select id from jobs where state in ('failed', 'cancelled') order by id")
        self.operate("retry", *(row.id for row in found))

    @happens(which=some)
    def run_now(self, which: list[int]) -> None:
        self.operate("run now", *self.pick(which, "('scheduled')"))

    @happens(which=some)
    def forget(self, which: list[int]) -> None:
        self.operate("forget", *self.pick(which, "('succeeded', 'failed', 'cancelled')"))

    @happens(1, which=chosen, also_running=st.booleans())
    def cancel_a_batch(self, which: int, also_running: bool) -> None:
        found = self.ledger.rows("select id from batches order by id")
        self.cancel_batches([found[which % len(found)]] if found else [], also_running=also_running)

    def cancel_batches(self, batches: list[Any], *, also_running: bool) -> None:
        for batch in batches:
            with self.ledger.transaction() as tx:
                cancel_batch(tx, batch.id, "enough", also_running=also_running)

    @happens(1, queue=st.sampled_from(QUEUES))
    def pause(self, queue: str) -> None:
        with self.ledger.transaction() as tx:
            operations.pause(tx, queue, "Nour")

    @happens(3)
    def resume(self) -> None:
        with self.ledger.transaction() as tx:
            for queue in QUEUES:
                operations.resume(tx, queue)

    @rule(what=happens.any())
    def something_happens(self, what: Callable[["GroupsMachine"], None]) -> None:
        what(self)

    # --- what must be so after each step, and in the end ---

    @invariant()
    def no_promise_is_broken(self) -> None:
        self.steps += 1
        broken = self.ledger.rows(PROMISES)
        assert not broken, broken

    def teardown(self) -> None:
        """When the trouble is over, all that is open ends by itself: nothing was lost, nothing waits for ever."""
        if sys.exc_info()[0] is not None:
            return  # a promise was broken already
        self.seen.update({row.what: row.count for row in self.ledger.rows(SEEN)})
        self.resume()
        for _ in range(len(self.ledger.rows("select id from jobs")) + 20):
            if self.ledger.count_open() == 0:
                break
            self.one_calm_round()
        left = self.ledger.rows(IN_THE_END)
        assert not left, left

    def one_calm_round(self) -> None:
        self.an_hour_passes()
        self.sweep()
        self.serve(WORKERS[0], at_most=1000)
        for attempt in self.live():
            self.play(attempt, Turn(0, "succeed"))
        self.no_promise_is_broken()
