"""Golden events: one stored payload for each event and version, as rows of older days have it."""

import json
from pathlib import Path
from typing import Any

from shared.events.catalogue import load
from shared.events.event import Event

FOLDER = Path(__file__).parent / "golden"


def golden_payload(name: str, version: int) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((FOLDER / f"{name}-{version}.json").read_text())
    return payload


def golden(event: type[Event]) -> Event:
    """Return the event as its stored payload has it."""
    return load(event.__name__, event.version, golden_payload(event.__name__, event.version))
