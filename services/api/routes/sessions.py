"""Signing in, staying signed in, signing out."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from services.api import tokens
from services.api.caller import Caller, TheDatabase
from services.api.database import Database
from services.api.openapi import problems
from services.api.passwords import Crowded, Passwords
from services.api.problems import RETRY_AFTER, Problem
from services.api.schemas.sessions import AccessToken, Credentials, SignedIn, User
from shared.config import settings
from shared.db.reads import users as reads
from shared.db.seed import PASSWORD as SEEDED_PASSWORD
from shared.db.sql import rate_limits, sessions, users
from shared.ids import new_id

MOST_OF_PLACE = 100
MOST = {"email": 10, "address": MOST_OF_PLACE}  # wrong passwords in five minutes

router = APIRouter(tags=["sessions"])


@router.post("/sessions", status_code=201, responses=problems(400, 401, 413, 422, 429, 503))
async def sign_in(credentials: Credentials, request: Request, database: TheDatabase) -> SignedIn:
    """Open a session. Ten wrong passwords for an address, or a hundred from one place, and it is closed for minutes."""
    place = request.client.host if request.client else "unknown"
    passwords: Passwords = request.app.state.passwords
    try:
        async with passwords.turn():
            return await run_in_threadpool(_sign_in, credentials, place, database, passwords)
    except Crowded as crowd:  # nothing was guessed, and nothing is counted
        raise Problem(503, "crowded", "Too many sign in at once; try again.", headers=RETRY_AFTER) from crowd


def _sign_in(credentials: Credentials, place: str, database: Database, passwords: Passwords) -> SignedIn:
    with database.transaction() as tx:
        user = users.by_email(tx, credentials.email)
        tries = rate_limits.hit(tx, credentials.email, place, MOST_OF_PLACE)
    if over := [row.seconds_left for row in tries if row.hits > MOST[row.kind]]:
        headers = {"Retry-After": str(max(over))}
        raise Problem(429, "too_many_attempts", "Too many wrong passwords; wait a little.", headers=headers)
    # Hashing takes long: no transaction is open meanwhile.
    right = passwords.right(credentials.password, user.password_hash if user else None)
    if not right or _only_for_the_demo(credentials.password):
        raise tokens.unauthorised("wrong_credentials", "No user has this address and this password.")
    session_id = new_id()
    with database.transaction() as tx:
        rate_limits.forgive(tx, credentials.email, place)
        sessions.open_one(tx, session_id, user.id)
    token = tokens.issue(user.id, session_id, user.role)
    return SignedIn(access_token=token, expires_in=tokens.SECONDS, user=_shown(user))


@router.post("/sessions/current/renewal", responses=problems(401))
def renew_session(caller: Caller) -> AccessToken:
    """Get a fresh access token while the session lives: twelve hours from the last renewal, thirty days in all."""
    with caller.transaction() as tx:
        sessions.renew(tx, caller.session_id)
    token = tokens.issue(caller.user_id, caller.session_id, caller.role)
    return AccessToken(access_token=token, expires_in=tokens.SECONDS)


@router.delete("/sessions/current", status_code=204, responses=problems(401))
def sign_out(caller: Caller) -> None:
    """End the session: its access tokens are worth nothing from now on."""
    with caller.transaction() as tx:
        sessions.revoke(tx, caller.session_id)


@router.get("/me", responses=problems(401))
def me(caller: Caller) -> User:
    """Return who is signed in."""
    with caller.reading() as session:
        return _shown(reads.by_id(session, caller.user_id))


def _shown(row: object) -> User:
    return User.model_validate(row, from_attributes=True)


def _only_for_the_demo(password: str) -> bool:
    """Say whether everybody knows this password from our documents, and customers are real."""
    return password == SEEDED_PASSWORD and not settings().in_demo
