"""The official Python `pusher` package against a node, and keep-alive; J14 to J17 and I28 of the conformance list."""

import base64
import json
import socket
from itertools import count

import httpx
import pytest
from nacl.secret import SecretBox
from pusher import Pusher
from pusher.errors import PusherBadAuth, PusherBadRequest

from tests.realtime_alone import APP, md5, signed
from tests.realtime_client import KEY, SECRET, Client, succeeded
from tests.realtime_cluster import Cluster

_numbers = count(1)
MASTER_KEY = base64.b64encode(b"a master key of 32 bytes exactly").decode()


@pytest.fixture
def channel() -> str:
    return f"walnut-desk-{next(_numbers)}"


def test_it_triggers_one_event_or_ten(realtime: Cluster, layla: Client, omar: Client, channel: str) -> None:
    """J14: to several channels, without the sender, and in a batch."""
    for client in (layla, omar):
        assert succeeded(client.subscribe(channel))
    app = realtime.app()
    assert app.trigger([channel, "elsewhere"], "moved", {"إلى": "الشحن ☕"}, socket_id=omar.socket_id) == {}
    assert app.trigger_batch([{"channel": channel, "name": "step", "data": str(n)} for n in range(10)]) == {}
    first = layla.next()
    assert (first["event"], json.loads(first["data"])) == ("moved", {"إلى": "الشحن ☕"})
    for client in (layla, omar):
        assert [client.next()["data"] for _ in range(10)] == [str(number) for number in range(10)]


def test_it_reads_channels_and_users(realtime: Cluster, layla: Client, omar: Client, channel: str) -> None:
    """J15: it signs the hash of an empty body."""
    room = f"presence-{channel}"
    layla.subscribe(room, '{"user_id":"layla"}')
    omar.subscribe(room, '{"user_id":"omar"}')
    app = realtime.app()
    assert app.channels_info("presence-", ["user_count"])["channels"][room] == {"user_count": 2}
    assert app.channel_info(room, ["user_count", "subscription_count"]) == {
        "occupied": True,
        "user_count": 2,
        "subscription_count": 2,
    }
    assert app.users_info(room) == {"users": [{"id": "layla"}, {"id": "omar"}]}
    with pytest.raises(PusherBadRequest):
        app.users_info(channel)


def test_it_signs_subscriptions_users_and_ends_their_connections(
    realtime: Cluster, layla: Client, channel: str
) -> None:
    """J16."""
    app = realtime.app()
    signed_in = app.authenticate_user(layla.socket_id, {"id": "layla"})
    layla.say("pusher:signin", signed_in)
    assert layla.next()["event"] == "pusher:signin_success"
    layla.say("pusher:subscribe", {"channel": "#server-to-user-layla"})
    let_in = app.authenticate(f"presence-{channel}", layla.socket_id, {"user_id": "layla"})
    assert succeeded(layla.subscribe(f"presence-{channel}", let_in["channel_data"], auth=let_in["auth"]))
    assert app.send_to_user("layla", "greeted", {"by": "name"}) == {}
    assert layla.until("greeted")["channel"] == "#server-to-user-layla"
    assert app.terminate_user_connections("layla") == {}
    assert layla.closed()[0] == 4009


def test_it_encrypts_what_the_service_cannot_read(realtime: Cluster, layla: Client, channel: str) -> None:
    """J17: and another app's key opens nothing."""
    told = {"app_id": "1", "key": KEY, "host": "127.0.0.1", "port": realtime.port, "ssl": False}
    app = Pusher(**told, secret=SECRET, encryption_master_key_base64=MASTER_KEY)
    secret = f"private-encrypted-{channel}"
    let_in = app.authenticate(secret, layla.socket_id)
    assert succeeded(layla.subscribe(secret, auth=let_in["auth"]))
    app.trigger(secret, "paid", {"card": "4242"})
    data = json.loads(layla.next()["data"])
    box = SecretBox(base64.b64decode(let_in["shared_secret"]))
    opened = box.decrypt(base64.b64decode(data["ciphertext"]), base64.b64decode(data["nonce"]))
    assert json.loads(opened) == {"card": "4242"}
    with pytest.raises(PusherBadAuth):
        Pusher(**told, secret="omars-guess").trigger(channel, "moved", {})


def test_calls_may_follow_one_another_on_one_connection(realtime: Cluster, layla: Client, channel: str) -> None:
    """I28: also after one that was refused, and all are heard in order."""
    layla.subscribe(channel)
    path = f"/apps/{APP}/events"
    with httpx.Client(base_url=f"http://127.0.0.1:{realtime.port}", trust_env=False) as client:
        streams = set()
        for number in range(20):
            body = json.dumps({"name": "step", "channel": channel, "data": str(number)}).encode()
            wrong = b"forged" if number == 7 else body
            query = signed("POST", path, body, {"body_md5": md5(body)})
            answer = client.post(f"{path}?{query}", content=wrong)
            assert answer.status_code == (401 if number == 7 else 200)
            streams.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
        assert len(streams) == 1
    assert [layla.next()["data"] for _ in range(19)] == [str(number) for number in range(20) if number != 7]


def test_a_connection_that_nobody_uses_is_kept_for_whoever_publishes_every_few_seconds(realtime: Cluster) -> None:
    """I28: closed after uvicorn's five seconds, it is closed in the very moment in which the next event comes."""
    with socket.create_connection(("127.0.0.1", realtime.port), timeout=7) as app:
        app.sendall(b"GET /livez HTTP/1.1\r\nHost: realtime\r\n\r\n")
        heard = b""
        while not heard.endswith(b"}"):
            heard += app.recv(65_536)
        with pytest.raises(TimeoutError):
            app.recv(1)
