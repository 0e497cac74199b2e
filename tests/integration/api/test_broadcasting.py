"""Who may listen: the table of channels, asked as Echo asks; what is signed is good for one socket and one channel."""

import base64
import json
import time
from typing import Any

import jwt
import pusher
import pytest

from services.api import tokens
from shared.broadcasting.channels import CHANNELS
from shared.broadcasting.encryption import master_key
from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem
from tests.broadcasting import KEY, SECRET, SOCKET, ask, lets_in, order_of, signed, signs_in


@pytest.fixture
def omar(api: ApiProcess) -> Customer:
    return api.customer("Omar")


def test_layla_hears_her_order_and_omar_does_not(api: ApiProcess, layla: Customer, omar: Customer) -> None:
    # Given
    channel = f"private-orders.{order_of(layla, api)}"
    # When / Then
    signed(ask(layla, channel), channel)
    problem(ask(omar, channel), 403, "forbidden")


def test_the_operator_hears_every_order_and_what_operators_hear(
    api: ApiProcess, layla: Customer, nour: Customer
) -> None:
    for channel in (f"private-orders.{order_of(layla, api)}", "private-orders", "private-queues", "presence-operators"):
        signed(ask(nour, channel), channel)
    for channel in ("private-orders", "private-queues", "presence-operators"):
        problem(ask(layla, channel), 403, "forbidden")


def test_everybody_hears_what_is_said_to_them_and_to_nobody_else(
    layla: Customer, omar: Customer, nour: Customer
) -> None:
    for name in ("user", "App.Models.User"):
        channel = f"private-{name}.{layla.id}"
        signed(ask(layla, channel), channel)
        problem(ask(omar, channel), 403, "forbidden")
        problem(ask(nour, channel), 403, "forbidden")


def test_a_customer_hears_no_video_before_there_are_any(layla: Customer, nour: Customer) -> None:
    channel = f"private-videos.{new_id()}"
    problem(ask(layla, channel), 403, "forbidden")
    signed(ask(nour, channel), channel)


@pytest.mark.parametrize(
    "channel",
    [
        "private-orders.7",
        "private-orders.01990000-0000-7000-8000-000000000000.lines",
        "xprivate-orders.01990000-0000-7000-8000-000000000000",
        "private-",
        "private-payments",
        "presence-orders",
        "private-operators",
        "orders",
        "products",
        "private-encrypted-cache-",
        "private-App,Models,User.0199",
    ],
)
def test_what_no_row_of_the_table_names_nobody_hears(nour: Customer, channel: str) -> None:
    problem(ask(nour, channel), 403, "forbidden")


def test_an_id_is_heard_as_it_is_written_and_in_no_other_spelling(api: ApiProcess, layla: Customer) -> None:
    # Given
    order = order_of(layla, api)
    spellings = {order.upper(), order.replace("-", ""), f"0{order}"} - {order}
    # When / Then
    for spelling in spellings:
        problem(ask(layla, f"private-orders.{spelling}"), 403, "forbidden")


def test_every_row_of_the_table_can_be_heard_by_somebody(api: ApiProcess, nour: Customer) -> None:
    order = order_of(nour, api)
    values = {"order_id": order, "video_id": str(new_id()), "user_id": str(nour.id)}
    for pattern in CHANNELS:
        channel = pattern.format(**values)
        signed(ask(nour, channel), channel)


def test_encrypted_and_cache_channels_are_for_those_who_may_hear_the_plain_one(
    api: ApiProcess, layla: Customer, omar: Customer
) -> None:
    # Given
    order = order_of(layla, api)
    for prefix in ("private-encrypted-", "private-cache-", "private-encrypted-cache-"):
        channel = f"{prefix}orders.{order}"
        # When / Then
        signed(ask(layla, channel), channel)
        problem(ask(omar, channel), 403, "forbidden")


def test_the_key_of_an_encrypted_channel_is_what_the_official_library_makes_of_our_master_key(
    api: ApiProcess, layla: Customer
) -> None:
    # Given
    channel = f"private-encrypted-orders.{order_of(layla, api)}"
    master = base64.b64encode(master_key()).decode()
    official = pusher.Pusher("1", KEY, SECRET, encryption_master_key_base64=master, host="127.0.0.1")
    # When
    told = ask(layla, channel).json()
    theirs: dict[str, Any] = official.authenticate(channel, SOCKET, told["channel_data"])
    # Then
    assert told["shared_secret"] == theirs["shared_secret"].decode()
    assert lets_in(theirs, channel)
    assert "shared_secret" not in ask(layla, f"private-user.{layla.id}").json()


# --- what is signed ---------------------------------------------------------------------


def test_a_signature_is_for_one_socket_one_channel_and_the_data_as_they_are(
    api: ApiProcess, layla: Customer, omar: Customer
) -> None:
    # Given what Layla was given
    mine, other = (f"private-orders.{order_of(who, api)}" for who in (layla, omar))
    told = ask(layla, mine).json()
    assert lets_in(told, mine)
    # When it is replayed on another socket, for another channel, with other data, or made up, then it is nothing
    assert not lets_in(told, mine, "1042.8")
    assert not lets_in(told, other)
    data = json.loads(told["channel_data"])
    assert not lets_in({**told, "channel_data": json.dumps({**data, "until": data["until"] + 3600})}, mine)
    assert not lets_in({**told, "auth": f"{KEY}:{'0' * 64}"}, mine)
    # And hers for her own channel does not open his with his data
    his = ask(omar, other).json()
    assert not lets_in({"auth": told["auth"], "channel_data": his["channel_data"]}, other)


def test_what_is_signed_ends_with_the_session_and_within_a_minute(layla: Customer) -> None:
    # When
    channel = f"private-user.{layla.id}"
    data = signed(ask(layla, channel), channel)
    # Then
    assert data["session"] == str(layla.session_id)
    assert 50 < data["until"] - time.time() <= 60
    assert data.keys() == {"after", "session", "until"}


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        (None, None),
        ("", None),
        ("{}", None),
        ('{"private-orders": 9}', None),
        ('{"private-user.{id}": null}', None),
        ('{"private-user.{id}": 0}', 0),
        ('{"private-orders": 9, "private-user.{id}": 1042}', 1042),
    ],
)
def test_how_far_the_channel_was_heard_is_signed_with_it(layla: Customer, sent: str | None, after: int | None) -> None:
    # Given
    channel = f"private-user.{layla.id}"
    more = {} if sent is None else {"last_event_ids": sent.replace("{id}", str(layla.id))}
    # When / Then
    assert signed(ask(layla, channel, **more), channel)["after"] == after


def test_json_does_as_well_as_a_form(layla: Customer) -> None:
    # Given
    channel = f"private-user.{layla.id}"
    for last in ({channel: 7}, json.dumps({channel: 7})):
        # When
        body = {"socket_id": SOCKET, "channel_name": channel, "last_event_ids": last}
        answer = layla.post("/broadcasting/auth", json=body)
        # Then
        assert signed(answer, channel)["after"] == 7


def test_members_of_a_presence_channel_have_a_name(nour: Customer) -> None:
    data = signed(ask(nour, "presence-operators"), "presence-operators")
    assert (data["user_id"], data["user_info"]) == (str(nour.id), {"name": "Nour"})
    assert data["session"] == str(nour.session_id)


def test_a_socket_signs_in_as_its_user(layla: Customer) -> None:
    # When
    answer = layla.post("/broadcasting/user-auth", data={"socket_id": SOCKET})
    # Then
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert signs_in(told)
    assert not signs_in(told, "1042.8")
    user = json.loads(told["user_data"])
    assert (user["id"], user["user_info"], user["watchlist"]) == (str(layla.id), {"name": "ليلى"}, [])
    assert user["session"] == str(layla.session_id)
    assert "\\u" not in told["user_data"]


# --- who is not signed in, and what cannot be read --------------------------------------


def test_nobody_listens_without_a_session_that_lives(api: ApiProcess, layla: Customer) -> None:
    channel, form = f"private-user.{layla.id}", {"socket_id": SOCKET}
    for path in ("/broadcasting/auth", "/broadcasting/user-auth"):
        problem(api.http.post(path, data={**form, "channel_name": channel}), 401, "unauthorised")
    # When the token has expired
    expired = jwt.encode(
        {"iss": "taboor", "sub": str(layla.id), "sid": str(layla.session_id), "exp": time.time() - 1},
        tokens._secret(),
        tokens.ALGORITHM,
    )
    answer = api.client(expired).post("/broadcasting/auth", data={**form, "channel_name": channel})
    problem(answer, 401, "token_expired")
    # When the session was ended
    layla.http.delete("/sessions/current").raise_for_status()
    problem(ask(layla, channel), 401, "session_ended")
    problem(layla.post("/broadcasting/user-auth", data=form), 401, "session_ended")


@pytest.mark.parametrize(
    "socket_id",
    ["", "1", "1.", ".2", "1.2.3", "-1.2", "1.2\n", "1.2:private-orders", "1.2::user::", "١.٢", "1e3.4", "0x1.2"],
)
def test_what_is_no_sockets_id_is_refused(layla: Customer, socket_id: str) -> None:
    told = problem(ask(layla, f"private-user.{layla.id}", socket_id), 422, "invalid")
    assert told["errors"][0]["pointer"] == "#/socket_id"
    problem(layla.post("/broadcasting/user-auth", data={"socket_id": socket_id}), 422, "invalid")


@pytest.mark.parametrize(
    "channel",
    ["", "private-ليلى", "private orders", "private-a:b", "#session-1", "private-x\n", "private-" + "x" * 157],
)
def test_what_is_no_channels_name_is_refused(layla: Customer, channel: str) -> None:
    told = problem(ask(layla, channel), 422, "invalid")
    assert told["errors"][0]["pointer"] == "#/channel_name"


@pytest.mark.parametrize(
    "last",
    ["7", "[]", "{", '{"private-orders": -1}', '{"private-orders": "7"}', '{"a": 9223372036854775808}', "[" * 9000],
)
def test_positions_that_are_none_are_refused(layla: Customer, last: str) -> None:
    problem(ask(layla, f"private-user.{layla.id}", last_event_ids=last), 422, "invalid")


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "application/x-www-form-urlencoded", 422, "invalid"),
        (b"socket_id=%ff%fe", "application/x-www-form-urlencoded", 400, "malformed"),
        (b"\xff=\xfe", "application/x-www-form-urlencoded", 400, "malformed"),
        (b"{", "application/json", 400, "malformed"),
        (b"[" * 60_000, "application/json", 400, "malformed"),
        (b"[]", "application/json", 422, "invalid"),
        (b'{"socket_id": 1.2, "channel_name": "private-orders"}', "application/json", 422, "invalid"),
        (b'{"socket_id": "\\ud800", "channel_name": "\\udfff"}', "application/json", 422, "invalid"),
        (b"&".join(b"a%d=1" % number for number in range(21)), "text/plain", 400, "malformed"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_problem(  # what was sent is not repeated
    layla: Customer, body: bytes, kind: str, status: int, code: str
) -> None:
    answer = layla.post("/broadcasting/auth", content=body, headers={"Content-Type": kind})
    problem(answer, status, code)
