"""Access tokens: signed, good for fifteen minutes, and only as long as their session lives."""

import time
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import jwt

from services.api.problems import Problem
from shared.config import settings

SECONDS = 15 * 60
REMEMBERED = 10_000  # tokens that need not be checked again
ALGORITHM = "HS256"
ISSUER = "taboor"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="taboor"'}


@dataclass(frozen=True, slots=True)
class Claims:
    user_id: UUID
    session_id: UUID
    expires: int


def issue(user_id: UUID, session_id: UUID, role: str) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": str(user_id),
        "sid": str(session_id),
        "role": role,
        "iat": now,
        "exp": now + SECONDS,
    }
    return jwt.encode(claims, _secret(), ALGORITHM)


def read(token: str) -> Claims:
    """Return what a token says; refuse one that is not ours or no longer good."""
    try:
        claims = _signed(token, _secret())
    except jwt.InvalidTokenError as error:
        raise unauthorised("invalid_token", "This is not an access token of ours.") from error
    if claims.expires <= time.time():
        raise unauthorised("token_expired", "The access token has expired; sign in again.")
    return claims


@lru_cache(REMEMBERED)
def _signed(token: str, secret: str) -> Claims:
    """Check a token's signature, which does not change; whether it has expired is asked each time."""
    claims = jwt.decode(
        token,
        secret,
        [ALGORITHM],
        issuer=ISSUER,
        options={"require": ["exp", "sub", "sid"], "verify_exp": False, "verify_iat": False},
    )
    return Claims(UUID(claims["sub"]), UUID(claims["sid"]), int(claims["exp"]))


def unauthorised(code: str, detail: str) -> Problem:
    error = "" if code == "unauthorised" else ', error="invalid_token"'
    return Problem(401, code, detail, headers={"WWW-Authenticate": f"{CHALLENGE['WWW-Authenticate']}{error}"})


def _secret() -> str:
    return settings().secret_key.get_secret_value()
