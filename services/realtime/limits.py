"""How much one connection, and one node, may have and do."""

from dataclasses import dataclass

from shared.config import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    message: int = 65_536  # bytes of one message, whole or in fragments
    connections: int = 10_000
    subscriptions: int = 200  # of one connection
    client_events: int = 10  # of one connection, a second
    client_event: int = 10_240  # bytes of one client event's data
    unsent: int = 1_048_576  # bytes that wait for a client; one who is further behind is closed
    waiting: int = 1_048_576  # bytes of messages that wait for an answer of Redis to the one before
    waiting_messages: int = 1_000
    user_id: int = 128  # characters
    user_info: int = 1_024  # bytes
    watched: int = 100  # users on one watchlist
    ping_after: float = 60.0  # seconds without a byte of the client; it is told 30, and pings earlier if nothing comes
    pong_wait: float = 30.0  # seconds more until it is closed
    position_every: float = 300.0  # seconds until clients are told again how far silent channels are
    farewell: float = 3.0  # seconds for the client to answer a close


ACTIVITY_TIMEOUT = 30  # seconds; clients ping after so long without a frame, and find a dead server


def of(settings: Settings) -> Limits:
    return Limits(
        connections=settings.realtime_connections,
        subscriptions=settings.realtime_subscriptions,
        client_events=settings.realtime_client_events,
    )
