"""What can be broken on purpose: one table of switches, kept in SQLite, turned over HTTP."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from services.sandbox.store import Store

type_of_kind = {
    "on_off": "true or false",
    "count": "a number of times, or true for always",
    "milliseconds": "0 or more",
}


@dataclass(frozen=True, slots=True)
class Switch:
    name: str
    kind: Literal["on_off", "count", "milliseconds"]
    does: str
    expect: str


SWITCHES = (
    Switch(
        "decline",
        "on_off",
        "Every card is declined.",
        "The order is rejected (card_declined), its stock comes back, one message says so.",
    ),
    Switch(
        "no_answer_after_charging",
        "count",
        "The card is charged, then the connection closes without an answer.",
        "The order waits a moment, asks the gateway, and is confirmed: one charge.",
    ),
    Switch(
        "no_answer_before_charging",
        "count",
        "The connection closes without an answer and nothing is charged.",
        "The order waits a moment, tries again, and is confirmed: one charge.",
    ),
    Switch(
        "stored_500_after_charging",
        "count",
        "The card is charged, but the answer is a 500, repeated for ever under the same idempotency key.",
        "The order asks what happened instead of guessing, and is confirmed: one charge.",
    ),
    Switch(
        "stored_500_before_charging",
        "count",
        "Nothing is charged; the answer is a 500, repeated for ever under the same idempotency key.",
        "The order asks, sees that nothing happened, confirms under another key: one charge.",
    ),
    Switch(
        "slow_ms",
        "milliseconds",
        "Gateway and carrier wait so long before they act.",
        "Orders take longer; nothing else changes.",
    ),
    Switch(
        "processing_ms",
        "milliseconds",
        "A confirmed payment is `processing` for so long before it succeeds.",
        "The order waits while the outcome is unknown, then is confirmed.",
    ),
    Switch("sms_down", "on_off", "The carrier answers 503.", "The SMS waits and arrives when the carrier is back."),
    Switch(
        "sms_no_answer_after_sending",
        "count",
        "The SMS is sent, then the connection closes without an answer.",
        "The carrier is asked before a second try: one SMS.",
    ),
    Switch(
        "smtp_down",
        "on_off",
        "The mail server refuses every mail for now (451).",
        "The mail waits and arrives when the server is back.",
    ),
    Switch("webhooks_twice", "on_off", "Every webhook arrives twice.", "Nothing: the second is a duplicate."),
    Switch("webhooks_shuffled", "on_off", "Webhooks arrive out of order.", "Nothing: the end is the same."),
    Switch("webhooks_off", "on_off", "No webhook is sent.", "Nothing: orders do not depend on webhooks."),
)
BY_NAME = {switch.name: switch for switch in SWITCHES}


class SwitchRefusedError(ValueError):
    """The switch does not exist, or the value is not one of its kind."""


class Switches:
    """The switches' values: read from memory, written through to the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._values: dict[str, bool | int] = dict.fromkeys(BY_NAME, False) | {
            switch.name: 0 for switch in SWITCHES if switch.kind != "on_off"
        }
        self._defaults = dict(self._values)
        stored = store.one("select value from facts where name = 'switches'")
        if stored:
            self._values |= {name: value for name, value in json.loads(stored["value"]).items() if name in BY_NAME}

    def values(self) -> dict[str, bool | int]:
        return dict(self._values)

    def table(self) -> list[dict[str, Any]]:
        """Every switch with its kind, its value, what it does and what one should see: for a page."""
        return [asdict(s) | {"takes": type_of_kind[s.kind], "value": self._values[s.name]} for s in SWITCHES]

    def on(self, name: str) -> bool:
        return bool(self._values[name])

    def milliseconds(self, name: str) -> int:
        return int(self._values[name])

    def take(self, name: str) -> bool:
        """Use up one time of a count; `true` is never used up."""
        value = self._values[name]
        if value is not True and value:
            self._values[name] = value - 1
            self._save()
        return bool(value)

    def turn(self, changes: dict[str, Any]) -> None:
        """Change some switches, all or none of them."""
        for name, value in changes.items():
            _check(name, value)
        self._values |= changes
        self._save()

    def reset(self) -> None:
        self._values = dict(self._defaults)
        self._save()

    def _save(self) -> None:
        self._store.run("insert or replace into facts (name, value) values ('switches', ?)", json.dumps(self._values))


def _check(name: str, value: Any) -> None:
    switch = BY_NAME.get(name)
    if switch is None:
        raise SwitchRefusedError(f"there is no switch {name!r}; there are {', '.join(BY_NAME)}")
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**6
    allowed = {
        "on_off": isinstance(value, bool),
        "count": isinstance(value, bool) or is_number,
        "milliseconds": is_number,
    }
    if not allowed[switch.kind]:
        raise SwitchRefusedError(f"{name} takes {type_of_kind[switch.kind]}, not {value!r}")
