"""From a committed fact to who listens, by relay, Redis and a realtime node, at half of what can be drained."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.sync.client import ClientConnection, connect

from benchmarks.drain import addresses, drained, workers
from benchmarks.figures import Figure, percentile
from benchmarks.ground import Ground, free_port, listens, wait_until
from benchmarks.latency import wait_for_units
from benchmarks.shop import Shop
from shared.broadcasting.signatures import sign_channel
from shared.config import settings
from shared.nudge import nudge

MEASURED = 200  # orders to find out how much can be drained
LOADED = 20.0  # seconds
CHANNEL = "private-orders"  # the operators hear of every order
PLACED = "App\\Events\\OrderPlaced"

RECORDED = "select position, extract(epoch from occurred_at)::float8 as at from events where position = any(%s)"


def run(ground: Ground) -> Iterator[Figure]:
    full, _ = drained(ground, MEASURED, everything=True)
    with (
        ground.living(realtime_port=free_port(), **addresses()) as connection,
        workers(ground, everything=True) as crew,
    ):
        crew.start("realtime", ["services.realtime"])
        wait_until(crew, lambda: listens(settings().realtime_port))
        shop = Shop(connection)
        wait_for_units(connection, crew)
        with listening() as heard:
            committed = placed(shop, full / 2)
            wait_until(crew, lambda: heard.orders.keys() >= committed.keys())
            crew.check()
        took = [heard.orders[order] - at for order, at in committed.items()]
        recorded = connection.execute(RECORDED, (list(heard.facts),)).fetchall()
    every = [heard.facts[row.position] - row.at for row in recorded]
    yield Figure("load: half of the drained orders", len(committed) / LOADED, "orders/s", note="everything on")
    yield Figure("OrderPlaced: committed → client, p50", percentile(took, 0.5) * 1000, "ms")
    yield Figure("OrderPlaced: committed → client, p99", percentile(took, 0.99) * 1000, "ms")
    note = f"{len(every):,} facts; the time is taken before the commit"
    yield Figure("every fact of an order: recorded → client, p50", percentile(every, 0.5) * 1000, "ms", note=note)
    yield Figure("every fact of an order: recorded → client, p99", percentile(every, 0.99) * 1000, "ms")


def placed(shop: Shop, rate: float) -> dict[str, float]:
    """Place orders at that rate for a while, and return when each was committed."""
    committed: dict[str, float] = {}
    began = time.monotonic()
    while (passed := time.monotonic() - began) < LOADED:
        if len(committed) < passed * rate:
            (order,) = shop.place(1)
            committed[str(order)] = time.time()
            nudge()
        else:
            time.sleep(0.001)
    return committed


class Heard:
    """When each placed order, and each fact, came to the client; filled by a thread of its own."""

    def __init__(self, client: ClientConnection) -> None:
        self.orders: dict[str, float] = {}
        self.facts: dict[int, float] = {}
        self._client = client

    def listen(self) -> None:
        for text in self._client:
            at = time.time()
            frame = json.loads(text)
            if not frame["event"].startswith("App\\"):
                continue
            data = json.loads(frame["data"])
            self.facts[data["event_id"]] = at
            if frame["event"] == PLACED:
                self.orders[data["order"]["id"]] = at


@contextmanager
def listening() -> Iterator[Heard]:
    """Subscribe as an operator's page does, and listen."""
    key, secret = settings().pusher_app_key, settings().pusher_app_secret.get_secret_value()
    url = f"ws://127.0.0.1:{settings().realtime_port}/app/{key}?protocol=7"
    with connect(url, compression=None, proxy=None) as client:
        socket_id = json.loads(json.loads(client.recv())["data"])["socket_id"]
        auth = f"{key}:{sign_channel(secret, socket_id, CHANNEL)}"
        client.send(json.dumps({"event": "pusher:subscribe", "data": {"channel": CHANNEL, "auth": auth}}))
        assert "subscription_succeeded" in str(client.recv())
        heard = Heard(client)
        thread = threading.Thread(target=heard.listen, daemon=True)
        thread.start()
        yield heard
    thread.join()
