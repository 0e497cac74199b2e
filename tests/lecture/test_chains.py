"""Lecture, question 3: job chains.

    Bus::chain([                                               chain(
        new ProcessPayment($order),                                (process_payment, give_money_back),
        new UpdateInventory($order),                               update_inventory,
        new SendReceipt($order),                                   send_receipt,
    ])->dispatch();                                            ).dispatch(tx, order)

Beside the lecture: a chain is rows, so that it can be looked at, cancelled and resumed; and beside each link stands the
job that undoes it, for the day when a later one fails.
"""

from shared.jobs import operations
from shared.jobs.testing import drain, recording
from tests.lecture.jobs import buy, give_money_back, process_payment, send_receipt, update_inventory
from tests.ledger import Ledger


def test_one_link_runs_after_the_other(lecture: Ledger) -> None:
    # Given the lecture's chain, dispatched for an order
    with lecture.transaction() as tx:
        buy.dispatch(tx, "a walnut-desk")
    # When the workers have done their work
    drain(lecture.connection)
    # Then its links ran in order
    assert lecture.effects() == [
        "paid a walnut-desk",
        "took a walnut-desk out of stock",
        "sent the receipt of a walnut-desk",
    ]


def test_a_chain_can_be_looked_at_while_it_is_under_way(lecture: Ledger) -> None:
    with lecture.transaction() as tx:
        chain_id = buy.dispatch(tx, "a walnut-desk")
    # When its first link has run
    drain(lecture.connection, until=lecture.effects)
    # Then it is seen how far it is
    links = lecture.rows("select name, state from jobs where chain_id = %s order by link", (chain_id,))
    assert [tuple(link) for link in links] == [
        ("process_payment", "succeeded"),
        ("update_inventory", "scheduled"),
        ("send_receipt", "blocked"),
    ]


def test_when_a_link_fails_the_rest_does_not_run_and_what_was_done_is_undone(lecture: Ledger) -> None:
    # Given a chain whose second link fails for good
    with lecture.transaction() as tx:
        buy.dispatch(tx, "an order of nothing")
    drain(lecture.connection)
    # Then there is no receipt, and the money is given back
    assert lecture.effects() == ["paid an order of nothing", "gave back the money of an order of nothing"]
    assert [row.state for row in lecture.named("send_receipt")] == ["cancelled"]


def test_a_chain_is_cancelled_as_a_whole(lecture: Ledger) -> None:
    # Given a chain that is paid, and goes on
    with lecture.transaction() as tx:
        buy.dispatch(tx, "a walnut-desk")
    drain(lecture.connection, until=lecture.effects)
    # When any of its links is cancelled
    [receipt] = lecture.named("send_receipt")
    with lecture.transaction() as tx:
        operations.cancel(tx, [receipt.id], "the customer called")
    drain(lecture.connection)
    # Then nothing more of it runs, and the money is given back
    assert lecture.effects() == ["paid a walnut-desk", "gave back the money of a walnut-desk"]


def test_a_test_asks_what_was_chained(lecture: Ledger) -> None:
    with recording() as jobs, lecture.transaction() as tx:
        buy.dispatch(tx, "a walnut-desk")
    jobs.assert_chained([process_payment, update_inventory, send_receipt], "a walnut-desk")
    jobs.assert_chained([(process_payment, give_money_back), update_inventory, send_receipt])
