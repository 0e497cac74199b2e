"""The relay: new facts become jobs, due jobs go to Redis, facts go to the live stream. Several may run; one leads."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import redis
import structlog

from services.worker import metrics
from services.worker.herald import herald
from shared.broadcasting import stream
from shared.clock import now
from shared.config import settings
from shared.db.engine import Connection, connect
from shared.db.sql import idempotency, rate_limits, sessions, webhooks
from shared.db.transaction import TRY_AGAIN, Transaction, transaction
from shared.events.expand import AT_ONCE, TRY_PARKED_AGAIN, Listeners, expand
from shared.jobs import lists, reaper, sql, workers_sql
from shared.jobs.hand_over import HandOver
from shared.jobs.job import REGISTRY
from shared.jobs.middleware import breaker, overlapping, rates
from shared.jobs.schedule import Schedule, Scheduler
from shared.nudge import CHANNEL

log = structlog.get_logger()

LEAD = "select pg_try_advisory_xact_lock(7482) as leads"
POLL = 0.25  # seconds between looks when no nudge comes
GATHER = 0.002  # from one turn's beginning to the next: a turn for every job would cost more than the jobs
HURRY = 0.002  # the same while a queue's window is full, doubled while it stays so: its workers do not nudge
REAP_EVERY = 0.5
TIDY_EVERY = 10.0
FORGET_EVERY = 60.0
FORGET_MORE = 1.0  # the same while there is more than a batch of it
REST = 1.0  # after a fault of our own: a crash would bring the same one back at once, and end the rest of the work too
PARKED_REST = 30  # seconds, times how often it was parked

FORGETTING = (
    *(idempotency.prune, rate_limits.prune, sessions.end_expired, sessions.prune, webhooks.prune),
    *(overlapping.prune, rates.prune, breaker.prune),
)


class Relay:
    """Turns of one transaction each; the leader's lock lives as long as a turn, so a frozen leader leads no more."""

    def __init__(self, listeners: Listeners, schedule: Schedule | None = None) -> None:
        self._listeners = listeners
        self._scheduler = Scheduler(schedule or {})
        self._leads = False
        self._redis = redis.Redis.from_url(settings().redis_url, socket_timeout=2, socket_connect_timeout=2)
        self.hand_over = HandOver({kind.queue for kind in REGISTRY.values()})
        self._herald = herald()  # None: facts go to our own streams, in the relay's turns
        self._connection: Connection | None = None
        self._reaped = self._tidied = self._forgets_at = 0.0
        self._hurry = HURRY
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        """Take turns until stopped; whatever is away, PostgreSQL or Redis, is waited for."""
        metrics.serve()
        if self._herald:
            self._herald.start()
        pubsub: Any = None
        while not self._stopped.is_set():
            try:
                if pubsub is None:
                    pubsub = self._redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # untyped there
                    pubsub.subscribe(CHANNEL)
                began = time.monotonic()
                wait = self.turn()
                self._housekeeping()
                if wait:
                    _listen(pubsub, wait)
                    self._stopped.wait(max(0.0, began + GATHER - time.monotonic()))
                    _forget_nudges(pubsub)
            except TRY_AGAIN:
                continue
            except (psycopg.Error, redis.RedisError) as error:
                log.warning("the relay waits", error=repr(error))
                pubsub = None
                self._stopped.wait(POLL)
            except Exception:
                log.exception("the relay stumbled", alert="relay_stumbled")
                self._stopped.wait(REST)
        if self._herald:
            self._herald.stop()

    def turn(self) -> float:
        """Do what is to be done now; return the seconds until the next look."""
        gone = stream.gone(self._redis)  # raises with Redis away: nothing is handed over, rows are safer than messages
        held = lists.lengths(self._redis, self.hand_over.queues)
        with transaction(self.database()) as tx:
            self._leads = tx.one(LEAD).leads
            metrics.LEADS.set(self._leads)
            if self._herald:
                self._herald.leads = self._leads
            if not self._leads:
                return POLL
            facts = expand(tx, self._listeners)
            due, full = self.hand_over.turn(tx, settings(), held)
            news = [] if self._herald else stream.unwritten(tx)
            if news and gone:
                stream.rewind(tx)
                news = stream.unwritten(tx)
        metrics.EXPANDED.inc(facts)
        if self._herald and facts:
            self._herald.wake()
        self._push(due)
        metrics.HANDED_OVER.inc(len(due))
        if news and stream.write(self._redis, news, anew=gone):
            metrics.WRITTEN.inc(len(news))
            with transaction(self.database()) as tx:
                stream.advance(tx, news[-1].position)
        more = facts == AT_ONCE or len(news) == stream.AT_ONCE
        self._hurry = HURRY if due else min(2 * self._hurry, POLL)
        return 0.0 if more else self._hurry if full else POLL

    def _push(self, due: list[Any]) -> None:
        try:
            if due:
                lists.push(self._redis, due)
        except redis.RedisError:
            self.database().execute(sql.TAKE_BACK, ([job_id for _, job_id in due],))
            raise

    def _housekeeping(self) -> None:
        at = time.monotonic()
        if self._leads:
            self._scheduler.look(self.database())
        if at - self._reaped >= REAP_EVERY:
            self._reaped = at
            metrics.LOST_LEASES.inc(reaper.reap(self.database()))
            metrics.LOST_MESSAGES.inc(reaper.sweep(self.database(), self._redis))
        if at - self._tidied >= TIDY_EVERY:
            self._tidied = at
            self.tidy()
        if at >= self._forgets_at:
            self._forgets_at = at + FORGET_EVERY
            if self.forget():
                self._forgets_at = at + FORGET_MORE

    def tidy(self) -> None:
        """Do what nobody waits for: try what was parked again, and look after the stream."""
        with transaction(self.database()) as tx:
            tx.execute(TRY_PARKED_AGAIN, (PARKED_REST,))
            tx.execute(workers_sql.FORGET_SILENT)
            since = stream.written(tx)
        if not self._herald:
            self._tidy_stream(since)

    def _tidy_stream(self, since: int) -> None:
        """Trim it, or have one written anew that is gone, a stranger's or not whole."""
        last = stream.last_written(self._redis)
        with transaction(self.database()) as tx:
            useless = stream.is_strangers(tx, last) or stream.lost_its_end(last, since)
        if useless:
            stream.delete(self._redis)
        if useless or last is None:
            with transaction(self.database()) as tx:
                stream.rewind(tx)
        else:
            stream.trim(self._redis, now())

    def forget(self) -> bool:
        """Delete a batch of each thing that has had its time; say whether there may be more."""
        more = [self._forget(prune) for prune in FORGETTING]
        return any(more)

    def _forget(self, prune: Callable[[Transaction], bool]) -> bool:
        with transaction(self.database(), durable=False) as tx:
            return prune(tx)

    def database(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(by_key=True)
        return self._connection


def _listen(pubsub: Any, wait: float) -> None:
    """Wait for a nudge."""
    pubsub.get_message(timeout=wait)


def _forget_nudges(pubsub: Any) -> None:
    """Drop those that came meanwhile: the turn that follows sees what they are for."""
    with suppress(redis.TimeoutError):
        while pubsub.get_message(timeout=0) is not None:
            pass
