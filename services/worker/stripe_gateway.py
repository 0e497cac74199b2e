"""The card gateway by the official Stripe client: one call a method, every answer mapped, no retries of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

import stripe
from stripe.params import PaymentIntentCreateParams, RefundCreateParams

from services.worker.gateway import Charge, Gateway, Intent, NoAnswer, Outcome, Refund, RefundFailed
from services.worker.stripe_http import PooledHttp
from shared.clock import now
from shared.config import settings
from shared.ids import new_id

OUTCOMES = {
    "requires_confirmation": Outcome.UNASKED,
    "processing": Outcome.PROCESSING,
    "requires_action": Outcome.DECLINED,  # the bank wants to see the customer, who is no longer here
    "requires_payment_method": Outcome.DECLINED,
    "succeeded": Outcome.SUCCEEDED,
    "canceled": Outcome.CANCELED,
}
#: A request is refused for these when what the customer ordered with cannot be charged, however often it is tried.
CUSTOMERS_OWN = ("payment_method", "amount", "currency")
PAGE = 100


class Trapped(NoAnswer):
    """The key of the request may repeat this useless answer for ever."""


class StripeGateway(Gateway):
    """See Gateway. Keys are of business rows; `confirm` and `cancel` need none: an intent's state guards them."""

    def __init__(self, api_key: str, api_base: str) -> None:
        # The client logs and times every call for its maker, at a third of its cost.
        stripe.enable_telemetry = False
        addresses: Any = {"api": api_base}  # the client fills in the others
        http = PooledHttp()
        client = stripe.StripeClient(api_key, base_addresses=addresses, max_network_retries=0, http_client=http)
        self._intents, self._refunds = client.v1.payment_intents, client.v1.refunds

    @classmethod
    def from_settings(cls) -> Self:
        return cls(settings().stripe_api_key.get_secret_value(), settings().stripe_api_base)

    def create(self, charge: Charge) -> Intent:
        key = f"payment:{charge.payment_id}:create"
        try:
            return self._create(charge, key)
        except Trapped:
            # Adopt what the lost answer was about, if it is there; a second, unconfirmed intent would charge nothing.
            return self._of_payment(charge.payment_id) or self._create(charge, f"{key}:{new_id()}")

    def confirm(self, intent_id: str) -> Intent:
        try:
            with _answers():
                return _intent(self._intents.confirm(intent_id))
        except (stripe.CardError, stripe.InvalidRequestError):
            intent = self.retrieve(intent_id)
            if intent.outcome is Outcome.UNASKED:  # refused for a reason of our own
                raise
            return intent

    def retrieve(self, intent_id: str) -> Intent:
        with _answers():
            return _intent(self._intents.retrieve(intent_id))

    def cancel(self, intent_id: str) -> Intent:
        try:
            with _answers():
                return _intent(self._intents.cancel(intent_id))
        except stripe.InvalidRequestError:
            return self.retrieve(intent_id)

    def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        asked: RefundCreateParams = {"payment_intent": intent_id, "amount": amount}
        try:
            return self._refund(asked, key)
        except (Trapped, stripe.InvalidRequestError) as error:
            # A full refund: the gateway itself refuses to give back more than it received.
            if known := next(filter(_stands, self._refunds_of(intent_id)), None):
                return _accepted(known)
            if isinstance(error, Trapped):
                return self._refund(asked, f"{key}:{new_id()}")
            raise

    def refund_of(self, intent_id: str) -> Refund | None:
        # One that an operator made by hand, after ours failed, is as good.
        known = sorted(self._refunds_of(intent_id), key=_stands, reverse=True)
        return _accepted(known[0]) if known else None

    def refunded(self, intent_id: str) -> int:
        return sum(refund.amount for refund in self._refunds_of(intent_id) if _stands(refund))

    def recent(self, within: timedelta) -> Iterator[Intent]:
        since = int((now() - within).timestamp())
        with _answers():
            page = self._intents.list({"created": {"gte": since}, "limit": PAGE})
            for intent in page.auto_paging_iter():
                yield _intent(intent)

    def _create(self, charge: Charge, key: str) -> Intent:
        asked: PaymentIntentCreateParams = {
            "amount": charge.amount,
            "currency": charge.currency.lower(),
            "payment_method": charge.payment_method,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "description": f"Order #{charge.order_number}",
            "metadata": {
                "payment_id": str(charge.payment_id),
                "order_id": str(charge.order_id),
                "shop": settings().public_url,
            },
        }
        try:
            with _answers():
                return _intent(self._intents.create(asked, {"idempotency_key": key}))
        except stripe.InvalidRequestError as error:
            if error.param not in CUSTOMERS_OWN:
                raise
            return Intent("", Outcome.CANCELED, charge.amount, charge.payment_id, error.code or str(error.param))

    def _of_payment(self, payment_id: UUID) -> Intent | None:
        age = now().timestamp() * 1000 - (payment_id.int >> 80)  # a UUIDv7 begins with its milliseconds
        for intent in self.recent(timedelta(milliseconds=age, minutes=5)):
            if intent.payment_id == payment_id and intent.outcome is not Outcome.CANCELED:
                return intent
        return None

    def _refund(self, asked: RefundCreateParams, key: str) -> Refund:
        with _answers():
            return _accepted(self._refunds.create(asked, {"idempotency_key": key}))

    def _refunds_of(self, intent_id: str) -> list[stripe.Refund]:
        with _answers():
            return self._refunds.list({"payment_intent": intent_id, "limit": PAGE}).data


@contextmanager
def _answers() -> Iterator[None]:
    """Tell an answer from none: a "no" passes as the client's own error, the rest becomes NoAnswer."""
    try:
        yield
    except stripe.IdempotencyError as error:  # the key was used with other parameters: an older release's
        raise Trapped(str(error)) from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise NoAnswer(str(error)) from error
    except stripe.APIError as error:
        busy = error.http_status == 409  # the same request is being answered right now
        raise (NoAnswer if busy else Trapped)(str(error)) from error


def _intent(answer: stripe.PaymentIntent) -> Intent:
    outcome = OUTCOMES.get(answer.status)
    if outcome is None:
        raise NoAnswer(f"the gateway's status {answer.status} of {answer.id} is unknown here")
    error = answer.last_payment_error
    if outcome is Outcome.DECLINED and answer.status == "requires_payment_method" and error is None:
        outcome = Outcome.UNASKED
    payment_id = _named(answer)
    decline = (error.decline_code or error.code) if error else None
    if outcome is Outcome.DECLINED:
        decline = decline or answer.status
    return Intent(answer.id, outcome, answer.amount, payment_id, decline, _metadata(answer, "shop"))


def _named(answer: stripe.PaymentIntent) -> UUID | None:
    """Return the payment that it says it is of; None if another shop of the same account made it."""
    try:
        return UUID(_metadata(answer, "payment_id") or "")
    except ValueError:
        return None


def _metadata(answer: stripe.PaymentIntent, name: str) -> str | None:
    metadata: Any = answer.metadata
    return metadata[name] if metadata and name in metadata else None


def _stands(refund: stripe.Refund) -> bool:
    return refund.status not in ("failed", "canceled")


def _accepted(refund: stripe.Refund) -> Refund:
    if not _stands(refund):
        raise RefundFailed(f"refund {refund.id} of {refund.payment_intent}: {refund.status}")
    return Refund(refund.id, done=refund.status == "succeeded")
