"""What a node counts, as Prometheus reads it: numbers of its health, so that counting costs a delivery nothing."""

from collections.abc import Mapping
from typing import Any

#: Key of the node's health → kind and what it says. A gauge is as it is now; a counter only grows.
FIGURES = {
    "ready": ("gauge", "1 if clients get what is new"),
    "connections": ("gauge", "Open connections"),
    "subscriptions": ("gauge", "Subscriptions of these connections"),
    "deliveries": ("counter", "Events handed to connections"),
    "dropped_slow": ("counter", "Connections closed because they read too slowly"),
    "resumes": ("counter", "Subscriptions that got all they had missed"),
    "failed_resumes": ("counter", "Subscriptions that were told to refetch"),
    "lost_webhooks": ("counter", "Webhook events that nobody took"),
}


def written(health: Mapping[str, Any]) -> str:
    """Return the figures in Prometheus's text form. A node that does not count something does not tell of it."""
    lines: list[str] = []
    for key, (kind, about) in FIGURES.items():
        if key in health:
            name = f"taboor_realtime_{key}{'_total' if kind == 'counter' else ''}"
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}", f"{name} {health[key] + 0}"]
    return "\n".join([*lines, ""])
