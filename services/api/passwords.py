"""Passwords are hashed by argon2, a few at a time, and it takes as long to refuse nobody as to refuse somebody."""

import secrets
import threading

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

#: One hash takes 64 MB and a core for some 50 ms; a crowd at the door must not take the house.
AT_ONCE = 2


class Passwords:
    def __init__(self) -> None:
        self._argon2 = PasswordHash.recommended()
        self._nobodys = self._argon2.hash(secrets.token_urlsafe())
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def right(self, password: str, password_hash: str | None) -> bool:
        """Say whether it is the right one; None is an unknown user's hash."""
        with self._turn:
            try:
                matches = self._argon2.verify(password, password_hash or self._nobodys)
            except UnknownHashError:
                return False  # an account without a usable password: nobody signs in to it
        return matches and password_hash is not None
