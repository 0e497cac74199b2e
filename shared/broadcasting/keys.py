"""What realtime things are called in Redis and on the wire; the relay, the workers and the nodes all look here."""

from uuid import UUID

#: The bus of facts: `{position}-0`, with `event`, `channels`, `data`, `occurred_at`. Written by the relay only.
BUS = "taboor:events"
BUS_KEPT = 100_000  # entries, about
BUS_SECONDS = 1_800  # and no longer than this: whoever missed more refetches

CHANNEL_KEPT = 200  # entries of one channel, about
CHANNEL_SECONDS = (
    3_600  # a channel is forgotten so long after its last fact; longer than the bus, which says what is whole
)

#: A random text beside the bus: a node that sees it changed, or gone, knows that Redis was wiped.
LIFE = "taboor:life"

#: What is said and not kept: signals, the HTTP API, client events, members. Ids by Redis; no resume.
SIGNALS = "taboor:signals"
SIGNALS_KEPT = 10_000

CACHE_SECONDS = 1_800
NODE_SECONDS = 15

#: Laravel's names for its events: `Echo.private(…).listen('OrderShipped')` asks for `App\Events\OrderShipped`.
EVENTS_NAMESPACE = "App\\Events\\"
NOTIFICATION = "Illuminate\\Notifications\\Events\\BroadcastNotificationCreated"

NOTIFICATIONS_NAMESPACE = "App\\Notifications\\"

_SESSION = "#session-"


def wire_event(name: str) -> str:
    r"""Return how an event class is called on the wire: `App\Events\OrderShipped`."""
    return EVENTS_NAMESPACE + name


def wire_notification(kind: str) -> str:
    r"""Return what Laravel would call the class of a notification: `App\Notifications\OrderShipped`."""
    return NOTIFICATIONS_NAMESPACE + kind.title().replace("_", "")


def channel(wire_name: str) -> str:
    """Return the stream from which one channel is replayed: the bus's ids, `event` and `data`."""
    return f"taboor:channel:{wire_name}"


def cache(wire_name: str) -> str:
    """Return where a cache channel's last event is kept: JSON of `event` and `data`."""
    return f"taboor:cache:{wire_name}"


def node(name: str) -> str:
    """Return the lease of a node."""
    return f"taboor:node:{name}"


def occupied(name: str) -> str:
    """Return a node's subscriptions: channel → how many."""
    return f"taboor:occupied:{name}"


def presence(wire_name: str) -> str:
    """Return a presence channel's members: `node:socket_id` → channel_data."""
    return f"taboor:presence:{wire_name}"


def presence_count(wire_name: str) -> str:
    """Return how often each user is in a presence channel: user_id → n."""
    return f"taboor:presence:{wire_name}:count"


def session(session_id: UUID | str) -> str:
    """Return the channel on which a session's end is told. Nobody can subscribe it: `#` is in no channel's name."""
    return f"{_SESSION}{session_id}"


def ended_session(wire_name: str) -> str | None:
    """Return the id of the session whose end this channel tells; None for every other channel."""
    return wire_name.removeprefix(_SESSION) if wire_name.startswith(_SESSION) else None
