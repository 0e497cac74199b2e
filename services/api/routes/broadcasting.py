"""Who may listen: what the table of channels allows is signed, for one socket and one minute."""

import json
import time
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from sqlmodel import Session
from starlette.requests import Request

from services.api.caller import Caller, CallerOf
from services.api.openapi import form_or_json, problems
from services.api.problems import Problem
from services.api.schemas.broadcasting import SignedSignIn, SignedSubscription, SignIn, Subscription
from shared.broadcasting.channels import may_listen
from shared.broadcasting.encryption import shared_secret
from shared.broadcasting.names import is_encrypted, is_presence
from shared.broadcasting.signatures import sign_channel, sign_user
from shared.config import settings
from shared.db.reads import users

GOOD_FOR = 60  # seconds from the answer to the subscription

router = APIRouter(prefix="/broadcasting", tags=["broadcasting"])

Model = TypeVar("Model", bound=BaseModel)


async def _asked(request: Request) -> dict[str, Any]:
    """Return the fields of a form, as pusher-js sends it, or of a JSON object."""
    body = await request.body()
    try:
        if "json" in request.headers.get("content-type", ""):
            fields = json.loads(body)
        else:
            fields = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
    except (ValueError, RecursionError) as error:
        raise Problem(400, "malformed", "The body is neither a form nor JSON.") from error
    if not isinstance(fields, dict):
        raise Problem(422, "invalid", "The body is not an object.")
    return fields


Asked = Annotated[dict[str, Any], Depends(_asked)]


@router.post(
    "/auth",
    response_model_exclude_none=True,
    responses=problems(400, 401, 403, 413, 422),
    openapi_extra=form_or_json(Subscription),
)
def authorise_subscription(caller: Caller, asked: Asked) -> SignedSubscription:
    """Let a socket listen to a private or presence channel; Echo and pusher-js ask here by themselves.

    `after` in the signed data is how far the channel was heard: the realtime service goes on from there.
    """
    wanted = _validated(Subscription, asked)
    channel = wanted.channel_name
    with caller.reading() as session:
        if not may_listen(session, caller, channel):
            raise Problem(403, "forbidden", "You may not listen to this channel.")
        member = _member(session, caller) if is_presence(channel) else {}
    data = _text({**member, "after": wanted.after, **_bounds(caller)})
    here = settings()
    signature = sign_channel(here.pusher_app_secret.get_secret_value(), wanted.socket_id, channel, data)
    return SignedSubscription(
        auth=f"{here.pusher_app_key}:{signature}",
        channel_data=data,
        shared_secret=shared_secret(channel) if is_encrypted(channel) else None,
    )


@router.post("/user-auth", responses=problems(400, 401, 413, 422), openapi_extra=form_or_json(SignIn))
def authorise_user(caller: Caller, asked: Asked) -> SignedSignIn:
    """Let a socket say whose it is (`pusher.signin()`): it hears what is sent to this user, and can be closed."""
    socket_id = _validated(SignIn, asked).socket_id
    with caller.reading() as session:
        member = _member(session, caller)
    data = _text({"id": member["user_id"], "user_info": member["user_info"], "watchlist": [], **_bounds(caller)})
    here = settings()
    signature = sign_user(here.pusher_app_secret.get_secret_value(), socket_id, data)
    return SignedSignIn(auth=f"{here.pusher_app_key}:{signature}", user_data=data)


def _member(session: Session, caller: CallerOf) -> dict[str, Any]:
    """Return what the others see of somebody."""
    user = users.by_id(session, caller.user_id)
    return {"user_id": str(caller.user_id), "user_info": {"name": user.name if user else ""}}


def _bounds(caller: CallerOf) -> dict[str, Any]:
    """Return how long what is signed holds: it must be used soon, and ends with the session."""
    return {"session": str(caller.session_id), "until": int(time.time()) + GOOD_FOR}


def _text(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _validated(model: type[Model], fields: dict[str, Any]) -> Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        raise RequestValidationError(faults) from error
