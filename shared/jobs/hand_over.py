"""Hand due jobs over to Redis: the row is `queued` first, committed, and pushed only then."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.config import Settings
from shared.db.transaction import Transaction
from shared.jobs import sql, workers_sql

Place = tuple[str, int]  # a queue and a priority

LOOK_EVERY = 1.0  # seconds between looks for all that is due, wherever it is and since whenever
EVER = datetime(2000, 1, 1, tzinfo=UTC)
ROUNDS = 20  # at most in a turn
REMEMBERED = 60.0  # seconds a place is looked at after something was seen there


class HandOver:
    """Moves due jobs to `queued`, by priority, then age, as far as each queue's window in Redis has room.

    Most turns look only at known places and begin where the last one ended; once a second one looks at everything.
    """

    def __init__(self, queues: Iterable[str] = ()) -> None:
        """queues: known from the start; others are found by the next look."""
        self._always = {(queue, 0) for queue in queues}
        self._seen: dict[Place, float] = {}
        self._since: dict[Place, datetime] = {}  # where the next turn begins: the last one did not get to the end
        self._threads: dict[str, int] = {}
        self._looks_at = 0.0

    @property
    def queues(self) -> set[str]:
        return {queue for queue, _ in self._places()}

    def turn(self, tx: Transaction, settings: Settings, held: Mapping[str, int]) -> tuple[list[tuple[str, UUID]], bool]:
        """Return the (queue, id) pairs to push once this transaction is committed, and whether a window was filled.

        held: how many messages Redis holds for each queue. What it does not hold it cannot lose.
        """
        if time.monotonic() >= self._looks_at:
            self._look(tx)
        rooms = {queue: self._window(queue, settings) - held.get(queue, 0) for queue in self.queues}
        wanted = sorted(place for place in self._places() if rooms[place[0]] > 0)
        due = self._due(tx, wanted, rooms) if wanted else []
        taken = Counter(job.queue for job in due)
        full = {queue for queue, room in rooms.items() if taken[queue] >= max(room, 0)}
        self._remember(wanted, due, full)
        return [(job.queue, job.id) for job in due], bool(full)

    def look(self) -> None:
        """Let the next turn look at everything."""
        self._looks_at = 0.0

    def _look(self, tx: Transaction) -> None:
        now = time.monotonic()
        self._looks_at = now + LOOK_EVERY
        self._seen = {place: at for place, at in self._seen.items() if at > now - REMEMBERED}
        self._seen.update((tuple(place), now) for place in tx.all(sql.WAITING))
        self._threads = dict(tx.all(workers_sql.THREADS))
        self._since = dict.fromkeys(self._places(), EVER)

    def _places(self) -> set[Place]:
        return self._always | self._seen.keys()

    def _window(self, queue: str, settings: Settings) -> int:
        return max(settings.hand_over_at_least, settings.hand_over_per_thread * self._threads.get(queue, 0))

    def _due(self, tx: Transaction, places: list[Place], rooms: Mapping[str, int]) -> list[Any]:
        """Hand over; go on while jobs are put aside, so that those behind them get their turn too."""
        room, due = Counter(rooms), []
        for _ in range(ROUNDS):
            moved = tx.all(sql.HAND_OVER, self._parameters([place for place in places if room[place[0]] > 0], room))
            handed = [job for job in moved if job.goes]
            due += handed
            if len(handed) == len(moved):
                break
            room.subtract(job.queue for job in handed)
        return sorted(due, key=lambda job: (job.priority, job.available_at, job.id))

    def _parameters(self, places: list[Place], rooms: Mapping[str, int]) -> dict[str, Any]:
        return {
            "queues": [queue for queue, _ in places],
            "priorities": [priority for _, priority in places],
            "rooms": [rooms[queue] for queue, _ in places],
            "since": [self._since.get(place) for place in places],
        }

    def _remember(self, looked_at: Iterable[Place], due: Iterable[Any], full: set[str]) -> None:
        """Where a queue was not emptied, go on from the last one taken."""
        last = {(job.queue, job.priority): job.available_at for job in due}
        for place in looked_at:
            if place[0] not in full:
                self._since.pop(place, None)
            elif place in last:
                self._since[place] = last[place]


def hand_over(tx: Transaction, settings: Settings) -> list[tuple[str, UUID]]:
    """Take one turn that looks at everything, beside an empty Redis; see `HandOver.turn`."""
    due, _ = HandOver().turn(tx, settings, {})
    return due
