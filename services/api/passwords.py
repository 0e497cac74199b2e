"""Passwords are hashed by argon2, a few at a time, and it takes as long to refuse nobody as to refuse somebody."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

#: One hash takes 64 MB and a core for some 50 ms; a crowd at the door must not take the house.
AT_ONCE = 2
PATIENCE = 1.0  # seconds to wait for one's turn


class Crowded(Exception):
    """Too many are signing in at once: come back in a second."""


class Passwords:
    def __init__(self) -> None:
        self._argon2 = PasswordHash.recommended()
        self._nobodys = self._argon2.hash(secrets.token_urlsafe())
        self._turns = anyio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn to be asked for a password, on the event loop: a thread that waits answers nobody else.

        Raises Crowded.
        """
        with anyio.move_on_after(PATIENCE) as waiting:
            await self._turns.acquire()
        if waiting.cancelled_caught:
            raise Crowded
        try:
            yield
        finally:
            self._turns.release()

    def right(self, password: str, password_hash: str | None) -> bool:
        """Say whether it is the right one; None is an unknown user's hash. Takes long: to be called in one's turn."""
        try:
            matches = self._argon2.verify(password, password_hash or self._nobodys)
        except UnknownHashError:
            return False  # an account without a usable password: nobody signs in to it
        return matches and password_hash is not None
