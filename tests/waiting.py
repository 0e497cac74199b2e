"""Waiting for facts, in place of sleeping and hoping."""

import time
from collections.abc import Callable
from typing import TypeVar

Fact = TypeVar("Fact")


def wait_until(fact: Callable[[], Fact], timeout: float = 30) -> Fact:
    """Ask until the answer is true, and return it; fail after `timeout` seconds with the last answer."""
    deadline = time.monotonic() + timeout
    while True:
        if answer := fact():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {timeout} s; the last answer was {answer!r}")
        time.sleep(0.01)


def noticed_that_its_attempt_is_over(said: str) -> bool:
    """Say whether a unit that woke up has found out: at its fence, or before, by its heartbeat."""
    return "job lost its lease" in said or "job interrupted" in said
