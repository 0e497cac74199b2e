"""A process that freezes in the worst moment, holding what others need, stops nobody for long."""

import time
from functools import partial

import psutil
import pytest

from tests.audited import Tell
from tests.house import LEASE, LOCKED, House, Open
from tests.supervised import Supervised
from tests.waiting import noticed_that_its_attempt_is_over, wait_until

FLOWS_AGAIN_WITHIN = 5.0
ANSWERS_AFTER = 1000  # milliseconds: well before the lease of who asked has run out
LEADS = """
select a.client_port from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.objid = 7482 and a.wait_event_type = 'Lock'
"""
#: The claim gave a lease from its own moment on; what is written before an outside call prolongs it.
PAST_ITS_FENCE = """
select 1 from jobs where name = 'send_sms' and state = 'running' and attempt > 1
and lease_until > started_at + make_interval(secs => %s) + interval '1 ms'
"""
IDLE_IN_TRANSACTION = "select 1 from pg_stat_activity where client_port = %s and state = 'idle in transaction'"


def owner(processes: list[Supervised], port: int) -> Supervised:
    """Return the process whose connection to PostgreSQL that is."""
    for process in processes:
        if port in {connection.laddr.port for connection in psutil.Process(process.pid).net_connections("tcp")}:
            return process
    raise AssertionError(f"port {port} is nobody's")


@pytest.mark.alone
@pytest.mark.proof
def test_orders_flow_again_when_the_leading_relay_freezes_in_the_middle_of_a_turn(house: House, tell: Tell) -> None:
    customer, product = house.customers(1)[0], house.products()["cotton-rug"]
    # Given a relay that leads and is in the middle of its turn
    with house.holding("lock table stream_cursor in access exclusive mode"):
        before = house.order(customer, product)
        ((port,),) = wait_until(partial(house.sql, LEADS))
        leader = owner(house.relays, port)
        # When it freezes
        leader.freeze()
    frozen = time.monotonic()
    wait_until(partial(house.sql, IDLE_IN_TRANSACTION, port))
    after = house.order(customer, product)
    # Then the other one leads
    for order_id in (before, after):
        house.wait_for_status(order_id, "confirmed", "shipped")
    flows = time.monotonic() - frozen
    # And when it wakes up, nothing happens twice
    leader.thaw()
    house.wait_until_quiet()
    last = house.order(customer, product)
    house.wait_until_quiet()
    tell(flows_again_after=flows, **house.check([before, after, last]))
    assert flows < FLOWS_AGAIN_WITHIN


@pytest.mark.alone
@pytest.mark.proof
def test_orders_flow_again_when_a_worker_freezes_while_it_finishes_a_job(house: House, tell: Tell) -> None:
    customer, product = house.customers(1)[0], house.products()["cotton-rug"]
    # Given a worker inside finishing(), about to lock its order and to write
    house.pause()
    before = house.order(customer, product)
    with house.holding(LOCKED, before):
        house.resume()
        unit = house.unit_of(before, "reserve_stock")
        house.wait_for_lock()
        # When it freezes, and gets the lock
        unit.freeze()
    frozen = time.monotonic()
    wait_until(partial(house.sql, "select 1 from pg_stat_activity where state = 'idle in transaction'"))
    after = house.order(customer, product)
    # Then its session ends, its lease too, and others go on
    for order_id in (after, before):
        house.wait_for_status(order_id, "confirmed", "shipped")
    flows = time.monotonic() - frozen
    # And when it wakes up, it finds that the job is not its own any more
    unit.thaw()
    house.wait_until_quiet()
    last = house.order(customer, product)
    house.wait_until_quiet()
    tell(flows_again_after=flows, **house.check([before, after, last]))
    assert flows < FLOWS_AGAIN_WITHIN


@pytest.mark.alone
@pytest.mark.proof
def test_an_sms_is_sent_once_though_its_sender_froze_after_asking_whether_it_was_there(
    open_house: Open, tell: Tell
) -> None:
    house = open_house(demo_ships_after_seconds=10)
    customer, product = house.customers(1)[0], house.products()["cotton-rug"]
    # Given an SMS that could not be sent, so that the next attempt asks the slow carrier for it first
    house.sandbox.set(sms_down=True)
    order_id = house.order(customer, product)
    wait_until(partial(house.sql, "select 1 from jobs where name = 'send_sms' and failures > 0"))
    house.sandbox.set(sms_down=False, slow_ms=ANSWERS_AFTER)
    unit = house.unit_of(order_id, "send_sms")
    wait_until(partial(house.sql, PAST_ITS_FENCE, LEASE))
    # When it freezes while it waits for the answer, and another attempt sends it
    unit.freeze()
    house.sandbox.set(slow_ms=0)
    wait_until(lambda: house.sandbox.mailbox(channel="sms"), 20)
    # And it wakes up, with an answer that is not true any more
    unit.thaw()
    wait_until(lambda: noticed_that_its_attempt_is_over(unit.said()), 20)
    house.wait_until_quiet()
    figures = house.check([order_id])
    tell(**figures)
    assert figures["copies of texts"] == 0
