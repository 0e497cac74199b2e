"""Access tokens: signed, good for fifteen minutes, and only as long as their session lives."""

import time
from dataclasses import dataclass
from uuid import UUID

import jwt

from services.api.problems import Problem
from shared.config import settings

SECONDS = 15 * 60
ALGORITHM = "HS256"
ISSUER = "taboor"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="taboor"'}


@dataclass(frozen=True, slots=True)
class Claims:
    user_id: UUID
    session_id: UUID


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
        claims = jwt.decode(
            token,
            _secret(),
            [ALGORITHM],
            issuer=ISSUER,
            options={"require": ["exp", "sub", "sid"], "verify_iat": False},
        )
    except jwt.ExpiredSignatureError as error:
        raise unauthorised("token_expired", "The access token has expired; sign in again.") from error
    except jwt.InvalidTokenError as error:
        raise unauthorised("invalid_token", "This is not an access token of ours.") from error
    return Claims(UUID(claims["sub"]), UUID(claims["sid"]))


def unauthorised(code: str, detail: str) -> Problem:
    error = "" if code == "unauthorised" else ', error="invalid_token"'
    return Problem(401, code, detail, headers={"WWW-Authenticate": f"{CHALLENGE['WWW-Authenticate']}{error}"})


def _secret() -> str:
    return settings().secret_key.get_secret_value()
