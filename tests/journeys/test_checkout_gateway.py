"""The gateway answers nothing, or nonsense, in the middle of a charge: exactly one charge, whatever is asked again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID

import pytest

from services.worker.gateway import Charge, Intent, NoAnswer
from services.worker.inventory import reserve_stock
from services.worker.orders import cancel_order
from services.worker.payments import charge_payment, settle_from_gateway
from services.worker.stripe_gateway import StripeGateway
from shared.db.engine import thread_connection
from shared.jobs.runner import run
from shared.jobs.running import Claimed
from tests.shop import PRICES, Shop, use

DESK = PRICES["walnut-desk"]


def run_and_let_go(claimed: Claimed) -> None:
    """Run an attempt on a thread of its own, with its own connection."""
    run(claimed)
    thread_connection().close()


class Slow(StripeGateway):
    """A worker that freezes before one of its calls, until it is woken."""

    def __init__(self, shop: Shop, before: str) -> None:
        super().__init__("sk_test_taboor", shop.sandbox.url)
        self.before = before
        self.reached, self.woken = Event(), Event()

    def freeze(self, call: str) -> None:
        if call == self.before and not self.reached.is_set():
            self.reached.set()
            assert self.woken.wait(20)

    def create(self, charge: Charge) -> Intent:
        intent = super().create(charge)
        self.freeze("hold")  # created there, and not yet written down here
        return intent

    def confirm(self, intent_id: str) -> Intent:
        self.freeze("confirm")
        intent = super().confirm(intent_id)
        self.freeze("settle")
        return intent


class DiesAfterCreating(StripeGateway):
    """A process that is killed between the gateway's answer and its own commit."""

    def create(self, charge: Charge) -> Intent:
        super().create(charge)
        raise NoAnswer("nobody was left to hear it")


class LosesBeforeConfirming(StripeGateway):
    """A worker that freezes just before it confirms, until long after its attempt was given up."""

    def confirm(self, intent_id: str) -> Intent:
        raise NoAnswer(f"frozen before {intent_id} was confirmed")


class IsOvertaken(StripeGateway):
    """Sees an unconfirmed intent; before it can say so the sleeper wakes and confirms, and the report is heard."""

    overtaken = False

    def retrieve(self, intent_id: str) -> Intent:
        seen = super().retrieve(intent_id)
        if not self.overtaken:
            self.overtaken = True
            self.confirm(intent_id)
            with ThreadPoolExecutor(1) as another:
                another.submit(hear_of, seen.payment_id).result(20)
        return seen


def hear_of(payment_id: UUID | None) -> None:
    settle_from_gateway.now(str(payment_id))
    thread_connection().close()


@pytest.mark.parametrize("forgotten", [False, True], ids=["keys remembered", "keys forgotten"])
@pytest.mark.parametrize(
    "trouble",
    [
        "no_answer_after_charging",
        "no_answer_before_charging",
        "stored_500_after_charging",
        "stored_500_before_charging",
    ],
)
def test_no_answer_to_a_charge_ends_in_exactly_one_charge(shop: Shop, trouble: str, forgotten: bool) -> None:
    # Given a reserved desk, and a gateway that charges, or does not, and does not say so
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    shop.sandbox.set(**{trouble: 1})

    # When the first attempt gets no answer
    shop.attempt(charge_payment)

    # Then the outcome is unknown, and nothing is released or guessed
    assert shop.jobs()["charge_payment"] == "scheduled"
    assert (shop.payment(order).status, shop.payment(order).doubt) == ("pending", "confirming")
    assert shop.product() == (1, 1, 0)

    # When the gateway has forgotten the key, perhaps, and the job is tried again
    if forgotten:
        shop.sandbox.forget_keys()
    shop.work()

    # Then the order is confirmed, and charged once
    assert shop.status(order) == ("confirmed", None)
    assert shop.charges() == [(DESK, 0)]
    assert shop.check_books() == []


def test_a_gateway_that_never_answers_for_a_while_is_waited_for(shop: Shop) -> None:
    # Given a gateway that loses its next three answers, charging or not as it likes
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.sandbox.set(no_answer_before_charging=2, stored_500_after_charging=1)

    # When the check-out goes on trying
    shop.work()

    # Then there is one charge
    assert shop.status(order) == ("confirmed", None)
    assert shop.charges() == [(DESK, 0)]


def test_a_payment_that_takes_its_time_is_waited_for(shop: Shop) -> None:
    # Given a bank that thinks for a third of a second
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.sandbox.set(processing_ms=300)

    # When the check-out goes on
    shop.work()

    # Then waiting burned no try, and the order is confirmed
    row = shop.connection.execute("select failures, deferrals from jobs where name = 'charge_payment'").fetchone()
    assert row is not None
    assert row.failures == 0
    assert row.deferrals >= 1
    assert shop.status(order) == ("confirmed", None)
    assert shop.charges() == [(DESK, 0)]


def test_an_answer_lost_after_creating_the_intent_is_found_again(shop: Shop) -> None:
    # Given a worker that dies with the gateway's answer to `create`, and a gateway that then forgets its keys
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    use(DiesAfterCreating.from_settings())
    shop.attempt(charge_payment)
    assert shop.payment(order).intent_id is None
    use(StripeGateway.from_settings())
    shop.sandbox.forget_keys()

    # When the job is tried again
    shop.work()

    # Then one intent is charged; another, if there is one, never was and never will be
    assert shop.status(order) == ("confirmed", None)
    assert shop.charges() == [(DESK, 0)]
    assert shop.check_books() == []


def test_a_create_key_that_repeats_an_error_for_ever_does_not_trap_the_order(shop: Shop) -> None:
    # Given the key of this payment used up by an older release, with other parameters: an error from now on
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    use(DiesAfterCreating.from_settings())
    shop.attempt(charge_payment)
    key = f"payment:{shop.payment(order).id}:create"
    shop.sandbox.forget_keys()
    shop.sandbox.gateway().v1.payment_intents.create({"amount": 1, "currency": "egp"}, {"idempotency_key": key})

    # When the job is tried again
    use(StripeGateway.from_settings())
    shop.work()

    # Then it adopts the intent that is there, instead of asking with that key for a day
    assert shop.status(order) == ("confirmed", None)
    assert shop.charges() == [(DESK, 0)]
    ours = [i["id"] for i in shop.intents() if i["metadata"].get("payment_id") == str(shop.payment(order).id)]
    assert ours == [shop.payment(order).intent_id]


@pytest.mark.parametrize("where", ["hold", "confirm"])
def test_an_attempt_frozen_before_the_charge_that_wakes_after_the_cancellation_charges_nothing(
    shop: Shop, where: str
) -> None:
    # Given an attempt that froze before it wrote the intent down, or just before it confirmed it
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    frozen = Slow(shop, where)
    use(frozen)
    with ThreadPoolExecutor(1) as thread:
        sleeper = thread.submit(run_and_let_go, shop.one(charge_payment))
        assert frozen.reached.wait(10)

        # When the customer cancels meanwhile, and only then the sleeper wakes, still holding its job
        shop.request_cancellation(order)
        shop.attempt(cancel_order)
        assert shop.status(order) == ("cancelled", "cancelled_by_customer")
        frozen.woken.set()
        sleeper.result(20)
    shop.work()

    # Then nothing was charged, and nothing can be
    assert shop.charges() == []
    assert {intent["status"] for intent in shop.intents()} == {"canceled"}
    assert shop.product() == (1, 0, 0)
    assert shop.jobs()["confirm_order"] == "cancelled"
    assert shop.check_books() == []


def test_an_attempt_that_wakes_between_the_wish_to_cancel_and_its_doing_charges_nothing(shop: Shop) -> None:
    # Given an attempt that froze before it wrote the intent down
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    frozen = Slow(shop, "hold")
    use(frozen)
    with ThreadPoolExecutor(1) as thread:
        sleeper = thread.submit(run_and_let_go, shop.one(charge_payment))
        assert frozen.reached.wait(10)

        # When the customer asks to cancel, and the sleeper wakes before the job that does it
        shop.request_cancellation(order)
        frozen.woken.set()
        sleeper.result(20)

    # Then the card was not charged, not even for a moment
    shop.work()
    assert shop.status(order) == ("cancelled", "cancelled_by_customer")
    assert shop.charges() == []
    assert shop.product() == (1, 0, 0)
    assert shop.check_books() == []


@pytest.mark.parametrize("where", ["hold", "confirm", "settle"])
def test_an_attempt_that_lost_its_lease_writes_nothing_and_the_next_one_ends_it(shop: Shop, where: str) -> None:
    # Given an attempt that froze for longer than its lease
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    frozen = Slow(shop, where)
    use(frozen)
    with ThreadPoolExecutor(1) as thread:
        sleeper = thread.submit(run_and_let_go, shop.one(charge_payment))
        assert frozen.reached.wait(10)
        shop.lose_leases()

        # When another attempt runs to the end, and then the sleeper wakes
        shop.work()
        assert shop.status(order) == ("confirmed", None)
        frozen.woken.set()
        sleeper.result(20)

    # Then there is one charge, and the sleeper's late words changed nothing
    assert shop.charges() == [(DESK, 0)]
    assert shop.facts(order) == ["OrderPlaced", "StockReserved", "OrderConfirmed"]
    assert shop.check_books() == []


def test_a_charge_that_a_sleeper_made_meanwhile_is_no_reason_to_end_the_check_out(shop: Shop) -> None:
    # Given an attempt that wrote the intent down and froze before it confirmed it
    shop.stock(walnut_desk=1)
    order = shop.place(walnut_desk=1)
    shop.attempt(reserve_stock)
    use(LosesBeforeConfirming.from_settings())
    shop.attempt(charge_payment)

    # When the next attempt finds the intent unconfirmed, while the sleeper's charge and its report come in between
    use(IsOvertaken.from_settings())
    shop.attempt(charge_payment)
    shop.work()

    # Then the order is confirmed by its check-out, charged once
    assert shop.status(order) == ("confirmed", None)
    assert shop.chain_ended() is None
    assert shop.charges() == [(DESK, 0)]
    assert shop.check_books() == []
