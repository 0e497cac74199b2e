"""Users who sign in, hear what is for them alone, are watched and sent away; cases H of the conformance list."""

import json
import time

import pytest

from services.realtime.online import Online
from shared.broadcasting import keys
from shared.broadcasting.signatures import sign_user
from tests.realtime_alone import alone
from tests.realtime_client import KEY, SECRET, Client, refused, succeeded
from tests.realtime_cluster import Cluster

NOUR = '{"id":"nour","user_info":{"name":"نور"}}'


def test_a_signed_user_is_signed_in(layla: Client) -> None:
    """H1: user_data comes back as it was signed."""
    layla.sign_in(NOUR)
    answer = layla.next()
    assert answer["event"] == "pusher:signin_success"
    assert json.loads(answer["data"]) == {"user_data": NOUR}


@pytest.mark.parametrize("user_data", ["{}", '{"id":7}', '{"id":""}', "[]", "no json"])
def test_who_has_no_id_or_no_signature_is_sent_away(layla: Client, omar: Client, user_data: str) -> None:
    """H2: told by a frame and by the close code."""
    layla.sign_in(user_data)
    omar.sign_in(NOUR, auth=f"{KEY}:{sign_user(SECRET, layla.socket_id, NOUR)}")
    for client in (layla, omar):
        assert client.closed()[0] == 4009
        assert [frame["data"]["code"] for frame in client.last_words] == [4009]


def test_what_is_for_a_user_reaches_all_their_connections_and_nobody_else(
    realtime: Cluster, layla: Client, omar: Client
) -> None:
    """H3 H4."""
    # Given Nour on two connections; a third is nobody
    for client in (layla, omar):
        client.sign_in(NOUR)
        client.until("pusher:signin_success")
        assert succeeded(client.subscribe("#server-to-user-nour"))
    with realtime.client() as mallory:
        assert refused(mallory.subscribe("#server-to-user-nour"))
        mallory.sign_in('{"id":"mallory"}')
        mallory.until("pusher:signin_success")
        assert refused(mallory.subscribe("#server-to-user-nour"))
        # When the app says something to Nour
        realtime.app().send_to_user("nour", "told", '{"secret":1}')
        # Then Nour hears it, and nobody else
        for client in (layla, omar):
            heard = client.next()
            assert (heard["event"], heard["channel"], heard["data"]) == ("told", "#server-to-user-nour", '{"secret":1}')
        assert mallory.nothing_came()


def test_a_user_can_be_sent_away_from_all_connections(realtime: Cluster, layla: Client, omar: Client) -> None:
    """H5 H6: by code 4009; others stay."""
    layla.sign_in(NOUR)
    layla.until("pusher:signin_success")
    realtime.app().terminate_user_connections("nour")
    assert layla.closed()[0] == 4009
    assert omar.alive()


def test_a_connection_is_one_users(layla: Client, omar: Client) -> None:
    """H7: who signs in again as the same user stays; as another, goes."""
    layla.sign_in(NOUR)
    layla.sign_in(NOUR)
    assert [layla.next()["event"] for _ in range(2)] == ["pusher:signin_success"] * 2
    layla.sign_in('{"id":"omar"}')
    assert layla.closed()[0] == 4009
    assert omar.alive()


def test_whoever_watches_is_told_who_comes_and_goes(realtime: Cluster, layla: Client, omar: Client) -> None:
    """H8."""
    # Given Layla, who watches two, one of them there
    omar.sign_in('{"id":"omar"}')
    omar.until("pusher:signin_success")
    omar.alive()
    layla.sign_in('{"id":"layla","watchlist":["omar","nour"]}')
    first = layla.until("pusher_internal:watchlist_events")
    assert json.loads(first["data"])["events"] == [
        {"name": "online", "user_ids": ["omar"]},
        {"name": "offline", "user_ids": ["nour"]},
    ]
    # When one comes, on two connections, and goes
    with realtime.client() as nour, realtime.client() as again:
        for client in (nour, again):
            client.sign_in(NOUR)
            client.until("pusher:signin_success")
            assert client.alive()
        assert watched(layla) == [{"name": "online", "user_ids": ["nour"]}]
        nour.ws.close()
        assert again.alive()
        assert layla.nothing_came()
    # Then each is told once
    assert watched(layla) == [{"name": "offline", "user_ids": ["nour"]}]


def test_a_watchlist_has_a_hundred_users_and_whoever_names_more_is_signed_in_and_told_so(layla: Client) -> None:
    """H8: as Pusher's documents have it, the first hundred are watched."""
    users = [f"user-{number}" for number in range(101)]
    layla.sign_in(json.dumps({"id": "layla", "watchlist": users}))
    assert layla.next()["event"] == "pusher:signin_success"
    answer = layla.next()
    assert (answer["event"], answer["data"]["code"]) == ("pusher:error", 4302)
    assert watched(layla) == [{"name": "offline", "user_ids": users[:100]}]
    assert layla.alive()


def watched(client: Client) -> object:
    return json.loads(client.until("pusher_internal:watchlist_events")["data"])["events"]


def test_a_sign_in_ends_with_the_session_it_was_signed_for(realtime: Cluster, layla: Client, omar: Client) -> None:
    """Though no channel was subscribed."""
    # Given Nour, signed in by one session, and Omar by another
    for client, name in ((layla, "nour"), (omar, "omar")):
        client.sign_in(json.dumps({"id": name, "session": f"{name}-1", "until": time.time() + 60}))
        client.until("pusher:signin_success")
    # When hers ends
    realtime.fact(keys.session("nour-1"), event="App\\Events\\SessionRevoked")
    # Then her socket is closed, and his is not
    assert layla.closed()[0] == 4009
    assert omar.alive()
    # And what was signed for her before is good for nothing
    with realtime.client() as again:
        again.sign_in('{"id":"nour","session":"nour-1"}')
        assert again.closed()[0] == 4009


def test_an_old_sign_in_is_good_for_nothing(layla: Client) -> None:
    layla.sign_in(json.dumps({"id": "nour", "session": "nour-2", "until": time.time() - 1}))
    assert layla.closed()[0] == 4009


@pytest.mark.anyio
async def test_what_redis_was_not_told_of_who_is_signed_in_is_made_good(realtime: Cluster) -> None:
    """As after a connection to it was lost: one who came is not in its list, and one who went is."""
    async with alone(realtime.redis.url, "giza-1") as giza:
        # Given two who are signed in, of whom one is missing in the list, which has two others
        online = Online(giza.commands, "giza-1")
        await giza.commands.ask_all([])  # the wire is there
        for user in ("nour", "omar"):
            online.came(user)
        await giza.commands.ask("HDEL", "taboor:online:giza-1", "omar")
        for gone in ("layla", "mallory"):
            await giza.commands.ask("HSET", "taboor:online:giza-1", gone, 1)
        # When the node looks after its list
        await online.stay()
        # Then the list is right
        assert await online.who(["layla", "mallory", "nour", "omar"]) == {"nour", "omar"}
