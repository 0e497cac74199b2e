"""Parts of a file, as `Range` asks for them: what is sent, what is refused, what is as if it had not been said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.ranges import Unsatisfiable, parts

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-", [(500, 1000)]),
        ("bytes=-200", [(800, 1000)]),
        ("bytes=-5000", [(0, 1000)]),
        ("bytes=990-5000", [(990, 1000)]),
        ("BYTES = 0-1", None),
        ("Bytes=0-1", [(0, 2)]),
        ("bytes=0-1, 500-501", [(0, 2), (500, 502)]),
        ("bytes=500-501,0-1", [(500, 502), (0, 2)]),
        ("bytes=0-1,,5-6", [(0, 2), (5, 7)]),
        ("bytes=0-1,5000-6000", [(0, 2)]),
    ],
)
def test_what_is_asked_for_is_sent(header: str, sent: list[tuple[int, int]] | None) -> None:
    assert parts(header, SIZE) == sent


@pytest.mark.parametrize("header", ["bytes=0-499,400-700", "bytes=0-499,500-700", "bytes=400-700,0-499,0-5"])
def test_parts_that_touch_are_sent_as_one(header: str) -> None:
    assert parts(header, SIZE) == [(0, 701)]


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=2000-3000,4000-"])
def test_what_the_file_does_not_have_is_refused(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parts(header, SIZE)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-5", "bytes=-5"])
def test_an_empty_file_has_no_parts(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parts(header, 0)


@pytest.mark.parametrize(
    "header",
    [
        *("", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=5-1", "bytes=1-2-3", "bytes=0-1,x"),
        *("lines=0-1", f"bytes={'9' * 40}-", "bytes=١-٢", "bytes=0x1-0x2", "bytes=+1-2"),
    ],
)
def test_what_cannot_be_understood_is_as_if_it_had_not_been_said(header: str) -> None:
    assert parts(header, SIZE) is None


def test_who_wants_very_many_parts_gets_the_whole() -> None:
    assert parts("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 1000, 2)), SIZE) is None


@given(st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 1200)), min_size=1, max_size=8))
def test_never_more_is_sent_than_there_is_and_nothing_that_was_not_asked_for(
    asked: list[tuple[int, int]],
) -> None:
    # Given
    header = "bytes=" + ",".join(f"{min(pair)}-{max(pair)}" for pair in asked)
    wanted = {byte for pair in asked for byte in range(min(pair), max(pair) + 1) if byte < SIZE}
    # When
    try:
        sent = parts(header, SIZE)
    except Unsatisfiable:
        assert not wanted
        return
    # Then
    assert sent is not None
    each = [byte for begin, end in sent for byte in range(begin, end)]
    assert len(each) <= SIZE or len(sent) == len(asked)
    assert set(each) == wanted
