"""Events are read long after they were written: the shape of each version is kept in tests/golden, for ever."""

import json
import re
from pathlib import Path

import pytest

from shared.broadcasting import keys
from shared.broadcasting.names import is_channel, split
from shared.domain.orders import OrderStatus
from shared.events.catalogue import EVENTS, NotificationStored, OrderEvent, SessionRevoked, load
from shared.events.event import Event
from tests.events import FOLDER, golden, golden_payload

STORED = sorted(FOLDER.glob("*.json"))


def each_event(event: type[Event]) -> str:
    return event.__name__


@pytest.mark.parametrize("event", EVENTS, ids=each_event)
def test_an_event_is_written_exactly_as_its_golden_payload(event: type[Event]) -> None:
    # Given the payload of this version, as it was written when the version was made
    stored = golden_payload(event.__name__, event.version)
    # When it is read and written again
    written = json.loads(golden(event).model_dump_json())
    # Then it is the same: who changes a field raises the version, and stores another payload beside this one
    assert written == stored


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_what_was_ever_written_can_still_be_read(path: Path) -> None:
    name, version = path.stem.split("-")
    event = load(name, int(version), json.loads(path.read_text()))
    assert type(event) in EVENTS
    assert load(name, int(version), path.read_text()) == event


@pytest.mark.parametrize("event", EVENTS, ids=each_event)
def test_an_event_knows_whose_it_is_and_is_heard_on_private_channels_only(event: type[Event]) -> None:
    one = golden(event)
    assert one.aggregate_id.version in (5, 7)
    assert re.fullmatch("[a-z]+", one.aggregate)
    if event is not SessionRevoked:
        assert all(is_channel(channel) and split(channel)[0] == "private-" for channel in one.broadcast_on())


@pytest.mark.parametrize("event", [event for event in EVENTS if event is not NotificationStored], ids=each_event)
def test_an_event_is_called_on_the_wire_as_laravel_calls_its_class(event: type[Event]) -> None:
    assert event.broadcast_as() == f"App\\Events\\{event.__name__}"


def test_the_end_of_a_session_is_told_where_no_client_can_listen() -> None:
    one = golden(SessionRevoked)
    assert isinstance(one, SessionRevoked)
    (channel,) = one.broadcast_on()
    assert keys.ended_session(channel) == str(one.session_id)
    assert not is_channel(channel)


def test_what_is_kept_in_the_inbox_is_told_in_laravels_form() -> None:
    one = golden(NotificationStored)
    assert isinstance(one, NotificationStored)
    assert one.broadcast_as() == "Illuminate\\Notifications\\Events\\BroadcastNotificationCreated"
    assert one.broadcast_on() == (f"private-App.Models.User.{one.user_id}",)
    assert one.type == keys.wire_notification(one.kind) == "App\\Notifications\\OrderShipped"


@pytest.mark.parametrize("event", [event for event in EVENTS if issubclass(event, OrderEvent)], ids=each_event)
def test_an_orders_event_is_heard_by_its_owner_and_by_operators(event: type[Event]) -> None:
    one = golden(event)
    assert isinstance(one, OrderEvent)
    assert set(one.broadcast_on()) == {
        f"private-orders.{one.order.id}",
        f"private-user.{one.order.user_id}",
        "private-orders",
    }
    assert one.aggregate_version == one.order.version


def test_a_golden_order_stands_where_its_event_says() -> None:
    statuses = {
        "OrderPlaced": OrderStatus.PLACED,
        "StockReserved": OrderStatus.RESERVED,
        "OrderConfirmed": OrderStatus.CONFIRMED,
        "OrderRejected": OrderStatus.REJECTED,
        "OrderCancellationRequested": OrderStatus.CONFIRMED,
        "OrderCancelled": OrderStatus.CANCELLED,
        "OrderExpired": OrderStatus.EXPIRED,
        "OrderShipped": OrderStatus.SHIPPED,
        "PaymentRefunded": OrderStatus.CANCELLED,
    }
    orders = {event.__name__: golden(event) for event in EVENTS if issubclass(event, OrderEvent)}
    assert {name: one.order.status for name, one in orders.items() if isinstance(one, OrderEvent)} == statuses
