"""Signing in, as the API hears and tells it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    # No spaces and no control characters: PostgreSQL keeps no NUL.
    email: Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^\x00-\x20\x7f]+$")] = Field(
        examples=["layla@example.com"]
    )
    password: Annotated[str, Field(min_length=1, max_length=256)] = Field(examples=["taboor"])


class User(BaseModel):
    id: UUID
    email: str
    name: str
    phone: str | None
    locale: Literal["en", "ar"]
    role: Literal["customer", "operator"]


class AccessToken(BaseModel):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of token, not one
    expires_in: int = Field(description="seconds")


class SignedIn(AccessToken):
    user: User
