"""Passwords are hashed by argon2, a few at a time, and it takes as long to refuse nobody as to refuse somebody."""

import secrets
import threading

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

#: One hash takes 64 MB and a core for some 50 ms; a crowd at the door must not take the house.
AT_ONCE = 2
PATIENCE = 0.2  # seconds to wait for one's turn: the threads that wait here are those that answer everybody


class Crowded(Exception):
    """Too many are signing in at once: come back in a second."""


class Passwords:
    def __init__(self) -> None:
        self._argon2 = PasswordHash.recommended()
        self._nobodys = self._argon2.hash(secrets.token_urlsafe())
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def right(self, password: str, password_hash: str | None) -> bool:
        """Say whether it is the right one; None is an unknown user's hash. Raises Crowded."""
        if not self._turn.acquire(timeout=PATIENCE):
            raise Crowded
        try:
            matches = self._argon2.verify(password, password_hash or self._nobodys)
        except UnknownHashError:
            return False  # an account without a usable password: nobody signs in to it
        finally:
            self._turn.release()
        return matches and password_hash is not None
