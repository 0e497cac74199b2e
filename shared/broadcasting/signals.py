"""What is worth hearing at once and not worth keeping: how far a video is, which job ended, how much is left.

`send(JobChanged(…))` and `stock_changed(ids)` cost their caller nothing and never fail: a thread gathers, the latest of
each kind of thing wins, and all is said several times a second.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Literal
from uuid import UUID

import psycopg
import structlog
from pydantic import BaseModel, ConfigDict

from shared.broadcasting import keys
from shared.broadcasting.publish import Broadcaster, Refused, Unreachable, broadcaster
from shared.broadcasting.said import Said
from shared.db.engine import close_thread_connection, thread_connection
from shared.db.sql import products
from shared.events.event import private

log = structlog.get_logger()

EVERY = 0.2  # seconds from one time that all is said to the next
REST_AFTER_FAILURE = 1.0
MOST = 50  # things said at once; beyond that only what went wrong is told, and pages ask for the rest


class Signal(BaseModel):
    """Something said and not kept. `key`: of several with the same, the latest is said."""

    model_config = ConfigDict(frozen=True)

    @property
    def key(self) -> str:
        raise NotImplementedError

    @property
    def urgent(self) -> bool:
        """Whether it is said however much there is to say."""
        return False

    def broadcast_on(self) -> Sequence[str]:
        raise NotImplementedError

    @classmethod
    def broadcast_as(cls) -> str:
        return keys.wire_event(cls.__name__)


class JobChanged(Signal):
    """An attempt ended. The error is not told: customers hear this too."""

    id: UUID
    name: str
    queue: str
    attempt: int
    state: Literal["succeeded", "retrying", "failed"]
    about: UUID | None  # the order, or the video

    @property
    def key(self) -> str:
        return f"job {self.id}"

    @property
    def urgent(self) -> bool:
        return self.state != "succeeded"

    def broadcast_on(self) -> Sequence[str]:
        # A job knows an id, and not whose: no two things share one, so that on one of the channels nobody listens.
        about = (private(f"orders.{self.about}"), private(f"videos.{self.about}")) if self.about else ()
        return (private("queues"), *about)


class StockChanged(Signal):
    """So many pieces can be ordered now; everybody hears it."""

    product_id: UUID
    available: int

    @property
    def key(self) -> str:
        return f"stock {self.product_id}"

    def broadcast_on(self) -> Sequence[str]:
        return ("products",)


class VideoProgressed(Signal):
    """So far is the work on a video."""

    video_id: UUID
    user_id: UUID
    percent: int

    @property
    def key(self) -> str:
        return f"video {self.video_id}"

    def broadcast_on(self) -> Sequence[str]:
        return (private(f"videos.{self.video_id}"), private(f"user.{self.user_id}"))


SIGNALS: tuple[type[Signal], ...] = (VideoProgressed, JobChanged, StockChanged)


class Signaller:
    """The thread of a process that says what was gathered."""

    def __init__(self, to: Callable[[], Broadcaster] = broadcaster) -> None:
        self._make = to
        self._to: Broadcaster | None = None
        self._latest: dict[str, Signal] = {}
        self._products: set[UUID] = set()
        self._left_out = 0
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="signaller", daemon=True).start()

    def send(self, signal: Signal) -> None:
        with self._lock:
            if len(self._latest) >= MOST and not signal.urgent and signal.key not in self._latest:
                self._left_out += 1
                return
            self._latest[signal.key] = signal
        self._wanted.set()

    def stock_changed(self, product_ids: Collection[UUID]) -> None:
        with self._lock:
            self._products.update(product_ids)
        self._wanted.set()

    def stop(self) -> None:
        self._ended.set()
        self._wanted.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._say_all()
                self._ended.wait(EVERY)
            except (Unreachable, Refused, psycopg.Error) as error:
                log.warning("signals got lost", error=repr(error))
                self._ended.wait(REST_AFTER_FAILURE)
            except Exception:
                log.exception("the signaller stumbled", alert="signaller_stumbled")
                self._ended.wait(REST_AFTER_FAILURE)
        close_thread_connection()

    def _say_all(self) -> None:
        with self._lock:
            signals, self._latest = list(self._latest.values()), {}
            changed, self._products = self._products, set()
            left_out, self._left_out = self._left_out, 0
        if left_out:
            log.info("more signals than are said", left_out=left_out)
        try:
            self._say([*signals, *(_stock(changed) if changed else ())])
        except (Unreachable, psycopg.Error):
            self.stock_changed(changed)  # the number of then is still worth telling
            raise

    def _say(self, signals: Sequence[Signal]) -> None:
        self._to = self._to or self._make()
        self._to.say([_said(signal) for signal in signals])


def _stock(changed: Collection[UUID]) -> list[StockChanged]:
    """Ask once for all that was sold meanwhile, instead of each job for its own."""
    rows = thread_connection().execute(products.AVAILABLE, (list(changed),)).fetchall()
    return [StockChanged(product_id=row.id, available=row.available) for row in rows]


def _said(signal: Signal) -> Said:
    return Said(signal.broadcast_as(), signal.broadcast_on(), signal.model_dump_json())


_signaller: Signaller | None = None
_making = threading.Lock()


def send(signal: Signal) -> None:
    """Say it soon; returns at once, whatever is away."""
    _of_process().send(signal)


def stock_changed(product_ids: Collection[UUID]) -> None:
    """Tell how much is left of these, after the commit that changed it; returns at once."""
    _of_process().stock_changed(product_ids)


def _of_process() -> Signaller:
    global _signaller  # noqa: PLW0603 - one thread for each process, made when first wanted
    if _signaller is None:
        with _making:
            _signaller = _signaller or Signaller()
    return _signaller
