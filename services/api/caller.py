"""Who asks: the bearer of an access token whose session is looked up in the request's own transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from fastapi.security import HTTPBearer
from sqlmodel import Session
from starlette.requests import HTTPConnection, Request

from services.api import tokens
from services.api.database import Database
from services.api.problems import Problem
from shared.db.reads import users
from shared.db.sql import sessions
from shared.db.transaction import Transaction

OPERATOR = "operator"


async def database(request: Request) -> Database:
    """A coroutine, like `Bearer`: a plain function would cost a hop to a thread."""
    found: Database = request.app.state.database
    return found


TheDatabase = Annotated[Database, Depends(database)]


@dataclass(slots=True)
class CallerOf:
    """The bearer of a good token; `transaction` and `reading` also ask whether the session still lives."""

    user_id: UUID
    session_id: UUID
    database: Database
    role: str = ""  # known once the session was looked up

    @property
    def sees(self) -> UUID | None:
        """Whose things the caller may see: their own, or (None) everybody's."""
        return None if self.is_operator else self.user_id

    @property
    def is_operator(self) -> bool:
        return self.role == OPERATOR

    @contextmanager
    def transaction(self, *, operator: bool = False) -> Iterator[Transaction]:
        """Open the transaction of a request that writes. operator: refuse everybody else."""
        with self.database.transaction() as tx:
            self.let_in(sessions.who(tx, self.session_id), operator=operator)
            yield tx

    @contextmanager
    def reading(self, *, operator: bool = False) -> Iterator[Session]:
        """Open the transaction of a request that only reads. operator: refuse everybody else."""
        with self.database.reading() as session:
            self.let_in(users.who(session, self.session_id), operator=operator)
            yield session

    def let_in(self, who: object, *, operator: bool = False) -> None:
        """Refuse a session that has ended, and a customer where operators are wanted."""
        self.role = getattr(who, "role", "")
        if not self.role:
            raise tokens.unauthorised("session_ended", "This session has ended; sign in again.")
        if operator and not self.is_operator:
            raise Problem(403, "forbidden", "This is for operators.")


class Bearer(HTTPBearer):
    """The whole way from the header to the caller: one dependency, because FastAPI takes its time for each."""

    async def __call__(self, request: HTTPConnection) -> CallerOf:  # type: ignore[override]  # more than a header
        credentials = await super().__call__(request)
        if credentials is None:
            raise tokens.unauthorised(
                "unauthorised", "Sign in, and send the access token as `Authorization: Bearer …`."
            )
        claims = tokens.read(credentials.credentials)
        return CallerOf(claims.user_id, claims.session_id, request.app.state.database)


_bearer = Bearer(
    scheme_name="HTTPBearer", auto_error=False, bearerFormat="JWT", description="`POST /sessions` gives one."
)
Caller = Annotated[CallerOf, Depends(_bearer)]
