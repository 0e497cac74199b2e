"""Orders watched live in the whole house: the lecture's lines with stock Echo, and echo.ts, which misses nothing."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from redis import Redis

from shared.broadcasting import keys
from tests.house import Customer
from tests.live_house import LiveHouse, live_house
from tests.ports import free_port
from tests.proxy import Proxy
from tests.scripts import Script
from tests.waiting import wait_until

FACTS = """
select position, name from events where position is not null and aggregate_id = %s and position > %s order by position
"""
SHIPPED_AND_TOLD = """
select 1 from events where aggregate_id = %s and position is not null
having count(*) filter (where name = 'OrderShipped') = 1 and count(*) filter (where name = 'NotificationSent') = 6
"""


class Street:
    """The house, a line to it that can be cut, and Layla."""

    def __init__(self, house: LiveHouse, line: Proxy) -> None:
        self.house, self.line = house, line
        self.layla = house.sign_in()
        self.desk = house.products()["walnut-desk"]

    def told(self, customer: Customer, **more: object) -> dict[str, object]:
        user = {"id": str(customer.id), "role": "customer"}
        return {"api": self.house.url, "pusher": self.house.pusher, "token": customer.token, "user": user, **more}

    def listening(self, order_id: UUID, customer: Customer | None = None, **more: object) -> Script:
        """Open a client of echo.ts that listens to an order."""
        client = Script("live.mjs", live=self.told(customer or self.layla, **more))
        client.tell(listen=f"orders.{order_id}")
        return client

    def waiting_order(self) -> UUID:
        """Place an order that waits for `house.resume()`; it is on the live stream already."""
        self.house.pause()
        order_id = self.house.order(self.layla, self.desk)
        wait_until(lambda: self.streamed(order_id))
        return order_id

    def until_told(self, order_id: UUID) -> list[list[object]]:
        """Wait until it is shipped, its customer told, and all of it streamed; return the facts after the first."""
        wait_until(lambda: self.house.sql(SHIPPED_AND_TOLD, order_id), 30)
        facts = self.facts(order_id)
        wait_until(lambda: self.streamed(order_id) >= len(facts) + 1)
        return facts

    def facts(self, order_id: UUID) -> list[list[object]]:
        """Return (position, name) of each fact of an order but the first."""
        return [list(row) for row in self.house.sql(FACTS, order_id, 0)][1:]

    def streamed(self, order_id: UUID) -> int:
        with Redis.from_url(self.house.redis.url) as redis:
            return int(redis.xlen(self.stream(order_id)))

    @staticmethod
    def stream(order_id: UUID) -> str:
        return keys.channel(f"private-orders.{order_id}")


@pytest.fixture(scope="module")
def street(request: pytest.FixtureRequest) -> Iterator[Street]:
    with Proxy(free_port()) as line, live_house(request, ports=[line.target], pusher_port=line.port) as house:
        yield Street(house, line)


@pytest.fixture(autouse=True)
def _nothing_stays_broken(street: Street) -> Iterator[None]:
    yield
    street.line.mend()
    street.house.resume()
    street.house.api.up()
    street.house.wait_for_api()


def test_the_lecture_lines_hear_that_the_order_was_shipped(street: Street) -> None:
    # Given an order, and the lecture's client with stock laravel-echo and pusher-js
    order_id = street.waiting_order()
    told = {**street.told(street.layla), "orderId": str(order_id)}
    with Script("lecture.mjs", lecture=told) as client:
        client.wait_for("subscribed")
        # When the order goes its way
        street.house.resume()
        # Then OrderShipped arrives, with the order in it
        (order,) = client.wait_for("order")
        assert (order["id"], order["status"]) == (str(order_id), "shipped")
        assert [(line["slug"], line["quantity"]) for line in order["items"]] == [("walnut-desk", 1)]
        assert "Order shipped!" in client.noise


def cut(street: Street) -> None:
    street.line.cut()


def kill_the_node(street: Street) -> None:
    """Also cut: the node is back sooner than the order is shipped."""
    street.house.nodes[0].kill()
    street.line.cut()


def stop_the_node(street: Street) -> None:
    """As a deploy does: it says goodbye to its clients, and is started again."""
    street.house.nodes[0].end()
    street.line.cut()
    street.house.nodes[0].up()


@pytest.mark.parametrize("lose", [cut, kill_the_node, stop_the_node])
def test_what_happens_while_the_line_is_lost_is_heard_afterwards_in_order_and_once(
    street: Street, lose: Callable[[Street], None]
) -> None:
    # Given a client that follows an order, and has heard nothing of it yet
    order_id = street.waiting_order()
    with street.listening(order_id) as client:
        client.wait_for("state", "live")
        client.wait_for("subscribed")
        # When the line is lost, and the order is shipped meanwhile
        lose(street)
        client.wait_for("state", "reconnecting")
        street.house.resume()
        facts = street.until_told(order_id)
        assert client.all("heard") == []
        # And the line is back
        street.house.wait_for_nodes()
        street.line.mend()
        # Then each fact is heard, in order, and once
        client.wait_for("state", "live", times=2)
        client.wait_for("heard", times=len(facts))
        assert [name for _, name in facts][-1] in ("OrderShipped", "NotificationSent")
        assert client.all("heard") == facts
        assert client.all("refetch") == []


def test_a_second_loss_goes_on_from_what_was_heard(street: Street) -> None:
    order_id = street.waiting_order()
    with street.listening(order_id) as client:
        client.wait_for("subscribed")
        # Given that all was heard live
        street.house.resume()
        facts = street.until_told(order_id)
        client.wait_for("heard", times=len(facts))
        # When the line is lost and comes back
        street.line.cut()
        client.wait_for("state", "reconnecting")
        street.line.mend()
        client.wait_for("subscribed", times=2)
        # Then nothing is heard again
        marker = street.waiting_order()
        client.tell(listen=f"orders.{marker}")
        street.house.resume()
        client.wait_for("heard", times=len(facts) + 1)
        assert client.all("heard")[: len(facts)] == facts
        assert client.all("refetch") == []


def test_who_missed_too_much_is_told_to_fetch_the_truth(street: Street) -> None:
    order_id = street.waiting_order()
    with street.listening(order_id) as client:
        client.wait_for("subscribed")
        # Given a line that was lost for so long that the order's stream forgot what happened
        street.line.cut()
        client.wait_for("state", "reconnecting")
        street.house.resume()
        street.until_told(order_id)
        with Redis.from_url(street.house.redis.url) as redis:
            redis.xtrim(street.stream(order_id), maxlen=1, approximate=False)
        # When it comes back
        street.line.mend()
        # Then the client does not pretend to know
        assert client.wait_for("refetch") == [f"private-orders.{order_id}"]
        client.wait_for("state", "live", times=2)
        assert client.all("heard") == []


def test_after_a_wipe_of_redis_everybody_fetches_the_truth_and_hears_on(street: Street) -> None:
    order_id = street.waiting_order()
    with street.listening(order_id) as client:
        client.wait_for("subscribed")
        # When Redis is wiped under a line that holds
        street.house.flush()
        # Then the client is told so
        assert client.wait_for("refetch") == [f"private-orders.{order_id}"]
        # And what happens from now on is heard, in order, and once
        street.house.resume()
        wait_until(lambda: street.house.sql(SHIPPED_AND_TOLD, order_id), 30)
        facts = street.facts(order_id)
        client.wait_for("heard", facts[-1])
        assert [fact for fact in client.all("heard") if fact in facts] == facts
        assert client.all("state") in (["connecting", "live"], ["connecting", "catching-up", "live"])


def test_a_client_catches_up_as_soon_as_the_api_is_back(street: Street) -> None:
    order_id = street.waiting_order()
    with street.listening(order_id) as client:
        client.wait_for("subscribed")
        # Given that the line is lost, and the API with it
        street.line.cut()
        client.wait_for("state", "reconnecting")
        street.house.resume()
        facts = street.until_told(order_id)
        street.house.api.down()
        # When the line is back alone
        street.line.mend()
        # Then the page does not say that it is live
        client.wait_for("state", "catching-up", times=2)
        client.wait_for("refused")
        assert client.all("state")[-1] == "catching-up"
        # And when the API is back, too, then nothing is missing
        street.house.api.up()
        street.house.wait_for_api()
        client.wait_for("heard", times=len(facts))
        client.wait_for("state", "live", times=2)
        assert client.all("heard") == facts


def test_another_customers_order_is_not_heard(street: Street) -> None:
    order_id = street.waiting_order()
    omar = street.house.sign_in("omar@example.com")
    with street.listening(order_id, omar) as client:
        assert client.wait_for("refused") == [[f"orders.{order_id}", 403]]
        client.wait_for("state", "live")
        street.house.resume()
        street.until_told(order_id)
        assert client.all("heard") == []


def test_the_token_is_renewed_before_it_is_old(street: Street) -> None:
    order_id = street.waiting_order()
    with street.listening(order_id, expires_in=2) as client:
        client.wait_for("subscribed")
        old = f"Bearer {street.layla.token}"

        def is_new() -> bool:
            client.tell(token=True)
            return bool(set(client.all("token")) - {old})

        wait_until(is_new)
        # And the new one is good for listening
        client.tell(leave=f"orders.{order_id}")
        client.tell(listen=f"orders.{order_id}")
        client.wait_for("subscribed", times=2)


def test_signing_out_closes_the_line_for_good(street: Street) -> None:
    order_id = street.waiting_order()
    with street.listening(order_id, street.house.sign_in()) as client:
        client.wait_for("subscribed")
        client.tell(signOut=True)
        client.wait_for("state", "closed")


def test_a_session_that_ended_unheard_is_noticed_when_the_client_comes_back(street: Street) -> None:
    order_id, layla = street.waiting_order(), street.house.sign_in()
    with street.listening(order_id, layla) as client:
        client.wait_for("subscribed")
        # Given a line that is lost while the session ends
        street.line.cut()
        client.wait_for("state", "reconnecting")
        street.house.http.delete("/sessions/current", headers=layla.headers).raise_for_status()
        # When it comes back, then the client knows that somebody has to sign in again
        street.line.mend()
        client.wait_for("ended")
        client.wait_for("state", "closed")
