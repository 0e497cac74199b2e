"""Tell facts to a broadcast connection that is not our own: in a thread, so that the relay never waits for it.

Each fact is told at least once: a herald that dies in between tells the last ones again, with the same `event_id`.
"""

import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import structlog

from services.worker import metrics
from shared.broadcasting import stream
from shared.broadcasting.publish import Broadcaster, Refused, Unreachable, broadcaster
from shared.config import settings
from shared.db.engine import Connection, connect
from shared.db.transaction import transaction

log = structlog.get_logger()

POLL = 0.25  # seconds between looks when nobody wakes it
REST = 1.0  # after a failure; doubled up to the longest while it stays so
LONGEST_REST = 30.0


class Herald:
    """Of several relays' heralds only the leader's tells: see `leads`."""

    def __init__(self, to: Broadcaster) -> None:
        self.leads = False
        self._to = to
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        self._rest = REST
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="herald", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, when what it is telling is told or given up."""
        self._stopped.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wanted.wait(POLL)
            self._wanted.clear()
            try:
                if self.leads:
                    self.tell_all()
                self._rest = REST
            except (Unreachable, psycopg.Error) as error:
                log.warning("facts wait to be told", error=repr(error), seconds=self._rest)
                self._take_a_rest()
            except Exception:
                log.exception("the herald stumbled", alert="herald_stumbled")
                self._take_a_rest()

    def _take_a_rest(self) -> None:
        self._stopped.wait(self._rest)
        self._rest = min(2 * self._rest, LONGEST_REST)

    def tell_all(self) -> None:
        """Tell what is not told yet, in order; raise Unreachable where that has to wait."""
        while not self._stopped.is_set():
            with transaction(self._database()) as tx:
                facts = stream.unwritten(tx)
            if not facts:
                return
            self._tell(facts)

    def _tell(self, facts: Sequence[Any]) -> None:
        """No transaction is open meanwhile. How far it got is noted in any case."""
        told = facts[0].since
        try:
            for fact in facts:
                self._tell_one(fact)
                told = fact.position
                metrics.WRITTEN.inc()
                if self._stopped.is_set():
                    return
        finally:
            with transaction(self._database()) as tx:
                stream.advance(tx, told)

    def _tell_one(self, fact: Any) -> None:
        said = stream.said_of(fact)
        try:
            if said.channels:
                self._to.say([said])
        except Refused as refused:  # the others are not to wait for one that can never be told
            what = {"fact": fact.name, "position": fact.position, "error": str(refused)}
            log.error("a fact was not told", alert="broadcast_refused", **what)  # noqa: TRY400 - says all

    def _database(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(by_key=True)
        return self._connection


def herald() -> Herald | None:
    """Return the herald that the settings want; None where facts go to our own streams."""
    return None if settings().broadcast_connection == "taboor" else Herald(broadcaster())
