"""The statements of `POST /orders` by psycopg alone, in one process: what the API is measured against.

`python -m benchmarks.plain THREADS SECONDS`, the order on stdin; prints how many and the CPU seconds, as JSON.
"""

import json
import sys
import threading
import time
from typing import Any
from uuid import UUID

import psycopg

from shared.db.engine import connect
from shared.db.sql import idempotency, placing, sessions
from shared.events.record import RECORD
from shared.ids import new_id


class Placing(threading.Thread):
    """Places the same order again and again; every parameter but ids and keys is made before."""

    def __init__(self, order: dict[str, Any], until: float) -> None:
        super().__init__()
        self._order, self._until = order, until
        self._connection = connect()
        self.placed = 0

    def run(self) -> None:
        while time.perf_counter() < self._until:
            with self._connection.pipeline() as pipeline:
                self._place(pipeline)
            self.placed += 1

    def _place(self, pipeline: psycopg.Pipeline) -> None:
        """Make the same two trips as the API: ask, then write and commit."""
        order, run = self._order, self._connection.execute
        user, key, products = UUID(order["user"]), new_id().hex, [UUID(line["product_id"]) for line in order["lines"]]
        run("begin")
        who = run(sessions.WHO, (UUID(order["session"]),))
        won = run(idempotency.WIN_AND_NUMBER, (user, key, "0" * 64))
        found = run(placing.PRODUCTS, (products,))
        pipeline.sync()
        number, placed_at = won.fetchone() or (0, None)
        assert who.fetchone()
        assert len(found.fetchall()) == len(products)
        order_id = new_id()
        row = {"id": order_id, "number": number, "user_id": user, "status": "placed", "total": 1, "currency": "EGP"}
        row |= {"payment_method": "pm_card_visa", "version": 1, "placed_at": placed_at, "lines": order["written"]}
        run(placing.WRITE, row)
        fact = (new_id(), "OrderPlaced", 1, "order", order_id, 1, order["payload"], None, None, None)
        run(RECORD, fact)
        run(idempotency.KEEP, (order["answer"], user, key))
        run("commit")


def main(threads: str, seconds: str) -> None:
    order = json.loads(sys.stdin.read())
    placers = [Placing(order, time.perf_counter() + float(seconds)) for _ in range(int(threads))]
    began = time.process_time()
    for placer in placers:
        placer.start()
    for placer in placers:
        placer.join()
    print(json.dumps({"placed": sum(placer.placed for placer in placers), "cpu": time.process_time() - began}))


if __name__ == "__main__":
    main(*sys.argv[1:])
