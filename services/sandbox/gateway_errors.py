"""The gateway's refusals, in the shape that the official client turns into its exceptions."""

from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
DOCUMENTATION = "https://stripe.com/docs/error-codes/"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answers, before it is known whether the caller gets to hear it."""

    body: Body
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class GatewayError(Exception):
    """A refusal; `kept` says whether it is stored under the idempotency key (validation errors are not)."""

    def __init__(self, status: int, error: Body, *, kept: bool = False) -> None:
        super().__init__(error["message"])
        self.answer = Answer({"error": error}, status)
        self.kept = kept


def invalid(message: str, *, code: str | None = None, param: str | None = None, status: int = 400) -> GatewayError:
    """Refuse what is wrong in itself; the idempotency key stays unused."""
    return GatewayError(status, _error(message, "invalid_request_error", code, param))


def refused(message: str, *, code: str | None = None, param: str | None = None, **more: Any) -> GatewayError:
    """Refuse what the state of things forbids; the answer is kept under the idempotency key."""
    return GatewayError(400, _error(message, "invalid_request_error", code, param) | more, kept=True)


def missing(kind: str, name: str, *, param: str, status: int = 404) -> GatewayError:
    error = _error(f"No such {kind}: '{name}'", "invalid_request_error", "resource_missing", param)
    return GatewayError(status, error, kept=True)


def unauthorized(message: str) -> GatewayError:
    return GatewayError(401, _error(message, "invalid_request_error", None, None))


def internal_error() -> Answer:
    """The 500 of the switches: the client is told not to retry, because the key would repeat it."""
    message = "An unknown error occurred. If the error persists, contact support."
    return Answer({"error": {"message": message, "type": "api_error"}}, 500, {"Stripe-Should-Retry": "false"})


def _error(message: str, kind: str, code: str | None, param: str | None) -> Body:
    error: Body = {"message": message, "type": kind}
    if code:
        error |= {"code": code, "doc_url": DOCUMENTATION + code.replace("_", "-")}
    if param:
        error["param"] = param
    return error
