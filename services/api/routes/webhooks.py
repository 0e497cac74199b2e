"""What the card gateway and the SMS carrier tell us: checked, kept once, recorded as a fact; a job does the rest."""

from typing import Annotated, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from services.api.caller import TheDatabase
from services.api.database import again
from services.api.openapi import problems
from services.api.problems import Problem
from shared.config import settings
from shared.db.sql import webhooks
from shared.events.catalogue import CarrierReported, GatewayReported
from shared.events.record import record

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,255}$")]
Model = TypeVar("Model", bound=BaseModel)


class Metadata(BaseModel):
    payment_id: UUID | None = None  # ours, given with the intent


class GatewayObject(BaseModel):
    """What an event is about: an intent itself, or a charge or refund of one."""

    id: Word
    object: Word
    payment_intent: Word | None = None
    metadata: Metadata = Metadata()

    @property
    def intent_id(self) -> str | None:
        return self.id if self.object == "payment_intent" else self.payment_intent


class GatewayData(BaseModel):
    object: GatewayObject


class GatewayEvent(BaseModel):
    id: Word
    type: Word
    data: GatewayData


class CarrierStatus(BaseModel):
    model_config = ConfigDict(validate_by_alias=True)

    sid: Word = Field(alias="MessageSid")
    status: Word = Field(alias="MessageStatus")


async def _raw(request: Request) -> bytes:
    return await request.body()


Raw = Annotated[bytes, Depends(_raw)]


def _body_of(media_type: str) -> dict[str, object]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": {"type": "object"}}}}}


@router.post(
    "/stripe",
    status_code=204,
    responses=problems(400, 413, 422),
    openapi_extra=_body_of("application/json"),
)
@again
def gateway_reports(raw: Raw, database: TheDatabase, stripe_signature: Annotated[str, Header()] = "") -> None:
    """Hear from the card gateway. What it says twice, or in another order, changes nothing."""
    body = _text(raw)
    _check_gateways_signature(body, stripe_signature)
    event = _parsed(GatewayEvent, body)
    about = event.data.object
    with database.transaction() as tx:
        if not webhooks.keep(tx, "stripe", event.id, event.type, event.model_dump_json()) or not about.intent_id:
            return
        payment_id = webhooks.payment_of(tx, about.intent_id, about.metadata.payment_id)
        if payment_id:  # an intent that no payment of ours knows is the books' business
            record(tx, GatewayReported(payment_id=payment_id, intent_id=about.intent_id, kind=event.type))


@router.post(
    "/twilio/status",
    status_code=204,
    responses=problems(400, 413, 422),
    openapi_extra=_body_of("application/x-www-form-urlencoded"),
)
@again
def carrier_reports(
    raw: Raw,
    request: Request,
    database: TheDatabase,
    notification: Annotated[UUID | None, Query(description="which of our notifications it is about")] = None,
    x_twilio_signature: Annotated[str, Header()] = "",
) -> None:
    """Hear from the SMS carrier how far a message has come."""
    body = _text(raw)
    form = ImmutableMultiDict(parse_qsl(body, keep_blank_values=True))
    _check_carriers_signature(request, form, x_twilio_signature)
    told = _validated(CarrierStatus, dict(form))
    with database.transaction() as tx:
        if webhooks.keep(tx, "twilio", f"{told.sid}:{told.status}", told.status, told.model_dump_json()):
            ours = webhooks.notification_of(tx, told.sid, notification)
            record(tx, CarrierReported(notification_id=ours, provider_id=told.sid, status=told.status))


def _check_gateways_signature(body: str, signature: str) -> None:
    from stripe import SignatureVerificationError, Webhook, WebhookSignature  # noqa: PLC0415 - slow, and seldom needed

    secret = settings().stripe_webhook_secret.get_secret_value()
    try:
        WebhookSignature.verify_header(body, signature, secret, Webhook.DEFAULT_TOLERANCE)
    except SignatureVerificationError as error:
        raise _refused() from error


def _check_carriers_signature(request: Request, form: ImmutableMultiDict[str, str], signature: str) -> None:
    from twilio.request_validator import RequestValidator  # noqa: PLC0415 - as above

    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{settings().public_url.rstrip('/')}{request.url.path}{query}"  # as the carrier was told it
    validator = RequestValidator(settings().twilio_auth_token.get_secret_value())
    if not validator.validate(url, form, signature):
        raise _refused()


def _refused() -> Problem:
    return Problem(400, "bad_signature", "The signature does not fit.")


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "malformed", "The body is not UTF-8.") from error


def _parsed(model: type[Model], body: str) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Problem(400, "malformed", "The body is not what a gateway sends.") from error


def _validated(model: type[Model], fields: dict[str, str]) -> Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Problem(400, "malformed", "The body is not what a carrier sends.") from error
