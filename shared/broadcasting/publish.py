"""Where things are heard: the lecture's `broadcasting.php` as a table of connections, one for `BROADCAST_CONNECTION`.

Facts on the connection `taboor` are the relay's, which writes them where they can be replayed: see stream.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import pusher.pusher_client
import redis
import requests
import structlog
from pusher.errors import PusherBadRequest, PusherError
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.broadcasting import keys
from shared.broadcasting.said import Said
from shared.config import settings

log = structlog.get_logger()

CHANNELS_AT_ONCE = 100  # more than that Pusher refuses
MOST_BYTES = 10_240  # of data; the same
TOO_LARGE = "413:"  # how the package begins the words of such an answer
PUSHERS_PATIENCE = 2.0  # seconds
SIGNALS_PATIENCE = 0.05  # the same, for what may get lost

#: A third of what it costs to write each entry by a command of its own.
SAY = """
for at = 2, #ARGV, 3 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'kind', 'event', 'event', ARGV[at],
             'channels', ARGV[at + 1], 'data', ARGV[at + 2], 'except', '', 'user_id', '')
end
"""


class Unreachable(Exception):
    """Nobody heard it, and the same may go well later."""


class Refused(Exception):
    """Nobody heard it, and nobody ever will."""


class Broadcaster(Protocol):
    def say(self, said: Sequence[Said]) -> None:
        """Have them heard, in order; raise Unreachable or Refused."""


class Taboor:
    """Our own realtime service: for what is not to be replayed."""

    def __init__(self, url: str | None = None) -> None:
        self._redis = redis.Redis.from_url(
            url or settings().redis_url,
            socket_timeout=SIGNALS_PATIENCE,
            socket_connect_timeout=SIGNALS_PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )

    def say(self, said: Sequence[Said]) -> None:
        words = [word for name, channels, data in said for word in (name, json.dumps(list(channels)), data)]
        try:
            self._redis.register_script(SAY)(keys=[keys.SIGNALS], args=[keys.SIGNALS_KEPT, *words])
        except redis.RedisError as error:
            raise Unreachable(repr(error)) from error


class Pusher:
    """Pusher itself, or whoever speaks its HTTP API: `PUSHER_HOST`, `PUSHER_PORT`, `PUSHER_SCHEME`."""

    def __init__(self) -> None:
        known = settings()
        self._client = pusher.pusher_client.PusherClient(
            known.pusher_app_id,
            known.pusher_app_key,
            known.pusher_app_secret.get_secret_value(),
            ssl=known.pusher_scheme == "https",
            host=known.pusher_host,
            port=known.pusher_port,
            timeout=PUSHERS_PATIENCE,
        )

    def say(self, said: Sequence[Said]) -> None:
        for name, channels, data in said:
            for some in _chunks(channels):
                self._trigger(name, some, _short_enough(name, data))

    def _trigger(self, name: str, channels: Sequence[str], data: str) -> None:
        try:
            self._client.trigger(list(channels), name, data)
        except (PusherBadRequest, ValueError) as error:
            if isinstance(error, requests.RequestException | json.JSONDecodeError):  # ValueErrors too: a proxy's answer
                raise Unreachable(repr(error)) from error
            raise Refused(str(error)) from error
        except (PusherError, requests.RequestException) as error:
            kind = Refused if str(error).startswith(TOO_LARGE) else Unreachable
            raise kind(repr(error)) from error


class Log:
    """A line of the log for each: for a laptop, and for whoever wants to see what would be said."""

    def say(self, said: Sequence[Said]) -> None:
        for name, channels, data in said:
            log.info("broadcast", broadcast=name, channels=list(channels), data=json.loads(data))


class Null:
    """Nobody."""

    def say(self, said: Sequence[Said]) -> None:
        """Say nothing."""


CONNECTIONS: Mapping[str, Callable[[], Broadcaster]] = {"taboor": Taboor, "pusher": Pusher, "log": Log, "null": Null}


def broadcaster() -> Broadcaster:
    """Return the one that the settings name."""
    return CONNECTIONS[settings().broadcast_connection]()


def _chunks(channels: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the channels a hundred at once, without those that only our own nodes know."""
    public = [channel for channel in channels if keys.ended_session(channel) is None]
    for start in range(0, len(public), CHANNELS_AT_ONCE):
        yield public[start : start + CHANNELS_AT_ONCE]


def _short_enough(name: str, data: str) -> str:
    """Pusher carries ten kilobytes: of more it is told that there is something to fetch, and by which position."""
    if (size := len(data.encode())) <= MOST_BYTES:
        return data
    log.warning("too large for Pusher: clients are told to fetch", broadcast=name, bytes=size)
    return json.dumps({"refetch": True, "event_id": json.loads(data).get("event_id")})
