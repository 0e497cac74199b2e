"""Signing in: sessions that end, tokens that expire, guesses that are counted."""

import json
import time
from http.client import HTTPConnection
from pathlib import Path
from select import select

import jwt
import pytest

from services.api import tokens
from shared.config import settings
from shared.db.seed import PASSWORD
from shared.engines.redis import RedisServer
from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem
from tests.waiting import wait_until

MANY = 90  # fewer than are refused for being so many
LAYLA = {"email": "layla@example.com", "password": PASSWORD}


@pytest.fixture(autouse=True)
def _nobody_tried_before(api: ApiProcess) -> None:
    api.sql("delete from rate_limits")


def test_the_right_password_gives_a_token_that_says_who_one_is(api: ApiProcess) -> None:
    # Given / When
    answer = api.http.post("/sessions", json=LAYLA | {"email": "LAYLA@example.com"})
    # Then
    assert answer.status_code == 201
    signed_in = answer.json()
    assert (signed_in["token_type"], signed_in["expires_in"], signed_in["user"]["name"]) == ("Bearer", 900, "ليلى")
    me = api.client(signed_in["access_token"]).get("/me").json()
    assert me == signed_in["user"]
    assert me["role"] == "customer"


@pytest.mark.parametrize("guess", [LAYLA | {"password": "walnut"}, LAYLA | {"email": "nobody@example.com"}])
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(api: ApiProcess, guess: dict[str, str]) -> None:
    answer = api.http.post("/sessions", json=guess)
    told = problem(answer, 401, "wrong_credentials")
    assert told["detail"] == "No user has this address and this password."
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_renewed_token_is_good_and_a_session_that_was_signed_out_is_not(api: ApiProcess, layla: Customer) -> None:
    # Given
    renewed = layla.post("/sessions/current/renewal").json()["access_token"]
    other = api.client(renewed)
    assert other.get("/me").status_code == 200
    # When
    assert layla.http.delete("/sessions/current").status_code == 204
    # Then
    for http in (layla.http, other):
        problem(http.get("/me"), 401, "session_ended")
        problem(http.post("/sessions/current/renewal"), 401, "session_ended")
        problem(http.delete("/sessions/current"), 401, "session_ended")


def test_that_a_session_ended_is_a_fact_which_closes_what_it_opened(api: ApiProcess, layla: Customer) -> None:
    # Given
    told = "select name, payload from events where aggregate_id = %s"
    assert api.sql(told, layla.session_id) == []
    # When she signs out, twice
    layla.http.delete("/sessions/current").raise_for_status()
    problem(layla.http.delete("/sessions/current"), 401, "session_ended")
    # Then it is told once
    ((name, payload),) = api.sql(told, layla.session_id)
    assert name == "SessionRevoked"
    assert payload == {"session_id": str(layla.session_id), "user_id": str(layla.id)}


def test_a_renewal_makes_the_session_live_longer_but_not_for_ever(api: ApiProcess, layla: Customer) -> None:
    # Given
    api.sql("update sessions set created_at = now() - interval '29 days 23 hours' where id = %s", layla.session_id)
    # When
    layla.post("/sessions/current/renewal")
    # Then
    (row,) = api.sql("select expires_at - created_at as life from sessions where id = %s", layla.session_id)
    assert row.life.days == 30


@pytest.mark.parametrize(
    "secret", [settings().secret_key.get_secret_value(), "another secret, as long as ours is long"]
)
@pytest.mark.parametrize("age", [tokens.SECONDS + 60, 0])
def test_only_our_own_fresh_tokens_open(api: ApiProcess, layla: Customer, secret: str, age: int) -> None:
    # Given
    ours = secret == settings().secret_key.get_secret_value()
    issued = int(time.time()) - age
    claims = {"iss": "taboor", "sub": str(layla.id), "sid": str(layla.session_id), "exp": issued + tokens.SECONDS}
    # When
    answer = api.client(jwt.encode(claims, secret, "HS256")).get("/me")
    # Then
    if ours and not age:
        assert answer.status_code == 200
    else:
        problem(answer, 401, "token_expired" if ours else "invalid_token")


def test_a_token_that_was_good_is_refused_once_it_has_expired(api: ApiProcess, layla: Customer) -> None:
    # Given
    expires = int(time.time()) + 2
    claims = {"iss": "taboor", "sub": str(layla.id), "sid": str(layla.session_id), "exp": expires}
    http = api.client(jwt.encode(claims, settings().secret_key.get_secret_value(), "HS256"))
    assert http.get("/me").status_code == 200
    # When
    wait_until(lambda: http.get("/me").status_code == 401)
    # Then
    assert time.time() >= expires
    problem(http.get("/me"), 401, "token_expired")


@pytest.mark.parametrize("header", ["", "Bearer", "Basic bGF5bGE6dGFib29y", "Bearer a.b.c", "Bearer ÿ.ÿ.ÿ"])
def test_no_token_or_nonsense_is_401_and_says_how_to_sign_in(api: ApiProcess, header: str) -> None:
    answer = api.http.get("/me", headers={b"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="taboor"')


def test_a_token_without_a_signature_is_nothing(api: ApiProcess, layla: Customer) -> None:
    claims = {"iss": "taboor", "sub": str(layla.id), "sid": str(layla.session_id), "exp": time.time() + 900}
    unsigned = jwt.encode(claims, None, "none")  # type: ignore[arg-type]  # it takes none, whatever it says
    problem(api.client(unsigned).get("/me"), 401, "invalid_token")


def test_wrong_guesses_are_counted_and_right_ones_are_not(api: ApiProcess) -> None:
    # When
    for password in ("walnut", PASSWORD, "desk", PASSWORD):
        api.http.post("/sessions", json=LAYLA | {"password": password})
    # Then
    rows = api.sql("select split_part(key, ':', 1) as kind, sum(hits)::int as hits from rate_limits group by 1")
    assert {row.kind: row.hits for row in rows} == {"email": 2, "address": 2}


def test_after_ten_wrong_guesses_for_one_address_even_the_right_one_waits(api: ApiProcess) -> None:
    # Given
    _tried(api, "email:layla@example.com", 9)
    problem(api.http.post("/sessions", json=LAYLA | {"password": "walnut"}), 401, "wrong_credentials")
    # When
    answer = api.http.post("/sessions", json=LAYLA | {"email": "Layla@Example.com"})
    # Then
    problem(answer, 429, "too_many_attempts")
    assert 0 < int(answer.headers["retry-after"]) <= 300
    assert api.http.post("/sessions", json=LAYLA | {"email": "omar@example.com"}).status_code == 201


def test_a_hundred_guesses_from_one_place_are_enough_whoever_they_are_for(api: ApiProcess) -> None:
    # Given
    _tried(api, "address:127.0.0.1", 100)
    # When / Then
    problem(api.http.post("/sessions", json=LAYLA), 429, "too_many_attempts")


def test_a_place_that_tried_too_often_cannot_fill_the_table_with_made_up_addresses(api: ApiProcess) -> None:
    # Given
    _tried(api, "address:127.0.0.1", 100)
    rows = api.sql("select count(*) from rate_limits")
    # When
    for number in range(3):
        guess = {"email": f"guest-{number}@example.com", "password": "walnut"}
        problem(api.http.post("/sessions", json=guess), 429, "too_many_attempts")
    # Then
    assert api.sql("select count(*) from rate_limits") == rows


@pytest.mark.parametrize(
    ("trusted", "counted"),
    [("127.0.0.1", "203.0.113.7"), ("10.0.0.0/8, 127.0.0.0/8", "203.0.113.7"), ("10.0.0.0/8", "127.0.0.1")],
)
def test_behind_a_proxy_that_we_trust_and_no_other_places_are_told_apart(
    shop_url: str, redis: RedisServer, tmp_path: Path, trusted: str, counted: str
) -> None:
    # Given an API that trusts some proxies
    with ApiProcess(tmp_path, shop_url, redis.url, {"FORWARDED_ALLOW_IPS": trusted}) as api:
        # When somebody guesses, who says of themselves that they come from elsewhere, behind one who knows
        headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
        api.http.post("/sessions", json=LAYLA | {"password": "walnut"}, headers=headers)
        # Then
        rows = api.sql("select key from rate_limits where key like 'address:%%'")
        assert [row.key for row in rows] == [f"address:{counted}"]


def test_an_account_without_a_password_cannot_be_signed_in_to(api: ApiProcess) -> None:
    # Given
    email = f"{new_id().hex}@example.com"
    api.sql("insert into users (id, email, name, password_hash) values (%s, %s, 'Omar', '')", new_id(), email)
    # When / Then
    problem(api.http.post("/sessions", json={"email": email, "password": PASSWORD}), 401, "wrong_credentials")


@pytest.mark.parametrize(
    "body",
    [
        {"email": "layla\u0000@example.com", "password": "taboor"},
        {"email": "layla@example.com"},
        {"email": 7, "password": "taboor"},
        {"email": "layla@example.com", "password": "x" * 257},
        {"email": "layla@example.com", "password": "taboor", "role": "operator"},
    ],
)
def test_bad_credentials_are_refused_without_repeating_them(api: ApiProcess, body: dict[str, object]) -> None:
    answer = api.http.post("/sessions", json=body)
    problem(answer, 422, "invalid")
    assert "taboor" not in answer.text
    assert "xxx" not in answer.text


def _tried(api: ApiProcess, key: str, hits: int) -> None:
    """As if it had been tried so often in this window, and in the next: it may begin right now."""
    for later in (0, 300):
        api.sql(
            "insert into rate_limits (key, window_start, hits) values"
            " (%s, date_bin('5 minutes', now() + make_interval(secs => %s), timestamptz 'epoch'), %s)",
            *(key, later, hits),
        )


def test_a_crowd_at_the_door_does_not_take_the_house(api: ApiProcess) -> None:
    # Given many wrong sign-ins at once
    crowd = [_knocking(api, number) for number in range(MANY)]
    # When somebody looks at the shop meanwhile
    assert api.http.get("/products").status_code == 200
    answered, _, _ = select([guest.sock for guest in crowd], [], [], 0)
    answers = [guest.getresponse() for guest in crowd]
    # Then they are served before most of the crowd, of which some are asked to come back
    assert len(answered) < MANY / 2
    assert {answer.status for answer in answers} == {401, 503}
    assert all(answer.headers["retry-after"] for answer in answers if answer.status == 503)
    # And who was asked to come back has not used up a guess
    (row,) = api.sql("select sum(hits) as hits from rate_limits where key = 'address:127.0.0.1'")
    assert row.hits == sum(answer.status == 401 for answer in answers)
    for guest in crowd:
        guest.close()


def _knocking(api: ApiProcess, number: int) -> HTTPConnection:
    """Return a guess that was sent, and whose answer nobody has read yet."""
    connection = HTTPConnection("127.0.0.1", api.port, timeout=20)
    guess = {"email": f"guest-{number}@example.com", "password": "walnut"}
    connection.request("POST", "/sessions", json.dumps(guess), {"Content-Type": "application/json"})
    return connection
