"""Batches, serial and unique keys and operators: all that can happen, in any order, with hardly a model beside it.

`tests/ledger_machine.py` knows what each row should be. Here the rows themselves are asked what was promised.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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
from tests.ledger_groups_machine_jobs import ACTS, KEYS, QUEUES, UNIQUE, script
from tests.ledger_happenings import Happenings
from tests.ledger_promises import FORGET_HISTORY, HISTORY, IN_THE_END, PROMISES

WORKERS = ("fast-0", "fast-1")
ROOMS = (1, 3, 1000, 1000)

LIVE = "select id, attempt from jobs where state = 'running' order by id"
LOSE_LEASE = "update jobs set lease_until = clock_timestamp() - interval '1 ms' where id = %s"
IS_DOUBLE = """
select 1 from jobs where unique_key = %s and state in ('blocked', 'scheduled', 'queued', 'running')
"""
AN_HOUR_PASSES = f"""
update jobs set available_at = clock_timestamp() where state = 'scheduled' and available_at < {sql.ASIDE}
"""
# What comes back in a second comes back in an hour, so that an example does not depend on how fast it runs.
TAKE_YOUR_TIME = """
update jobs set available_at = available_at + interval '1 hour'
where name = 'end_cancelled_batch' and state = 'scheduled' and available_at > clock_timestamp()
"""
# What ends a cancelled batch waits for an operator when it was lost too often: here it is not.
SPARE = "update jobs set lost = 0 where name in ('end_cancelled_batch', 'undo_cancelled_chain') and lost > 0"
SEEN = """
select outcome as what, count(*) from job_attempts group by 1
union all
select was || ' to ' || became, count(*) from moved group by 1
union all
select case when j.id = b.then_id then 'then' when j.id = b.catch_id then 'catch' else 'finally' end, count(*)
from batches b join jobs j on j.id in (b.then_id, b.catch_id, b.finally_id) where j.attempt > 0 group by 1
union all
select 'chain undone', count(*) from chains where undone_at is not null
union all
select 'put aside', count(*) from jobs where reason = 'waits for its turn'
union all
select 'batch as a link', count(*) from batches where next_id is not null and finished_at is not null
union all
select 'batch in a batch', count(*) from batches b join jobs j on j.id = b.next_id and j.batch_id is not null
where b.finished_at is not null
"""

chosen = st.integers(0, 9999)
some = st.lists(chosen, min_size=1, max_size=3)
happens = Happenings()


@dataclass(frozen=True)
class Turn:
    """What an attempt does, and what befalls it meanwhile."""

    which: int
    act: str
    between: str | None = None
    more: tuple[Any, ...] = ()


turns = st.one_of(
    *[st.builds(Turn, which=chosen, act=st.sampled_from(ACTS))] * 6,
    st.builds(Turn, which=chosen, act=st.sampled_from(ACTS), between=st.sampled_from(("lose", "cancel", "retry"))),
    st.builds(Turn, which=chosen, act=st.just("add"), more=st.lists(shapes.members, min_size=1, max_size=2).map(tuple)),
)


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

    @happens(14, worker=st.sampled_from(WORKERS), at_most=st.integers(1, 8))
    def serve(self, worker: str, at_most: int) -> None:
        """Bring some jobs of each queue all the way to a worker."""
        self.hand_over(crash=False)
        for queue, length in lists.lengths(self.ledger.redis, QUEUES).items():
            if length:
                self.popped += lists.pop(self.ledger.redis, [queue], at_most, 1)
        self.claim(worker)

    def live(self) -> list[Claimed]:
        running = {tuple(row) for row in self.ledger.rows(LIVE)}
        return [attempt for attempt in self.attempts if (attempt.id, attempt.attempt) in running]

    @happens(16, turns=st.lists(turns, min_size=2, max_size=8))
    def run(self, turns: list[Turn]) -> None:
        for turn in turns:
            if live := self.live():
                self.play(live[turn.which % len(live)], turn)

    @happens(1, turn=turns)
    def run_whatever_became_of_it(self, turn: Turn) -> None:
        """A worker that was frozen wakes up, perhaps long after its job had ended."""
        if self.attempts:
            self.play(self.attempts[turn.which % len(self.attempts)], turn)

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

    @happens(which=some)
    def run_now(self, which: list[int]) -> None:
        self.operate("run now", *self.pick(which, "('scheduled')"))

    @happens(which=some)
    def forget(self, which: list[int]) -> None:
        self.operate("forget", *self.pick(which, "('succeeded', 'failed', 'cancelled')"))

    @happens(1, which=chosen, also_running=st.booleans())
    def cancel_a_batch(self, which: int, also_running: bool) -> None:
        if found := self.ledger.rows("select id from batches order by id"):
            with self.ledger.transaction() as tx:
                cancel_batch(tx, found[which % len(found)].id, "enough", also_running=also_running)

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
