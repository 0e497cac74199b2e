"""Videos: who sees them, where they stand, and what their owner may do with them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.domain.videos import source_path
from shared.ids import new_id
from tests.api import ApiProcess, Customer, problem
from tests.made_videos import facts, job, make


def test_videos_are_listed_the_newest_first_page_by_page(api: ApiProcess, layla: Customer, nour: Customer) -> None:
    # Given
    made = [str(make(api, layla.id, filename=name)) for name in ("أسوان.mov", "Siwa.mp4", "Dahab.mp4")]
    another = str(make(api, api.customer("Omar").id))
    # When
    first = layla.get("/videos?limit=2").json()
    rest = layla.get("/videos", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    # Then each is there once
    assert [video["id"] for video in first["items"] + rest["items"]] == made[::-1]
    assert [video["filename"] for video in rest["items"]] == ["أسوان.mov"]
    assert rest["next_cursor"] is None
    # And an operator sees everybody's
    assert another in [video["id"] for video in nour.get("/videos").json()["items"]]


def test_a_finished_video_says_all_a_page_needs(api: ApiProcess, layla: Customer) -> None:
    # Given
    video_id = make(api, layla.id, duration_ms=12_345, width=1280, height=720)
    # When
    video = layla.get(f"/videos/{video_id}").json()
    # Then
    assert (video["status"], video["progress"], video["retry"]) == ("completed", 100, None)
    assert (video["duration"], video["width"], video["height"], video["size"]) == (12.345, 1280, 720, 1042)
    assert (video["code"], video["reason"]) == (None, None)
    assert video["processed_url"] == f"/videos/{video_id}/master.m3u8"
    # And its picture is to be had without an access token, as a page shows one
    picture = api.http.get(video["poster_url"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")


def test_one_that_is_not_finished_cannot_be_played(api: ApiProcess, layla: Customer) -> None:
    # Given
    video_id = make(api, layla.id, "processing", percent=41)
    # When
    video = layla.get(f"/videos/{video_id}").json()
    # Then
    assert (video["status"], video["progress"]) == ("processing", 41)
    assert (video["processed_url"], video["poster_url"]) == (None, None)
    problem(layla.post(f"/videos/{video_id}/playback"), 409, "not_ready")
    problem(layla.get(f"/videos/{video_id}/master.m3u8"), 404, "not_ready")


def test_a_rejected_one_says_why_in_a_sentence(api: ApiProcess, layla: Customer) -> None:
    video_id = make(api, layla.id, "rejected", code="not_a_video", reason="This file is not a video.")
    video = layla.get(f"/videos/{video_id}").json()
    assert (video["status"], video["code"]) == ("rejected", "not_a_video")
    assert video["reason"] == "This file is not a video."


# --- retrying: read from the ledger ---


def test_between_two_attempts_it_says_retrying_and_when(api: ApiProcess, layla: Customer, nour: Customer) -> None:
    # Given a video whose transcoding has failed twice and waits
    video_id = make(api, layla.id, "processing", percent=30)
    job(api, video_id, failures=2, error="ffmpeg on heavy-7: No space left on device")
    # When
    video = layla.get(f"/videos/{video_id}").json()
    listed = layla.get("/videos").json()["items"]
    # Then
    assert (video["status"], video["progress"], video["retry"]["attempt"]) == ("retrying", 30, 3)
    in_a_minute = datetime.fromisoformat(video["retry"]["next_at"]) - datetime.now(UTC)
    assert timedelta(0) < in_a_minute <= timedelta(minutes=1)
    assert listed == [video]
    # And what went wrong on our machines, operators are told
    assert "heavy-7" not in video["retry"]["reason"]
    assert "tried again" in video["retry"]["reason"]
    assert nour.get(f"/videos/{video_id}").json()["retry"]["reason"].startswith("ffmpeg on heavy-7")


@pytest.mark.parametrize(
    "other",
    [
        {"state": "running"},
        {"state": "queued"},
        {"failures": 0},
        {"args": ["{video}", 0]},
        {"name": "send_mail", "args": ["0198-not-a-number", "mail"]},
        {"args": ["{video}"]},
    ],
    ids=["it runs", "its turn comes", "it never failed", "of an earlier generation", "a mail", "of no generation"],
)
def test_nothing_else_reads_as_retrying(api: ApiProcess, layla: Customer, other: dict[str, Any]) -> None:
    # Given
    video_id = make(api, layla.id, "processing")
    if isinstance(args := other.get("args"), list):
        other = {**other, "args": [str(video_id) if arg == "{video}" else arg for arg in args]}
    job(api, video_id, **other)
    # Then
    assert layla.get(f"/videos/{video_id}").json()["status"] == "processing"


def test_a_failed_one_is_failed_whatever_is_in_the_ledger(api: ApiProcess, layla: Customer) -> None:
    video_id = make(api, layla.id, "failed", code="failed", reason="It could not be processed.")
    job(api, video_id)
    assert layla.get(f"/videos/{video_id}").json()["status"] == "failed"


# --- what its owner may do ---


def test_who_deletes_a_video_sees_it_no_more(api: ApiProcess, layla: Customer) -> None:
    # Given
    video_id = make(api, layla.id)
    played = layla.post(f"/videos/{video_id}/playback").json()
    # When
    assert layla.http.delete(f"/videos/{video_id}").status_code == 204
    # Then, at once: not even whoever plays it
    for answer in (layla.get(f"/videos/{video_id}"), layla.http.delete(f"/videos/{video_id}")):
        problem(answer, 404, "not_found")
    for address in (played["url"], played["mp4_url"], played["poster_url"]):
        problem(api.http.get(address), 404, "not_found")
    assert layla.get("/videos").json()["items"] == []
    assert facts(api, video_id) == ["VideoDeleted"]


@pytest.mark.parametrize("status", ["uploading", "uploaded", "processing", "failed", "rejected", "cancelled"])
def test_a_video_can_be_deleted_whatever_its_state(api: ApiProcess, layla: Customer, status: str) -> None:
    video_id = make(api, layla.id, status)
    assert layla.http.delete(f"/videos/{video_id}").status_code == 204
    assert facts(api, video_id) == ["VideoDeleted"]


@pytest.mark.parametrize("status", ["uploaded", "processing"])
def test_who_cancels_stops_it_once(api: ApiProcess, layla: Customer, status: str) -> None:
    # Given
    video_id = make(api, layla.id, status, percent=50)
    job(api, video_id)
    # When
    answers = [layla.post(f"/videos/{video_id}/cancellation") for _ in range(2)]
    # Then
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["status"] for answer in answers} == {"cancelled"}
    assert facts(api, video_id) == ["VideoCancelled"]


@pytest.mark.parametrize("status", ["uploading", "completed", "failed", "rejected"])
def test_it_is_too_late_to_cancel_what_has_ended(api: ApiProcess, layla: Customer, status: str) -> None:
    video_id = make(api, layla.id, status)
    problem(layla.post(f"/videos/{video_id}/cancellation"), 409, "illegal_move")
    assert facts(api, video_id) == []


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_what_has_ended_can_be_processed_again(api: ApiProcess, layla: Customer, status: str) -> None:
    # Given
    video_id = make(api, layla.id, status, generation=3, code="failed", reason="The disk was full.", percent=70)
    # When the button is pressed twice
    answers = [layla.post(f"/videos/{video_id}/resubmission") for _ in range(2)]
    # Then it is done once, anew
    assert [answer.status_code for answer in answers] == [202, 202]
    video = answers[0].json()
    assert (video["status"], video["generation"], video["progress"]) == ("uploaded", 4, 0)
    assert (video["code"], video["reason"]) == (None, None)
    assert facts(api, video_id) == ["VideoResubmitted"]


@pytest.mark.parametrize("status", ["uploading", "processing", "rejected"])
def test_what_is_half_there_or_refused_for_good_is_not_processed_again(
    api: ApiProcess, layla: Customer, status: str
) -> None:
    video_id = make(api, layla.id, status)
    problem(layla.post(f"/videos/{video_id}/resubmission"), 409, "illegal_move")
    assert facts(api, video_id) == []


def test_without_what_was_uploaded_it_cannot_be_processed_again(api: ApiProcess, layla: Customer) -> None:
    # Given one whose upload is past its days, and one whose upload got lost
    forgotten = make(api, layla.id, "failed", source_deleted_at=datetime.now(UTC))
    lost = make(api, layla.id, "failed")
    (api.files / source_path(lost)).unlink()
    # Then
    for video_id in (forgotten, lost):
        problem(layla.post(f"/videos/{video_id}/resubmission"), 409, "source_gone")
        assert layla.get(f"/videos/{video_id}").json()["status"] == "failed"
        assert facts(api, video_id) == []


# --- playing ---


def test_a_player_gets_addresses_that_need_no_access_token(api: ApiProcess, layla: Customer) -> None:
    # Given
    video_id = make(api, layla.id)
    # When
    answer = layla.post(f"/videos/{video_id}/playback")
    # Then each is there, for whoever has it, and for some hours
    played = answer.json()
    left = datetime.fromisoformat(played.pop("expires_at")) - datetime.now(UTC)
    assert timedelta(hours=4) < left <= timedelta(hours=6)
    kinds = {name: api.http.get(address).headers["content-type"] for name, address in played.items()}
    assert kinds == {
        "url": "application/vnd.apple.mpegurl",
        "mp4_url": "video/mp4",
        "poster_url": "image/jpeg",
        "storyboard_url": "text/vtt; charset=utf-8",
    }
    # And it is the same a moment later, so that a browser keeps what it has
    assert layla.post(f"/videos/{video_id}/playback").json()["url"] == played["url"]


def test_the_playlist_has_an_address_that_stays_and_all_it_names_is_there(api: ApiProcess, layla: Customer) -> None:
    # Given
    address = layla.get(f"/videos/{make(api, layla.id)}").json()["processed_url"]
    # When
    answer = layla.get(address)
    # Then
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.apple.mpegurl")
    assert answer.headers["cache-control"] == "no-store"
    lines = answer.text.splitlines()
    audio = lines[3].partition('URI="')[2].removesuffix('"')
    assert lines[0] == "#EXTM3U"
    assert (audio[:7], lines[5][:7]) == ("/media/", "/media/")
    for named in (audio, lines[5]):
        playlist = api.http.get(named)
        assert playlist.text.startswith("#EXTM3U")
        # And what those name is beside them
        assert api.http.get(named.replace("index.m3u8", "seg_00000.m4s")).content == b"moof"
    # And without an access token it is not told
    problem(api.http.get(address), 401, "unauthorised")


def test_while_it_is_processed_again_the_old_one_is_played(api: ApiProcess, layla: Customer) -> None:
    # Given
    video_id = make(api, layla.id)
    before = layla.post(f"/videos/{video_id}/playback").json()
    # When
    layla.post(f"/videos/{video_id}/resubmission")
    # Then
    assert layla.post(f"/videos/{video_id}/playback").json()["url"] == before["url"]
    assert api.http.get(before["url"]).is_success
    assert layla.get(f"/videos/{video_id}").json()["processed_url"] is not None


# --- whose they are ---


def test_another_customers_video_is_none_at_all(api: ApiProcess, layla: Customer) -> None:
    # Given
    omar = api.customer("Omar")
    for video_id in (make(api, layla.id, "failed"), new_id()):
        # When
        for answer in _all(omar, video_id):
            # Then
            problem(answer, 404, "not_found")
        assert facts(api, video_id) == []


def test_operators_look_and_touch_nothing(api: ApiProcess, layla: Customer, nour: Customer) -> None:
    # Given
    video_id = make(api, layla.id)
    # When
    show, delete, cancel, resubmit, play, playlist = _all(nour, video_id)
    # Then
    assert (show.status_code, play.status_code, playlist.status_code) == (200, 200, 200)
    for answer in (delete, cancel, resubmit):
        problem(answer, 403, "forbidden")
    assert facts(api, video_id) == []


def test_who_is_not_signed_in_is_told_nothing(api: ApiProcess, layla: Customer) -> None:
    video_id = make(api, layla.id)
    answers = [api.http.get("/videos"), api.http.get(f"/videos/{video_id}"), api.http.delete(f"/videos/{video_id}")]
    for answer in answers:
        problem(answer, 401, "unauthorised")


def _all(customer: Customer, video_id: UUID) -> list[httpx.Response]:
    """Return the answers to everything that can be asked of a video."""
    itself = f"/videos/{video_id}"
    return [
        customer.get(itself),
        customer.http.delete(itself),
        customer.post(f"{itself}/cancellation"),
        customer.post(f"{itself}/resubmission"),
        customer.post(f"{itself}/playback"),
        customer.get(f"{itself}/master.m3u8"),
    ]
