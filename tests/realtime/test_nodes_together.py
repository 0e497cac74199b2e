"""Two nodes are one service: what one is told the other says; presence, client events and users are shared."""

import json
from collections.abc import Iterator

import pytest

from tests.realtime_client import Client, succeeded
from tests.realtime_cluster import Cluster
from tests.waiting import wait_until

LAYLA = '{"user_id":"layla","user_info":{"name":"ليلى"}}'
OMAR = '{"user_id":"omar"}'


@pytest.fixture
def layla(two: Cluster) -> Iterator[Client]:
    """On the first node."""
    with two.client(0) as client:
        yield client


@pytest.fixture
def omar(two: Cluster) -> Iterator[Client]:
    """On the second."""
    with two.client(1) as client:
        yield client


def test_a_fact_is_heard_on_both(two: Cluster, layla: Client, omar: Client) -> None:
    for client in (layla, omar):
        client.subscribe("products")
    two.fact("products", data='{"sku":"walnut-desk"}')
    for client in (layla, omar):
        heard = {"event": "App\\Events\\OrderShipped", "channel": "products", "data": '{"sku":"walnut-desk"}'}
        assert client.next() == heard


def test_what_is_published_at_one_is_heard_at_the_other_but_by_whom_it_comes_from(
    two: Cluster, layla: Client, omar: Client
) -> None:
    for client in (layla, omar):
        client.subscribe("products")
    two.nodes[1].app().trigger("products", "moved", "1", socket_id=layla.socket_id)
    two.nodes[1].app().trigger("products", "moved", "2")
    assert [omar.next()["data"], omar.next()["data"], layla.next()["data"]] == ["1", "2", "2"]


def test_a_client_event_reaches_the_other_node_once(two: Cluster, layla: Client, omar: Client) -> None:
    with two.client(0) as nour:
        for client in (layla, omar, nour):
            assert succeeded(client.subscribe("private-room"))
        layla.say("client-typing", {"من": "ليلى"}, channel="private-room")
        for client in (omar, nour):
            assert client.next() == {"event": "client-typing", "channel": "private-room", "data": {"من": "ليلى"}}
        two.app().trigger("private-room", "end", "1")
        assert [client.next()["event"] for client in (layla, omar, nour)] == ["end", "end", "end"]


def test_members_of_both_nodes_see_each_other_come_and_go(two: Cluster, layla: Client, omar: Client) -> None:
    # Given Layla here and Omar there
    layla.subscribe("presence-shop", LAYLA)
    answer = omar.subscribe("presence-shop", OMAR)
    members = json.loads(answer["data"])["presence"]
    assert (members["count"], sorted(members["ids"])) == (2, ["layla", "omar"])
    assert members["hash"] == {"layla": {"name": "ليلى"}, "omar": None}
    assert json.loads(layla.next()["data"]) == {"user_id": "omar"}
    # When Layla opens a second tab on the other node, and closes the first, then nobody sees a difference
    with two.client(1) as tab:
        assert succeeded(tab.subscribe("presence-shop", LAYLA))
        layla.unsubscribe("presence-shop")
        assert layla.alive()
        assert omar.nothing_came()
        tab.say("client-typing", {}, channel="presence-shop")
        assert omar.next()["user_id"] == "layla"
    # And when the second is closed, she is gone
    gone = omar.next()
    assert (gone["event"], json.loads(gone["data"])) == ("pusher_internal:member_removed", {"user_id": "layla"})


def test_a_user_is_told_and_sent_away_wherever_they_are(two: Cluster, layla: Client, omar: Client) -> None:
    # Given Nour on both nodes
    for client in (layla, omar):
        client.sign_in('{"id":"nour"}')
        client.until("pusher:signin_success")
        client.subscribe("#server-to-user-nour")
    # When one node is asked to tell her, and to send her away
    two.app().send_to_user("nour", "told", "1")
    assert [client.next()["event"] for client in (layla, omar)] == ["told", "told"]
    two.app().terminate_user_connections("nour")
    assert [client.closed()[0] for client in (layla, omar)] == [4009, 4009]


def test_who_is_watched_may_come_to_the_other_node(two: Cluster, layla: Client) -> None:
    layla.sign_in('{"id":"layla","watchlist":["nour"]}')
    layla.until("pusher_internal:watchlist_events")
    with two.client(1) as nour:
        nour.sign_in('{"id":"nour"}')
        assert json.loads(layla.next()["data"])["events"] == [{"name": "online", "user_ids": ["nour"]}]
    assert json.loads(layla.next()["data"])["events"] == [{"name": "offline", "user_ids": ["nour"]}]


def test_each_node_tells_how_it_is(two: Cluster, layla: Client) -> None:
    layla.subscribe("products")
    wait_until(lambda: two.nodes[0].figure("connections") == 1)
    health = two.nodes[0].health()
    assert health is not None
    assert (health["code"], health["status"], health["node"]) == (200, "ok", "cairo-1")
    assert health["subscriptions"] == 1
    assert two.nodes[1].figure("subscriptions") == 0
