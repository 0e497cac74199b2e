"""The demo's load: one thread that orders over HTTP like any customer, at a pace, for a while, and then ends."""

import itertools
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import httpx
import structlog

from services.api import tokens
from services.api.database import Database
from shared.clock import now
from shared.config import settings
from shared.db.sql import sessions
from shared.ids import new_id

PATIENCE = 10.0  # seconds for one order
EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared with, not bound

log = structlog.get_logger()


@dataclass(slots=True)
class Running:
    """A load, while it runs and when it has ended. Its thread adds, others only look."""

    per_second: int
    seconds: int
    buyer: UUID
    session_id: UUID
    products: list[UUID]
    started_at: datetime | None = field(default_factory=now)
    running: bool = True
    failed: int = 0
    orders: list[UUID] = field(default_factory=list)
    took: list[float] = field(default_factory=list)

    @property
    def answered(self) -> dict[str, float] | None:
        """Return the percentiles of what an answer took."""
        took = sorted(self.took)
        return {f"p{part}": took[len(took) * part // 100] for part in (50, 95, 99)} if took else None


NONE = Running(0, 0, UUID(int=0), UUID(int=0), [], started_at=None, running=False)


class Load:
    """One at a time in a process; with the process it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._last = NONE

    @property
    def running(self) -> bool:
        return self._last.running

    def state(self) -> Running:
        return self._last

    def start(self, wanted: Running, database: Database) -> bool:
        """Say whether it was started: not while another runs."""
        with self._lock:
            if self._last.running:
                return False
            self._last, self._over = wanted, threading.Event()
        threading.Thread(target=_run, args=(wanted, self._over, database), name="load", daemon=True).start()
        return True

    def stop(self) -> None:
        self._over.set()


load = Load()


def _run(this: Running, over: threading.Event, database: Database) -> None:
    try:
        _order_at_a_pace(this, over)
        with database.transaction() as tx:
            sessions.revoke(tx, this.session_id)
    except Exception:
        log.exception("the load stumbled")
    finally:
        this.running = False


def _order_at_a_pace(this: Running, over: threading.Event) -> None:
    """Order at the beats of a clock; a beat that comes while an order is still being answered is left out."""
    here = settings()
    host = "127.0.0.1" if here.bind_host == EVERYWHERE else here.bind_host
    headers = {"Authorization": f"Bearer {tokens.issue(this.buyer, this.session_id, 'customer')}"}
    began, products = time.monotonic(), itertools.cycle(this.products)
    with httpx.Client(
        base_url=f"http://{host}:{here.api_port}", headers=headers, timeout=PATIENCE, trust_env=False
    ) as client:
        for beat in range(this.per_second * this.seconds):
            late = time.monotonic() - began - beat / this.per_second
            if over.wait(max(-late, 0)):
                return
            if late < 1 / this.per_second:
                _order(this, client, next(products))


def _order(this: Running, client: httpx.Client, product: UUID) -> None:
    wanted = {"items": [{"product_id": str(product), "quantity": 1}], "payment_method": "pm_card_visa"}
    asked = time.monotonic()
    try:
        answer = client.post("/orders", json=wanted, headers={"Idempotency-Key": f"load-{new_id()}"})
    except httpx.HTTPError:
        this.failed += 1
        return
    if answer.status_code != 202:
        this.failed += 1
        return
    this.took.append(time.monotonic() - asked)
    this.orders.append(UUID(answer.json()["id"]))
