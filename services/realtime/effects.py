"""What a client's frame leads to. The core decides it, and knows no socket and no Redis; somebody else does it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Say:
    """Send this frame back."""

    frame: str


@dataclass(frozen=True, slots=True)
class Shut:
    """Tell why, and close."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Member:
    """Whom a presence channel's list will name."""

    user_id: str
    channel_data: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the client has heard the channel; None: nothing yet."""

    after: int | None


@dataclass(frozen=True, slots=True)
class Subscribe:
    channel: str
    member: Member | None = None
    cursor: Cursor | None = None  # if the client can resume
    session: str | None = None  # whose end closes the connection


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    channel: str


@dataclass(frozen=True, slots=True)
class Whisper:
    """A client event, for all other subscribers. data: JSON text."""

    event: str
    channel: str
    data: str
    user_id: str | None


@dataclass(frozen=True, slots=True)
class SignIn:
    user_id: str
    user_data: str
    watchlist: tuple[str, ...]
    session: str | None = None  # whose end closes the connection
    left_out: int = 0  # users who are not watched, since the list is too long


Effect = Say | Shut | Subscribe | Unsubscribe | Whisper | SignIn
