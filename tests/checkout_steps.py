"""How far a check-out has come: each step takes an order that was just placed to another point of its way."""

from collections.abc import Callable

from services.worker.gateway import Intent, NoAnswer
from services.worker.inventory import reserve_stock
from services.worker.payments import charge_payment
from services.worker.stripe_gateway import StripeGateway
from tests.shop import PRICES, Shop, use

DESK = PRICES["walnut-desk"]


class DiesBeforeHolding(StripeGateway):
    """Killed after the intent exists there and before its id is written down here."""

    def confirm(self, intent_id: str) -> Intent:
        raise NoAnswer(f"killed before {intent_id} was confirmed")


def placed(shop: Shop) -> None:
    shop.expand()


def reserved(shop: Shop) -> None:
    shop.attempt(reserve_stock)


def known_to_the_gateway(shop: Shop) -> None:
    """The intent is written down, and nobody knows that it was never confirmed."""
    shop.attempt(reserve_stock)
    use(DiesBeforeHolding.from_settings())
    shop.attempt(charge_payment)
    use(StripeGateway.from_settings())


def charged_without_an_answer(shop: Shop) -> None:
    shop.attempt(reserve_stock)
    shop.sandbox.set(no_answer_after_charging=1)
    shop.attempt(charge_payment)


def paid(shop: Shop) -> None:
    shop.attempt(reserve_stock)
    shop.attempt(charge_payment)


def confirmed(shop: Shop) -> None:
    shop.work()


Step = Callable[[Shop], None]
CHARGED: list[Step] = [charged_without_an_answer, paid, confirmed]
STEPS: list[Step] = [placed, reserved, known_to_the_gateway, *CHARGED]
