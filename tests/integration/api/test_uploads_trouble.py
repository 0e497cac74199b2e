"""Uploads when lines break, processes die and two write at once: no byte is out of place, and nobody waits for long."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.engines.redis import RedisServer
from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem
from tests.uploading import Tus, checksum, film, id_of, wait_for_size
from tests.waiting import wait_until

MIB = 2**20


@pytest.fixture
def tus(api: ApiProcess, layla: Customer) -> Tus:
    return Tus(api, layla)


@pytest.fixture
def another(api: ApiProcess, shop_url: str, redis: RedisServer, tmp_path: Path) -> Iterator[ApiProcess]:
    """Another process of the API, with the same database and the same files: one that may be killed."""
    with ApiProcess(tmp_path, shop_url, redis.url, {"FILES": str(api.files), "DISK_RESERVE_BYTES": "0"}) as process:
        process.files = api.files
        yield process


def test_what_came_before_the_line_broke_is_kept(tus: Tus) -> None:
    # Given a client whose line breaks in the middle of a chunk
    content = film(3 * MIB)
    path = tus.created(len(content))
    with tus.sending(path, len(content)) as line:
        line.send(content[:1_700_000])
        wait_for_size(tus, path, MIB)  # the server listens
        line.cut()
    # When it asks how far it has come
    offset = tus.offset(path)
    # Then next to nothing was lost
    assert 1_700_000 - 400_000 <= offset <= 1_700_000
    assert tus.stored(path) == content[:offset]
    # And it goes on from there
    assert tus.patch(path, offset, content[offset:]).status_code == 204
    assert tus.stored(path) == content


def test_half_a_chunk_with_a_checksum_is_not_kept(tus: Tus) -> None:
    # Given
    content = film(2 * MIB)
    path = tus.created(len(content))
    with tus.sending(path, len(content), 0, **checksum(content)) as line:
        line.send(content[:1_500_000])
        wait_for_size(tus, path, MIB)
        line.cut()
    # Then
    wait_until(lambda: tus.stored(path) == b"")
    assert tus.offset(path) == 0


def test_the_last_byte_counts_though_the_line_breaks_with_it(tus: Tus) -> None:
    # Given a chunked body whose end never comes
    path, request_id = tus.created(10), new_id().hex
    with tus.sending(path, None, 0, **{"X-Request-Id": request_id}) as line:
        line.send(b"a\r\n0123456789\r\n")
        wait_for_size(tus, path, 0)
        line.cut()
    tus.wait_until_over(request_id)
    # When the client asks
    offset = tus.offset(path)
    if offset < 10:  # the line broke before the server listened
        assert tus.patch(path, offset, b"0123456789"[offset:]).status_code == 204
    # Then
    wait_until(lambda: tus.facts(path) == ["VideoUploaded"])
    assert tus.stored(path) == b"0123456789"


def test_two_never_write_the_same_upload(api: ApiProcess, tus: Tus) -> None:
    # Given a chunk that keeps coming
    path = tus.created(4 * MIB)
    content = film(4 * MIB)
    with tus.sending(path, len(content)) as line, ThreadPoolExecutor(1) as second:
        line.send(content[:MIB])
        wait_for_size(tus, path, MIB)
        # When another is sent
        refused = second.submit(tus.patch, path, MIB, b"x" * 100)
        sent, slowest = MIB, 0.0
        while not refused.done():
            line.send(content[sent : sent + 1_000])
            sent += 1_000
            asked = time.monotonic()
            assert api.http.get("/livez").is_success
            slowest = max(slowest, time.monotonic() - asked)
        # Then it is refused, the first is not disturbed, and neither is anybody else
        problem(refused.result(), 423, "locked")
        assert slowest < 0.5
        # And it may rest for a while: nobody waits for it any more
        assert not line.closed(1.2)
        line.send(content[sent:])
        assert line.answer()[0] == 204
    assert tus.stored(path) == content
    assert tus.facts(path) == ["VideoUploaded"]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in one process", "in two"])
def test_nobody_is_stuck_behind_their_own_dead_line(tus: Tus, another: ApiProcess, *, elsewhere: bool) -> None:
    # Given a line that is dead, though nobody told the server
    content = film(2 * MIB)
    path = tus.created(len(content))
    with tus.sending(path, len(content)) as dead:
        dead.send(content[: MIB + 1000])
        wait_for_size(tus, path, MIB)
        # When the client comes back by a new one, perhaps to another process
        back = Tus(another, another.customer("ليلى")) if elsewhere else tus
        if elsewhere:
            back.http = another.client(tus.customer.token)
        came = time.monotonic()
        offset = back.offset(path)
        went_on = back.patch(path, offset, content[offset:])
        # Then it goes on at once, with all that had come
        assert (offset, went_on.status_code) == (MIB + 1000, 204)
        assert time.monotonic() - came < 3
        # And who held the dead line is told
        status, headers = dead.answer()
        assert (status, headers["connection"]) == (409, "close")
    assert tus.stored(path) == content
    assert tus.facts(path) == ["VideoUploaded"]


def test_bytes_are_exact_though_the_api_is_killed_in_the_middle(another: ApiProcess) -> None:
    # Given
    tus = Tus(another, another.customer("Omar"))
    content = film(5 * MIB)
    path = tus.created(len(content))
    # When the API is killed in the middle of chunks, again and again
    offset = 0
    for sent in (1_300_000, 1_100_000, 1_200_000):
        with tus.sending(path, len(content) - offset, offset=offset) as line:
            line.send(content[offset : offset + sent])
            wait_for_size(tus, path, offset + MIB)
            another.kill()
        another.restart()
        # Then what is there is where it belongs
        before, offset = offset, tus.offset(path)
        assert before + MIB <= offset <= before + sent
        assert tus.stored(path) == content[:offset]
    assert tus.patch(path, offset, content[offset:]).status_code == 204
    assert tus.stored(path) == content
    assert tus.facts(path) == ["VideoUploaded"]


@pytest.mark.parametrize("asked", ["HEAD", "PATCH"])
def test_an_upload_is_finished_though_the_api_died_before_it_said_so(tus: Tus, asked: str) -> None:
    # Given an upload whose last byte was written when the API died, before the commit
    path = tus.created(10)
    tus.patch(path, 0, b"01234")
    tus.file(path).write_bytes(b"0123456789")
    assert tus.row(path).status == "uploading"
    # When its client asks, or sends nothing more
    answer = tus.head(path) if asked == "HEAD" else tus.patch(path, 10, b"")
    # Then
    assert (answer.is_success, answer.headers["upload-offset"]) == (True, "10")
    assert tus.row(path).status == "uploaded"
    assert tus.facts(path) == ["VideoUploaded"]


def test_whoever_is_sending_notices_that_the_upload_was_given_up(tus: Tus) -> None:
    # Given
    path = tus.created(2 * MIB)
    with tus.sending(path, 2 * MIB) as line:
        line.send(film(MIB))
        wait_for_size(tus, path, MIB)
        # When
        assert tus.delete(path).status_code == 204
        # Then
        assert line.answer()[0] == 404
        assert line.closed()
    assert not tus.file(path).exists()
    assert tus.row(path) is None


def test_a_refusal_is_heard_before_gigabytes_were_sent(api: ApiProcess, tus: Tus) -> None:
    # Given somebody who is not signed in and sends a gigabyte
    path = tus.created(100)
    with tus.sending(path, 2**30, Authorization="Bearer nobody") as line:
        sent = 0
        try:
            while sent < 2**30:
                line.send(bytes(2**16))
                sent += 2**16
        except OSError:
            pass  # the server hung up
        # Then
        assert sent < 2**28
    with tus.sending(path, 2**30, Authorization="Bearer nobody") as line:
        status, headers = line.answer()
        assert (status, headers["connection"]) == (401, "close")
        assert line.closed()
    # And a small body does not cost the connection
    with tus.sending(path, 10, Authorization="Bearer nobody") as line:
        assert "connection" not in line.answer()[1]
    assert api.files.joinpath("uploads", str(id_of(path))).exists() is False


def test_many_chunks_at_once_hold_up_nobody(api: ApiProcess, tus: Tus) -> None:
    # Given eight uploads under way
    content = film(6 * MIB)
    paths = [tus.created(len(content)) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(tus.patch, path, 0, content) for path in paths]
        # When others ask meanwhile
        waited = []
        while not all(one.done() for one in sent):
            asked = time.monotonic()
            assert api.http.get("/livez").is_success
            waited.append(time.monotonic() - asked)
        # Then
        assert {one.result().status_code for one in sent} == {204}
    assert max(waited) < 1
    assert {tus.stored(path) == content for path in paths} == {True}


def test_a_process_that_ends_lets_its_clients_go_on_elsewhere(tus: Tus, another: ApiProcess) -> None:
    # Given
    content = film(2 * MIB)
    path = tus.created(len(content))
    theirs = Tus(another, tus.customer)
    with theirs.sending(path, len(content)) as line:
        line.send(content[: MIB + 5000])
        wait_for_size(tus, path, MIB)
        # When it is told to end
        another.restart()
        status, headers = line.answer()
        # Then what came is kept, and the client is asked to come again
        assert (status, headers["retry-after"]) == (503, "1")
    offset = tus.offset(path)
    assert offset == MIB + 5000
    assert tus.patch(path, offset, content[offset:]).status_code == 204
    assert tus.stored(path) == content
