"""What the API signs and what a realtime node believes, in the whole house: Omar hears nothing of Layla's order."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from shared.broadcasting.signatures import sign_channel
from tests.house import Customer
from tests.listening import Listening
from tests.live_house import LiveHouse, live_house
from tests.realtime_client import KEY, Client, Frame, refused, succeeded
from tests.waiting import wait_until


@dataclass(frozen=True)
class Ticket:
    """What the API gave somebody for one socket and one channel."""

    channel: str
    auth: str
    channel_data: str


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[LiveHouse]:
    with live_house(request) as house:
        yield house


@pytest.fixture
def layla(house: LiveHouse) -> Customer:
    return house.sign_in()


@pytest.fixture
def omar(house: LiveHouse) -> Customer:
    return house.sign_in("omar@example.com")


@pytest.fixture
def order(house: LiveHouse, layla: Customer) -> UUID:
    return house.order(layla, house.products()["walnut-desk"])


@pytest.fixture
def socket(house: LiveHouse) -> Iterator[Client]:
    with Client(house.ports[0]) as client:
        yield client


def ask(house: LiveHouse, who: Customer, client: Client, channel: str) -> httpx.Response:
    form = {"socket_id": client.socket_id, "channel_name": channel}
    return house.http.post("/broadcasting/auth", data=form, headers=who.headers)


def ticket(house: LiveHouse, who: Customer, client: Client, channel: str) -> Ticket:
    told = ask(house, who, client, channel).raise_for_status().json()
    return Ticket(channel, told["auth"], told["channel_data"])


def enter(client: Client, ticket: Ticket, channel: str = "") -> Frame:
    return client.subscribe(channel or ticket.channel, ticket.channel_data, auth=ticket.auth)


def test_layla_hears_her_order(house: LiveHouse, layla: Customer, order: UUID, socket: Client) -> None:
    # When
    assert succeeded(enter(socket, ticket(house, layla, socket, f"private-orders.{order}")))
    # Then
    shipped = socket.until(r"App\Events\OrderShipped", 20)
    assert json.loads(shipped["data"])["order"]["id"] == str(order)


def replayed(house: LiveHouse, layla: Customer, omar: Customer, order: UUID, mine: Client) -> Ticket:
    """Layla's own, which was given for her socket."""
    assert omar
    with Client(house.ports[0]) as hers:
        theirs = ticket(house, layla, hers, f"private-orders.{order}")
        assert hers.socket_id != mine.socket_id
        return theirs


def swapped(house: LiveHouse, layla: Customer, omar: Customer, order: UUID, mine: Client) -> Ticket:
    """Omar's own for what he may hear, taken for what he may not."""
    assert layla
    his = ticket(house, omar, mine, f"private-user.{omar.id}")
    return Ticket(f"private-orders.{order}", his.auth, his.channel_data)


def forged(_house: LiveHouse, _layla: Customer, _omar: Customer, order: UUID, mine: Client) -> Ticket:
    """Signed as well as one can who does not know the secret."""
    channel, data = f"private-orders.{order}", '{"after":null}'
    return Ticket(channel, f"{KEY}:{sign_channel('taboor-guess', mine.socket_id, channel, data)}", data)


def with_other_data(house: LiveHouse, _layla: Customer, omar: Customer, order: UUID, mine: Client) -> Ticket:
    """Omar's own, its data and channel run together so that the signed text looks alike."""
    his = ticket(house, omar, mine, f"private-user.{omar.id}")
    return Ticket(f"private-orders.{order}", his.auth, f"{his.channel}:{his.channel_data}")


@pytest.mark.parametrize("trick", [replayed, swapped, forged, with_other_data])
def test_omar_does_not_whatever_he_shows(  # noqa: PLR0917 - everybody is there
    house: LiveHouse,
    layla: Customer,
    omar: Customer,
    order: UUID,
    socket: Client,
    trick: Callable[[LiveHouse, Customer, Customer, UUID, Client], Ticket],
) -> None:
    # Given that the API gives him nothing
    assert ask(house, omar, socket, f"private-orders.{order}").status_code == 403
    # When / Then
    assert refused(enter(socket, trick(house, layla, omar, order, socket)))
    # And when the order is shipped, nothing was said to him
    house.wait_for_status(order, "shipped")
    assert socket.nothing_came()


def test_the_sockets_of_a_session_are_closed_when_it_ends_and_no_others(
    house: LiveHouse, layla: Customer, order: UUID
) -> None:
    # Given Layla at two places, signed in twice
    elsewhere = house.sign_in()
    channel = f"private-orders.{order}"
    with Client(house.ports[0]) as here, Client(house.ports[0]) as there:
        late = ticket(house, layla, there, f"private-user.{layla.id}")
        assert succeeded(enter(here, ticket(house, layla, here, channel)))
        assert succeeded(enter(there, ticket(house, elsewhere, there, channel)))
        # When she signs out of one
        house.http.delete("/sessions/current", headers=layla.headers).raise_for_status()
        # Then that place is closed, for good; a ticket that it was given is worth nothing any more
        assert here.closed(10)[0] == 4009
        assert ask(house, layla, there, channel).status_code == 401
        assert refused(enter(there, late))
        # And the other goes on
        assert there.alive()


def test_without_a_socket_the_order_is_followed_from_the_first_to_the_last(house: LiveHouse, layla: Customer) -> None:
    # Given
    with httpx.Client(base_url=house.url, headers=layla.headers) as http, Listening(http, [f"user.{layla.id}"]) as all_:
        wait_until(lambda: all_.blocks)
        # When
        order = house.order(layla, house.products()["walnut-desk"])
        facts = "select name, position::text from events where aggregate_id = %s order by events.position"
        wait_until(lambda: "OrderShipped" in [name for name, _ in all_.events], 20)
        house.wait_until_quiet()
        told = [tuple(row) for row in house.sql(facts, order)]
        # Then all of it was heard, in order; and whoever comes late hears it all the same
        wait_until(lambda: len([one for one in all_.events if one in told]) == len(told))
        assert [one for one in all_.events if one in told] == told
        with Listening(http, [f"orders.{order}"], after=int(told[0][1]) - 1) as late:
            wait_until(lambda: len(late.events) == len(told))
            assert late.events == told
