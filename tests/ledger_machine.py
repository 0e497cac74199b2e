"""Everything that can happen to the ledger as rules, tried in any order, with a model beside it."""

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.config import settings
from shared.jobs import lists, reaper, sql
from shared.jobs.chain import Chain
from shared.jobs.claim import claim, take_back, unclaimed
from shared.jobs.hand_over import hand_over
from shared.jobs.heartbeat import Heartbeat
from shared.jobs.running import Claimed
from tests.ledger import Ledger
from tests.ledger_breaches import BREACHES
from tests.ledger_happenings import Happenings
from tests.ledger_machine_jobs import ACTS, KINDS, LINKS, QUEUE, script, work_alone
from tests.ledger_model import Model, ModelJob

WORKERS = ("fast-0", "fast-1")

LEDGER = """
select id, chain_id, name, args ->> 0 as what, state, attempt, failures, lost, deferrals from jobs
order by chain_id, link
"""
LOSE_LEASE = "update jobs set lease_until = clock_timestamp() - interval '1 ms' where id = %s and state = 'running'"

chosen = st.integers(0, 9999)

happens = Happenings()


class LedgerMachine(RuleBasedStateMachine):
    """One example: a shop's jobs, from an empty ledger until nothing is open any more."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger, self.model = ledger, Model()
        self.steps = self._names = 0
        self.seen: Counter[str] = Counter()  # what this example came to
        script.act, script.between = "succeed", None
        ledger.connection.execute("truncate jobs, chains, job_attempts, ran, paused_queues")
        ledger.redis.flushdb()

    def next_name(self) -> str:
        self._names += 1
        return f"desk {self._names}"

    # --- dispatch ---

    @happens(1, kind=st.sampled_from(sorted(KINDS)), delayed=st.booleans(), priority=st.integers(-1, 1))
    def dispatch(self, kind: str, delayed: bool, priority: int) -> None:
        what = self.next_name()
        delay = 3600 if delayed else 0
        job_id = self.ledger.dispatch(KINDS[kind], what, delay=delay, priority=priority)
        self.model.add(job_id, kind, what, delayed=delayed)

    @happens(9, links=st.lists(st.sampled_from(sorted(LINKS)), min_size=2, max_size=4))
    def dispatch_chain(self, links: list[str]) -> None:
        what = self.next_name()
        pairs = [LINKS[link] for link in links]
        message = Chain("craft", tuple(pairs)).message(what)
        with self.ledger.transaction() as tx:
            message.dispatch(tx)
        self.model.add_chain([step.message.id for step in message.steps], pairs, what)

    @happens(what=st.sampled_from(("walnut", "oak")))
    def dispatch_unique(self, what: str) -> None:
        with self.ledger.transaction() as tx:
            job_id = work_alone.dispatch(tx, what)
        is_open = any(job.open and (job.name, job.what) == ("work_alone", what) for job in self.model.jobs.values())
        assert (job_id is None) == is_open
        if job_id is not None:
            self.model.add(job_id, "work_alone", what)

    @happens(kind=st.sampled_from(sorted(KINDS)))
    def roll_back_a_dispatch(self, kind: str) -> None:
        with suppress(KeyError), self.ledger.transaction() as tx:
            KINDS[kind].dispatch(tx, "never")
            raise KeyError("the lights went out")

    # --- the relay, and Redis ---

    @happens(crash=st.sampled_from((False, False, False, True)))
    def hand_over(self, crash: bool) -> None:
        """Commit, then push; a relay that crashes in between does not push."""
        with self.ledger.transaction() as tx:
            due = hand_over(tx, settings())
        expected = self.model.due()
        assert {job_id for _, job_id in due} == {job.id for job in expected}
        for job in expected:
            job.state = "queued"
        if not crash and due:
            lists.push(self.ledger.redis, due)
            self.model.in_redis.update(job_id for _, job_id in due)

    @happens(which=chosen)
    def deliver_again(self, which: int) -> None:
        if not self.model.jobs:
            return
        job_id = list(self.model.jobs)[which % len(self.model.jobs)]
        lists.push(self.ledger.redis, [(QUEUE, job_id)])
        self.model.in_redis[job_id] += 1

    @happens()
    def wipe(self) -> None:
        self.ledger.redis.flushdb()
        self.model.in_redis.clear()

    @happens()
    def sweep(self) -> None:
        missing = self.model.missing_in_redis()
        assert self.ledger.sweep() == len(missing)
        for job in missing:
            job.state = "scheduled"

    @happens(worker=st.sampled_from(WORKERS))
    def pause_for_a_moment(self, worker: str) -> None:
        """A paused queue neither hands over nor starts anything; what was on its way goes back."""
        self.model.paused = True
        self.ledger.connection.execute("insert into paused_queues (queue, paused_by) values ('machine', 'Nour')")
        self.serve(worker, at_most=3)
        self.the_ledger_says_what_the_model_says()
        self.model.paused = False
        self.ledger.connection.execute("delete from paused_queues")

    @happens()
    def an_hour_passes(self) -> None:
        self.ledger.connection.execute("update jobs set available_at = clock_timestamp() where state = 'scheduled'")
        for job in self.model.jobs.values():
            job.delayed = False

    # --- workers ---

    @happens(at_most=st.integers(1, 8))
    def pop(self, at_most: int) -> None:
        if not self.model.in_redis.total():
            return
        ids = lists.pop(self.ledger.redis, [QUEUE], at_most, 1)
        assert Counter(ids) <= self.model.in_redis
        self.model.in_redis -= Counter(ids)
        self.model.popped += ids

    @happens()
    def die_before_the_claim(self) -> None:
        self.model.popped.clear()

    @happens(worker=st.sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        """Take what was popped, as `LedgerConsumer` does; what lost a lease alone; what is paused goes back."""
        popped, self.model.popped = self.model.popped, []
        connection = self.ledger.connection
        claimed = claim(connection, worker, popped)
        suspects, paused = unclaimed(connection, [i for i in popped if i not in {one.id for one in claimed}])
        claimed += [one for i in suspects for one in claim(connection, worker, [i], alone=True)]
        take_back(connection, paused)
        expected = {i: self.model.jobs[i] for i in popped if self.model.jobs[i].state == "queued"}
        for job in expected.values() if self.model.paused else ():
            job.state = "scheduled"
        for job in () if self.model.paused else expected.values():
            self.model.claim(job, worker)
        assert {(one.id, one.attempt) for one in claimed} == {
            (job.id, job.attempt) for job in expected.values() if not self.model.paused
        }
        self.model.attempts += sorted(claimed, key=lambda one: self.model.jobs[one.id].place)

    @happens(8, worker=st.sampled_from(WORKERS), at_most=st.integers(1, 12))
    def serve(self, worker: str, at_most: int) -> None:
        """Bring some jobs all the way to a worker."""
        self.hand_over(crash=False)
        self.pop(at_most)
        self.claim(worker)

    @happens(12, turns=st.lists(st.tuples(chosen, st.sampled_from(ACTS), st.booleans()), min_size=1, max_size=6))
    def run(self, turns: list[tuple[int, str, bool]]) -> None:
        for which, act, lose in turns:
            if live := self.model.live():
                self.play(live[which % len(live)], act, lose=lose)

    @happens(2, which=chosen, act=st.sampled_from(ACTS))
    def run_whatever_became_of_it(self, which: int, act: str) -> None:
        """A worker that was frozen wakes up, perhaps long after its job had ended."""
        if self.model.attempts:
            self.play(self.model.attempts[which % len(self.model.attempts)], act, lose=False)

    def play(self, attempt: Claimed, act: str, *, lose: bool) -> None:
        holds, job = self.model.holds(attempt), self.model.jobs[attempt.id]
        in_two = job.name == "work_in_two"
        script.act, script.between = act, (lambda: self.lose_lease(job)) if lose and in_two else None
        if holds and in_two:
            self.model.write(job, f"begin {job.what}")
        self.ledger.run(attempt)
        if holds and script.between is None:
            self.model.end(job, act)

    def lose_lease(self, job: ModelJob) -> None:
        self.ledger.connection.execute(LOSE_LEASE, (job.id,))
        assert self.ledger.reap() == 1
        self.model.lose(job)

    @happens(3, which=chosen)
    def lose_a_lease(self, which: int) -> None:
        if live := self.model.live():
            self.lose_lease(self.model.jobs[live[which % len(live)].id])

    @happens(worker=st.sampled_from(WORKERS))
    def restart_a_killed_unit(self, worker: str) -> None:
        held = [job for job in self.model.of_state("running") if job.worker == worker]
        assert reaper.reap_workers(self.ledger.connection, [worker]) == len(held)
        for job in held:
            self.model.lose(job)

    @happens(worker=st.sampled_from(WORKERS))
    def stop_a_unit(self, worker: str) -> None:
        """SIGTERM, and the deadline is over: it gives back what it holds."""
        held = [job for job in self.model.of_state("running") if job.worker == worker]
        why = {"worker": worker, "ids": [job.id for job in held], "error": "its worker was stopped"}
        self.ledger.connection.execute(sql.GIVE_BACK, why)
        for job in held:
            job.state = "scheduled"

    @happens(worker=st.sampled_from(WORKERS))
    def beat(self, worker: str) -> None:
        """A unit extends all it ever held, also what it lost."""
        heartbeat = Heartbeat(worker)
        for attempt in self.model.attempts:
            heartbeat.hold(attempt)
        heartbeat.beat(self.ledger.connection)

    @rule(what=happens.any())
    def something_happens(self, what: Callable[["LedgerMachine"], None]) -> None:
        what(self)

    # --- what must be so after each step ---

    @invariant()
    def the_ledger_says_what_the_model_says(self) -> None:
        self.steps += 1
        rows = self.ledger.rows(LEDGER)
        known = self.model.jobs
        self.model.born([row[:5] for row in rows if row.id not in known])
        assert {row.id: tuple(row[4:]) for row in rows} == {job.id: job.counters for job in known.values()}
        effects: list[Any] = self.ledger.rows("select job, what from ran order by id")
        assert [tuple(effect) for effect in effects] == self.model.effects

    @invariant()
    def no_promise_is_broken(self) -> None:
        assert self.ledger.rows(BREACHES) == []

    # --- and in the end ---

    def teardown(self) -> None:
        """When the trouble is over, all that is open ends by itself: nothing was lost."""
        if sys.exc_info()[0] is not None:
            return  # a promise was broken already
        self.seen.update(self.model.seen)  # before the calm end
        self.an_hour_passes()
        for _ in range(len(self.model.jobs) + 20):
            if not any(job.open for job in self.model.jobs.values()):
                break
            self.one_calm_round()
        assert self.ledger.count_open() == 0

    def one_calm_round(self) -> None:
        self.hand_over(crash=False)
        self.sweep()
        self.pop(at_most=self.model.in_redis.total())
        self.claim(worker="fast-0")
        for attempt in self.model.live():
            self.play(attempt, "succeed", lose=False)
        self.the_ledger_says_what_the_model_says()
        self.no_promise_is_broken()
