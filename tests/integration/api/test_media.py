"""A video's files as players fetch them: right types, parts of a file, caches, and nothing that is not theirs."""

import os
import socket
import time
from email import message_from_bytes
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest

from services.api.media_tokens import Pass
from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem
from tests.made_videos import FILES, make, put_files
from tests.waiting import wait_until

FILM = FILES["stream/video.mp4"]
MIB = 2**20


class Shelf:
    """A finished video, and the address of its files."""

    def __init__(self, api: ApiProcess, owner: Customer) -> None:
        self.api = api
        self.video = make(api, owner.id)
        self.folder = api.files / "media" / str(self.video) / "1"
        self.address = self.of(Pass(self.video, 1, int(time.time()) + 3600).token())

    @staticmethod
    def of(token: str) -> str:
        return f"/media/{token}"

    def get(self, name: str, **headers: str) -> httpx.Response:
        return self.api.http.get(f"{self.address}/{name}", headers=headers)


@pytest.fixture
def shelf(api: ApiProcess, layla: Customer) -> Shelf:
    return Shelf(api, layla)


@pytest.mark.parametrize(
    ("name", "kind", "for_good"),
    [
        ("stream/master.m3u8", "application/vnd.apple.mpegurl", False),
        ("stream/360/index.m3u8", "application/vnd.apple.mpegurl", False),
        ("stream/360/init.mp4", "video/mp4", True),
        ("stream/360/seg_00000.m4s", "video/iso.segment", True),
        ("stream/audio/seg_00000.m4s", "video/iso.segment", True),
        ("stream/video.mp4", "video/mp4", True),
        ("poster.jpg", "image/jpeg", False),
        ("storyboard.jpg", "image/jpeg", False),
        ("storyboard.vtt", "text/vtt; charset=utf-8", False),
    ],
)
def test_each_file_is_what_it_says(shelf: Shelf, name: str, kind: str, for_good: bool) -> None:
    # When
    answer = shelf.get(name)
    head = shelf.api.http.head(f"{shelf.address}/{name}")
    # Then
    assert (answer.status_code, answer.content) == (200, FILES[name])
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (kind, "nosniff")
    assert answer.headers["accept-ranges"] == "bytes"
    # And whoever may have it keeps it as long as the address is good; a cache that others share does not
    kept = answer.headers["cache-control"].split(", ")
    assert kept[0] == "private"
    assert 3500 < int(kept[1].removeprefix("max-age=")) <= 3600
    assert kept[2:] == (["immutable"] if for_good else [])
    # And HEAD says the same, without the file
    same = ("content-type", "content-length", "etag", "accept-ranges", "last-modified")
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head.headers[name] for name in same} == {name: answer.headers[name] for name in same}


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [("bytes=0-99", 0, 100), ("bytes=1000-", 1000, 1024), ("bytes=-24", 1000, 1024), ("bytes=1020-9999", 1020, 1024)],
)
def test_a_player_gets_the_part_it_asks_for(shelf: Shelf, asked: str, begin: int, end: int) -> None:
    answer = shelf.get("stream/video.mp4", Range=asked)
    assert (answer.status_code, answer.content) == (206, FILM[begin:end])
    assert answer.headers["content-range"] == f"bytes {begin}-{end - 1}/1024"
    assert answer.headers["content-length"] == str(end - begin)
    assert answer.headers["content-type"] == "video/mp4"


def test_a_part_that_is_not_there_is_refused_with_the_files_length(shelf: Shelf) -> None:
    answer = shelf.get("stream/video.mp4", Range="bytes=1024-")
    problem(answer, 416, "no_such_part")
    assert answer.headers["content-range"] == "bytes */1024"


def test_several_parts_come_in_one_answer(shelf: Shelf) -> None:
    # When
    answer = shelf.get("stream/video.mp4", Range="bytes=1000-1003,0-1")
    # Then
    assert answer.status_code == 206
    whole = b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.content
    sent: Any = message_from_bytes(whole).get_payload()
    assert [part["content-range"] for part in sent] == ["bytes 1000-1003/1024", "bytes 0-1/1024"]
    assert {part.get_content_type() for part in sent} == {"video/mp4"}
    assert [part.get_payload(decode=True) for part in sent] == [FILM[1000:1004], FILM[:2]]
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("asked", ["bytes=5-1", "frames=1-2", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 99, 2))])
def test_who_cannot_be_understood_or_wants_too_much_gets_the_whole(shelf: Shelf, asked: str) -> None:
    answer = shelf.get("stream/video.mp4", Range=asked)
    assert (answer.status_code, answer.content) == (200, FILM)
    assert "content-range" not in answer.headers


def test_a_part_of_a_file_that_has_changed_meanwhile_is_the_whole_new_one(shelf: Shelf) -> None:
    # Given somebody who has the first part
    first = shelf.get("poster.jpg", Range="bytes=0-3")
    # When it goes on
    rest = {"Range": "bytes=4-", "If-Range": first.headers["etag"]}
    same, by_date = (
        shelf.get("poster.jpg", **{**rest, "If-Range": first.headers[name]}) for name in ("etag", "last-modified")
    )
    (shelf.folder / "poster.jpg").write_bytes(b"another picture")
    changed, weak = (shelf.get("poster.jpg", **{**rest, "If-Range": tag}) for tag in (rest["If-Range"], 'W/"x"'))
    # Then
    assert (same.status_code, same.content) == (206, FILES["poster.jpg"][4:])
    assert (by_date.status_code, by_date.content) == (206, FILES["poster.jpg"][4:])
    for whole in (changed, weak):
        assert (whole.status_code, whole.content) == (200, b"another picture")


def test_what_a_browser_has_is_not_sent_again(shelf: Shelf) -> None:
    # Given
    tag = shelf.get("poster.jpg").headers["etag"]
    # When
    answers = [shelf.get("poster.jpg", **{"If-None-Match": tags}) for tags in (tag, f'"x", W/{tag}', "*")]
    # Then
    assert [(answer.status_code, answer.content) for answer in answers] == [(304, b"")] * 3
    assert {answer.headers["etag"] for answer in answers} == {tag}
    assert shelf.get("poster.jpg", **{"If-None-Match": '"x"'}).status_code == 200


def test_a_request_that_brings_a_body_is_answered_like_any_other(shelf: Shelf) -> None:
    address = f"{shelf.address}/stream/video.mp4"
    for size in (10, 200_000):
        answer = shelf.api.client().request("GET", address, content=b"x" * size)
        assert (answer.status_code, answer.content) == (200, FILM)


# --- who may ---


def test_a_token_that_was_changed_is_none(shelf: Shelf) -> None:
    # Given a good token
    token = shelf.address.removeprefix("/media/")
    forged = [
        "",
        "x",
        token[:-1],
        f"{token}A",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        ("A" if token[0] != "A" else "B") + token[1:],
        token[:30] + ("A" if token[30] != "A" else "B") + token[31:],
        "ط" * len(token),
        "=" * len(token),
        "A" * len(token),
    ]
    # Then
    for each in forged:
        problem(shelf.api.http.get(f"{Shelf.of(each)}/poster.jpg"), 404, "not_found")
    assert shelf.get("poster.jpg").is_success


def test_an_address_that_has_expired_says_so(shelf: Shelf) -> None:
    expired = Shelf.of(Pass(shelf.video, 1, int(time.time()) - 1).token())
    for method in ("GET", "HEAD"):
        answer = shelf.api.http.request(method, f"{expired}/stream/video.mp4")
        assert answer.status_code == 403
    problem(shelf.api.http.get(f"{expired}/poster.jpg"), 403, "expired")


def test_a_token_opens_one_generation_of_one_video(shelf: Shelf, layla: Customer) -> None:
    # Given another video, and another generation of this one
    other = make(shelf.api, layla.id)
    put_files(shelf.api, shelf.video, 2)
    # Then there is no way to either from here
    for name in ("../2/poster.jpg", "..%2f2/poster.jpg", f"../../{other}/1/poster.jpg", "2/poster.jpg"):
        assert shelf.get(name).status_code == 404
    gone = Shelf.of(Pass(shelf.video, 7, int(time.time()) + 60).token())
    problem(shelf.api.http.get(f"{gone}/poster.jpg"), 404, "not_found")
    nobodys = Shelf.of(Pass(new_id(), 1, int(time.time()) + 60).token())
    problem(shelf.api.http.get(f"{nobodys}/poster.jpg"), 404, "not_found")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "stream",
        "stream/",
        "stream/360",
        "stream/360/",
        "stream/video.mp4/",
        "stream//video.mp4",
        "%2e/poster.jpg",
        "stream/..%2fposter.jpg",
        "%2e%2e/%2e%2e/%2e%2e/uploads/{video}",
        "..%2f..%2f..%2fuploads%2f{video}",
        "stream/360/..%2f..%2f..%2f..%2f..%2fuploads%2f{video}.m4s",
        "%2fetc/passwd",
        "poster.jpg%00",
        "poster.jpg%20",
        "POSTER.JPG",
        "stream/360/notes.txt",
        "stream/360/.hidden.m4s",
        "stream/360/linked.m4s",
        "stream/linked/seg_00000.m4s",
        "stream/360/folder.m4s",
        "stream/360/pipe.m4s",
    ],
)
def test_no_address_leads_to_another_file(shelf: Shelf, name: str) -> None:
    # Given what should never lie there, but might
    rung = shelf.folder / "stream" / "360"
    secret = shelf.api.files / "uploads" / str(shelf.video)
    (rung / "notes.txt").write_text("never served")
    (rung / ".hidden.m4s").write_text("never served")
    (rung / "linked.m4s").symlink_to(secret)
    (rung.parent / "linked").symlink_to(rung, target_is_directory=True)
    (rung / "folder.m4s").mkdir()
    os.mkfifo(rung / "pipe.m4s")
    # Then
    problem(shelf.get(name.format(video=shelf.video)), 404, "not_found")


def test_a_folder_of_a_video_that_is_a_link_is_not_entered(shelf: Shelf, layla: Customer) -> None:
    # Given a video whose folder somebody has replaced
    victim = make(shelf.api, layla.id, files=False)
    (shelf.api.files / "media" / str(victim)).symlink_to(shelf.folder.parent)
    address = Shelf.of(Pass(victim, 1, int(time.time()) + 60).token())
    # Then
    problem(shelf.api.http.get(f"{address}/poster.jpg"), 404, "not_found")


def test_the_log_does_not_have_the_token(shelf: Shelf) -> None:
    # When
    shelf.get("stream/360/seg_00000.m4s")
    # Then
    wait_until(lambda: str(shelf.video) in shelf.api.log.read_text())
    assert shelf.address not in shelf.api.log.read_text()


# --- a large file, and many who want it ---


def large(shelf: Shelf, size: int) -> Path:
    film = shelf.folder / "stream" / "video.mp4"
    with film.open("r+b") as file:
        file.truncate(size)
    return film


def test_memory_stays_flat_and_others_are_answered(shelf: Shelf) -> None:
    # Given a film of half a gigabyte
    size = 512 * MIB
    large(shelf, size)
    api = process_of(shelf.api)
    before, most, read = api.memory_info().rss, 0, 0
    # When somebody fetches all of it
    with shelf.api.http.stream("GET", f"{shelf.address}/stream/video.mp4") as answer:
        for number, chunk in enumerate(answer.iter_raw(MIB)):
            read += len(chunk)
            if number % 64 == 0:
                most = max(most, api.memory_info().rss)
                # Then others are answered meanwhile
                assert shelf.api.client().get("/livez").elapsed.total_seconds() < 2
    # And memory stays flat
    assert read == size
    assert most - before < 32 * MIB


def test_who_hangs_up_leaves_nothing_open(shelf: Shelf) -> None:
    # Given somebody who has asked for a large film and takes none of it
    film = large(shelf, 512 * MIB)
    line = socket.create_connection(("127.0.0.1", shelf.api.port), timeout=10)
    line.sendall(f"GET {shelf.address}/stream/video.mp4 HTTP/1.1\r\nHost: taboor\r\n\r\n".encode())
    assert line.recv(100).startswith(b"HTTP/1.1 200")
    wait_until(lambda: open_times(shelf.api, film) == 1)
    # When they go away
    line.close()
    # Then the file is closed
    wait_until(lambda: open_times(shelf.api, film) == 0)
    # As it is after every other answer
    for headers in ({}, {"Range": "bytes=9999999999-"}, {"If-None-Match": "*"}, {"Range": "bytes=0-1"}):
        shelf.api.http.head(f"{shelf.address}/stream/video.mp4", headers=headers)
    shelf.get("stream/video.mp4", Range="bytes=0-1,8-9")
    wait_until(lambda: open_times(shelf.api, film) == 0)


def process_of(api: ApiProcess) -> psutil.Process:
    return psutil.Process(api.pid)


def open_times(api: ApiProcess, file: Path) -> int:
    return sum(each.path == str(file.resolve()) for each in process_of(api).open_files())


def test_the_folder_of_a_generation_is_what_the_domain_says(shelf: Shelf) -> None:
    assert UUID(shelf.folder.parent.name) == shelf.video
