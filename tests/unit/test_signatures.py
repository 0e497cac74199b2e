"""Signatures: Pusher's own examples, and that nothing of what is signed can be changed."""

import json

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.broadcasting.names import is_channel, is_encrypted, is_presence, is_socket, split
from shared.broadcasting.signatures import (
    good_channel,
    good_request,
    good_user,
    sign_channel,
    sign_request,
    sign_user,
)

KEY, SECRET, SOCKET = "278d425bdf160c739803", "7ad3773142a6692b25b8", "1234.1234"

channels = st.from_regex(r"(private|presence)-[-a-zA-Z0-9_=@,.;]{1,40}", fullmatch=True)
sockets = st.from_regex(r"[0-9]{1,9}\.[0-9]{1,9}", fullmatch=True)
signed_data = st.none() | st.text(max_size=60) | st.just(json.dumps({"after": 7, "session": "ليلى"}))


def test_a_private_channel_is_signed_as_pusher_signs_it() -> None:
    expected = "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
    assert sign_channel(SECRET, SOCKET, "private-foobar") == expected


def test_a_presence_channel_is_signed_with_its_data_byte_for_byte() -> None:
    data = '{"user_id":10,"user_info":{"name":"Mr. Channels"}}'
    expected = "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80"
    assert sign_channel(SECRET, SOCKET, "presence-foobar", data) == expected
    assert sign_channel(SECRET, SOCKET, "presence-foobar", f"{data} ") != expected


def test_a_sign_in_is_signed_as_pusher_signs_it() -> None:
    expected = "4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba"
    assert sign_user(SECRET, SOCKET, '{"id":"12345"}') == expected


def test_a_request_is_signed_as_pusher_signs_it_in_whatever_order_it_comes() -> None:
    # Given
    query = {
        "body_md5": "ec365a775a4cd0599faeb73354201b6f",
        "auth_version": "1.0",
        "Auth_Timestamp": "1353088179",
        "auth_key": KEY,
    }
    expected = "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
    # Then
    assert sign_request(SECRET, "POST", "/apps/3/events", query) == expected
    assert good_request(SECRET, "post", "/apps/3/events", {**query, "auth_signature": expected})
    assert not good_request(SECRET, "POST", "/apps/3/events", query)
    assert not good_request(SECRET, "POST", "/apps/4/events", {**query, "auth_signature": expected})
    assert not good_request(SECRET, "POST", "/apps/3/events", {**query, "info": "x", "auth_signature": expected})


@given(channels, sockets, signed_data, channels, sockets, signed_data)
def test_a_signature_is_good_for_one_socket_one_channel_and_one_text(  # noqa: PLR0917 - three things and three others
    channel: str, socket: str, data: str | None, channel2: str, socket2: str, data2: str | None
) -> None:
    # Given
    auth = f"{KEY}:{sign_channel(SECRET, socket, channel, data)}"
    # Then
    assert good_channel(KEY, SECRET, auth, socket, channel, data)
    assume((channel, socket, data) != (channel2, socket2, data2))
    assert not good_channel(KEY, SECRET, auth, socket2, channel2, data2)


@given(channels, sockets, st.text(max_size=120))
def test_what_is_made_up_is_no_signature(channel: str, socket: str, auth: str) -> None:
    assert not good_channel(KEY, SECRET, auth, socket, channel)
    assert not good_channel(KEY, SECRET, f"{KEY}:{auth}", socket, channel)
    assert not good_user(KEY, SECRET, auth, socket, '{"id":"12345"}')
    assert not good_request(SECRET, "GET", "/apps/1/channels", {"auth_key": KEY, "auth_signature": auth})


@given(channels, sockets, st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_one_wrong_digit_or_another_key_is_enough(channel: str, socket: str, place: int, digit: str) -> None:
    # Given
    signature = sign_channel(SECRET, socket, channel)
    forged = f"{signature[:place]}{digit}{signature[place + 1 :]}"
    # Then
    assert good_channel(KEY, SECRET, f"{KEY}:{forged}", socket, channel) == (forged == signature)
    assert not good_channel(KEY, SECRET, f"{KEY}x:{signature}", socket, channel)
    assert not good_channel(KEY, f"{SECRET}x", f"{KEY}:{signature}", socket, channel)
    assert not good_channel(KEY, SECRET, f"{KEY}:{signature}".upper(), socket, channel)


@given(st.text(max_size=10), st.text(alphabet="\ud800\udfff:é", max_size=5))
def test_half_a_surrogate_pair_is_refused_and_breaks_nothing(auth: str, half: str) -> None:
    assert not good_channel(KEY, SECRET, auth + half, SOCKET, "presence-x", half)
    assert not good_user(KEY, SECRET, half, SOCKET, half)


def test_names_are_what_pusher_allows() -> None:
    assert is_channel("private-orders.0199_=@,.;")
    assert is_channel("x" * 164)
    for bad in ("", "x" * 165, "private-a:b", "private-ليلى", "#session-1", "private-a\n", "private-a b"):
        assert not is_channel(bad), bad
    assert is_socket("1.2")
    for bad in ("", "1", "1.", ".2", "1.2.3", "1.2\n", "1.2:private-orders", "١.٢", "-1.2", "1" * 21 + ".2"):
        assert not is_socket(bad), bad


def test_the_longest_prefix_is_the_prefix() -> None:
    for prefix in (
        *("private-encrypted-cache-", "private-encrypted-", "private-cache-", "private-"),
        *("presence-cache-", "presence-", ""),
    ):
        assert split(f"{prefix}orders.7") == (prefix, "orders.7")
        assert is_presence(f"{prefix}orders") == prefix.startswith("presence")
        assert is_encrypted(f"{prefix}orders") == ("encrypted" in prefix)
