"""What the nodes keep in Redis for one another only; what others know too is spelled in shared/broadcasting/keys.py."""

#: Every node that registered and was not yet cleared away; those of it whose lease is gone are dead.
NODES = "taboor:nodes"

#: Channel → subscriptions of all nodes together.
OCCUPIED = "taboor:occupied"

#: What is told of by webhook only if it stays so: `removed channel user` and `vacated channel`, by when that is due.
HELD = "taboor:held"


def presence_members(wire_name: str) -> str:
    """Return how a channel's users are told of: user_id → what is said when one leaves, a NUL, and when one comes."""
    return f"taboor:presence:{wire_name}:members"


def presence_fresh(wire_name: str) -> str:
    """Return the mark of a channel that somebody joined a moment ago: with a list that may not have been whole."""
    return f"taboor:presence:{wire_name}:fresh"


def presence_of(node: str) -> str:
    """Return where a node's members are: presence channel → how many connections."""
    return f"taboor:present:{node}"


def reaped(node: str) -> str:
    """Return the mark of a node that was cleared away as dead: if it was only frozen, it has to come back aloud."""
    return f"taboor:reaped:{node}"
