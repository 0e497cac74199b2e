"""Tell the relay that there is something to do; only haste, so it may get lost and never costs its caller anything."""

import threading
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.config import settings

CHANNEL = "taboor:nudge"
PATIENCE = 0.05  # seconds
REST_AFTER_FAILURE = 1.0  # while Redis is down the relay polls anyway
GATHER = 0.005  # seconds of rest after a nudge, which is sent at once; those that come meanwhile are one


class Nudger:
    """A thread that publishes nudges, so that a stopped Redis never makes a request wait."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
        )
        self._wanted = threading.Event()
        threading.Thread(target=self._run, name="nudger", daemon=True).start()

    def nudge(self) -> None:
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._redis.publish(CHANNEL, b"")
                time.sleep(GATHER)
            except redis.RedisError:
                time.sleep(REST_AFTER_FAILURE)  # the relay's own polling finds what this nudge was for


_nudger: Nudger | None = None
_making = threading.Lock()


def nudge() -> None:
    """Wake the relay, after a commit; returns at once."""
    global _nudger  # noqa: PLW0603 - one thread for each process, made when first wanted
    if _nudger is None:
        with _making:
            _nudger = _nudger or Nudger(settings().redis_url)
    _nudger.nudge()
