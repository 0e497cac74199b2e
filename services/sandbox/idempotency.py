"""Idempotency keys: the first answer is kept, an error as much as a success, and repeated to whoever asks again."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from services.sandbox.gateway_errors import Answer, GatewayError
from services.sandbox.store import Store

KEPT_FOR = 24 * 3600
LONGEST_KEY = 255


class IdempotencyKeys:
    """Kept answers are rows; which keys are in use right now is memory, because a dead process uses none."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._in_use: set[str] = set()
        store.run("delete from idempotency_keys where created < ?", time.time() - KEPT_FOR)

    def find(self, key: str, fingerprint: str) -> Answer | None:
        """Return the kept answer; refuse a key that is in use or belongs to another request."""
        if key in self._in_use:
            raise _in_use(key)
        row = self._store.one("select * from idempotency_keys where key = ?", key)
        if row is None or row["created"] < time.time() - KEPT_FOR:
            return None
        if row["fingerprint"] != fingerprint:
            raise _other_request(key)
        return Answer(json.loads(row["body"]), row["status"], {"Idempotent-Replayed": "true"})

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """While the first request is being answered, a second one with its key is refused."""
        self._in_use.add(key)
        try:
            yield
        finally:
            self._in_use.discard(key)

    def keep(self, key: str, fingerprint: str, answer: Answer) -> None:
        self._store.run(
            "insert or replace into idempotency_keys (key, fingerprint, status, body, created) values (?, ?, ?, ?, ?)",
            *(key, fingerprint, answer.status, json.dumps(answer.body), time.time()),
        )

    def forget_all(self) -> int:
        return self._store.run("delete from idempotency_keys")


def check_length(key: str) -> None:
    if len(key) > LONGEST_KEY:
        message = f"Idempotency keys are at most {LONGEST_KEY} characters long."
        raise GatewayError(400, {"message": message, "type": "invalid_request_error"})


def _in_use(key: str) -> GatewayError:
    message = (
        f"There is currently another in-progress request using this Idempotent Key: {key} (that probably means you "
        "submitted twice, and the other request is still going through). Try again in a moment."
    )
    error = {"message": message, "type": "invalid_request_error", "code": "idempotency_key_in_use"}
    return GatewayError(409, error)


def _other_request(key: str) -> GatewayError:
    message = (
        "Keys for idempotent requests can only be used with the same endpoint and parameters they were first used "
        f"with. Try using a key other than '{key}' if you meant to execute a different request."
    )
    return GatewayError(400, {"message": message, "type": "idempotency_error"})
