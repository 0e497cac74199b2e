"""Which sessions opened which connections: when one of them ends, so does the connection."""

import time
from typing import Protocol

REMEMBERED = 600.0  # seconds that an ended session is refused; no ticket of it is good for longer


class Opened(Protocol):
    """A connection, and the sessions that signed what it brought. They are few: mostly one, or none."""

    sessions: tuple[str, ...]

    def shut(self, code: int, reason: str) -> None: ...


class Sessions:
    def __init__(self) -> None:
        self._opened: dict[str, set[Opened]] = {}
        self._ended: dict[str, float] = {}

    def bind(self, socket: Opened, session: str | None) -> bool:
        """Have a connection end with this session too. Says whether the session lives; None always does."""
        if session in self._ended:
            return False
        if session is not None and session not in socket.sessions:
            socket.sessions += (session,)
            self._opened.setdefault(session, set()).add(socket)
        return True

    def forget(self, socket: Opened) -> None:
        """A connection has ended."""
        for session in socket.sessions:
            sockets = self._opened[session]
            sockets.discard(socket)
            if not sockets:
                del self._opened[session]
        socket.sessions = ()

    def end(self, session: str) -> None:
        """Close what a session opened, and let nothing in that it signed before."""
        now = time.monotonic()
        self._ended = {one: until for one, until in self._ended.items() if until > now}
        self._ended[session] = now + REMEMBERED
        for socket in tuple(self._opened.get(session, ())):
            socket.shut(4009, "This session has ended")
