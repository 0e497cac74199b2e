"""Asking to listen, as Echo and pusher-js ask, and what they get."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from shared.broadcasting.names import CHANNEL, SOCKET

MOST_POSITION = 2**63 - 1


def _unpacked(value: Any) -> Any:
    """A form's field is JSON in a text, and empty where there is nothing to say."""
    try:
        return json.loads(value or "{}") if isinstance(value, str) else value
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


Position = Annotated[int, Field(strict=True, ge=0, le=MOST_POSITION)]

SocketId = Annotated[str, Field(pattern=SOCKET, examples=["1234.5678"])]
ChannelName = Annotated[str, Field(pattern=CHANNEL, examples=["private-orders"])]


class Subscription(BaseModel):
    """A socket wants to hear a channel."""

    socket_id: SocketId
    channel_name: ChannelName
    last_event_ids: Annotated[dict[str, Position | None], BeforeValidator(_unpacked)] = Field(
        default={}, description="how far each channel was heard: wire name → `event_id`; in a form JSON in a text"
    )

    @property
    def after(self) -> int | None:
        return self.last_event_ids.get(self.channel_name)


class SignIn(BaseModel):
    """A socket wants to be known as its user's."""

    socket_id: SocketId


class SignedSubscription(BaseModel):
    auth: str = Field(examples=["taboor-key:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"])
    channel_data: str = Field(description="JSON in a text, signed too: it is sent on byte for byte")
    shared_secret: str | None = Field(default=None, description="an encrypted channel's key")


class SignedSignIn(BaseModel):
    auth: str
    user_data: str = Field(description="JSON in a text, signed too")
