"""`BROADCAST_CONNECTION`: facts are told by Pusher's API, by the log, or to nobody; none is lost, and no job waits."""

import json
import time
from collections.abc import Mapping

import pytest

from shared.broadcasting import keys
from shared.broadcasting.publish import CONNECTIONS, MOST_BYTES, Pusher, Refused, Unreachable
from shared.broadcasting.said import Said
from shared.config import Settings, settings
from tests.facts import positions, stream
from tests.ledger import Ledger
from tests.ledger_jobs import write_down
from tests.pusher_api import PusherApi
from tests.waiting import wait_until

NOTHING = Said("App\\Events\\OrderShipped", ("private-orders.1",), '{"event_id": 1}')


def connect_to(environment: pytest.MonkeyPatch, named: Mapping[str, str]) -> None:
    for name, value in named.items():
        environment.setenv(name, value)
    settings.cache_clear()


def test_every_connection_that_can_be_set_is_there() -> None:
    assert set(CONNECTIONS) == set(Settings.model_fields["broadcast_connection"].annotation.__args__)  # type: ignore[union-attr]  # a Literal


def test_pusher_is_told_each_fact_in_order_as_the_official_package_signs_it(
    environment: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    # Given a relay that tells Pusher
    with PusherApi() as pusher:
        connect_to(environment, pusher.environment)
        ledger.relay()
        # When things happen
        for number in (1, 2, 3):
            ledger.place(number)
        wait_until(lambda: len(pusher.triggered) == 3)
        # Then it has each of them, with its name, its channels and its data
        assert pusher.events() == positions(ledger)
        first = pusher.triggered[0]
        assert first["name"] == "App\\Events\\OrderPlaced"
        assert len(first["channels"]) == 3
        assert json.loads(first["data"])["order"]["number"] == 1
        # And our own stream has nothing
        assert stream(ledger) == []


def test_while_pusher_is_out_of_order_facts_wait_and_jobs_do_not(
    environment: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    # Given a Pusher that is out of order
    with PusherApi(statuses=(500, 503) * 1_000) as pusher:
        connect_to(environment, pusher.environment)
        relay = ledger.relay()
        ledger.unit()
        ledger.place(1)
        wait_until(lambda: "facts wait" in relay.said())
        # When a job is dispatched meanwhile
        job = ledger.dispatch(write_down, "sawn")
        # Then it runs, although nothing is told yet
        ledger.wait_for(job, "succeeded")
        assert pusher.triggered == []
        # And when it is well again, nothing was lost
        pusher.recover()
        ledger.place(2)
        wait_until(lambda: len(pusher.events()) == 2, 40)  # signals, which may come as well, are no facts
        assert pusher.events() == positions(ledger)


def test_a_slow_pusher_does_not_slow_the_relay(environment: pytest.MonkeyPatch, ledger: Ledger) -> None:
    with PusherApi(seconds=1.0) as pusher:
        connect_to(environment, pusher.environment)
        ledger.relay()
        ledger.unit()
        for number in range(10):
            ledger.place(number)
        wait_until(ledger.all_expanded)
        began = time.monotonic()
        job = ledger.dispatch(write_down, "sawn")
        ledger.wait_for(job, "succeeded", 5)
        assert time.monotonic() - began < 5
        assert len(pusher.triggered) < 10


def test_a_fact_that_pusher_refuses_for_good_does_not_keep_the_others_waiting(
    environment: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    with PusherApi(statuses=(400,)) as pusher:
        connect_to(environment, pusher.environment)
        relay = ledger.relay()
        ledger.place(1)
        wait_until(lambda: "broadcast_refused" in relay.said())
        ledger.place(2)
        wait_until(lambda: pusher.events() == positions(ledger)[1:])


def test_more_than_a_hundred_channels_are_told_in_hundreds(environment: pytest.MonkeyPatch) -> None:
    with PusherApi() as pusher:
        connect_to(environment, pusher.environment)
        Pusher().say([NOTHING._replace(channels=[f"private-orders.{n}" for n in range(250)])])
    assert [len(one["channels"]) for one in pusher.triggered] == [100, 100, 50]


def test_a_sessions_end_is_not_for_pusher(environment: pytest.MonkeyPatch) -> None:
    with PusherApi() as pusher:
        connect_to(environment, pusher.environment)
        Pusher().say([NOTHING._replace(channels=[keys.session("7")])])
    assert pusher.triggered == []


def test_of_what_is_too_large_pushers_clients_are_told_that_there_is_something_to_fetch(
    environment: pytest.MonkeyPatch,
) -> None:
    large = json.dumps({"order": "ل" * MOST_BYTES, "event_id": 1042}, ensure_ascii=False)
    with PusherApi() as pusher:
        connect_to(environment, pusher.environment)
        Pusher().say([NOTHING._replace(data=large)])
    assert json.loads(pusher.triggered[0]["data"]) == {"refetch": True, "event_id": 1042}


@pytest.mark.parametrize(
    ("status", "what"),
    [(400, Refused), (401, Unreachable), (403, Unreachable), (413, Refused), (500, Unreachable)],
)
def test_what_cannot_go_well_later_is_told_from_what_can(
    environment: pytest.MonkeyPatch, status: int, what: type[Exception]
) -> None:
    with PusherApi(statuses=(status,)) as pusher:
        connect_to(environment, pusher.environment)
        with pytest.raises(what):
            Pusher().say([NOTHING])


def test_a_pusher_that_is_not_there_is_unreachable(environment: pytest.MonkeyPatch) -> None:
    with PusherApi() as pusher:
        connect_to(environment, pusher.environment)
    with pytest.raises(Unreachable):
        Pusher().say([NOTHING])


def test_the_log_has_a_line_of_each_fact(environment: pytest.MonkeyPatch, ledger: Ledger) -> None:
    connect_to(environment, {"BROADCAST_CONNECTION": "log"})
    relay = ledger.relay()
    ledger.place(1042)
    wait_until(lambda: "OrderPlaced" in relay.said())
    assert stream(ledger) == []


def test_who_comes_back_to_our_own_service_finds_a_stream_without_a_gap(
    environment: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    # Given a stream of one fact, and another that was told to nobody
    ledger.place(1)
    ledger.hand_over()
    connect_to(environment, {"BROADCAST_CONNECTION": "null"})
    relay = ledger.relay()
    ledger.place(2)
    wait_until(lambda: ledger.rows("select position from stream_cursor")[0].position == positions(ledger)[-1])
    relay.stop()
    # When facts go to our own streams again
    ledger.place(3)
    ledger.hand_over()
    ledger.hand_over()
    # Then all are there
    assert [entry_id for entry_id, _ in stream(ledger)] == [f"{position}-0" for position in positions(ledger)]
