"""`PUT /videos/{filename}`, for the terminal: a whole video, or nothing."""

import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import UUID

import pytest

from shared.engines.redis import RedisServer
from tests.api import ApiProcess, Customer, problem
from tests.uploading import Line, Tus, film, line, wait_for_size
from tests.waiting import wait_until

MIB = 2**20


@pytest.fixture
def tus(api: ApiProcess, layla: Customer) -> Tus:
    return Tus(api, layla)


def rows(api: ApiProcess, customer: Customer) -> list[UUID]:
    return [row.id for row in api.sql("select id from videos where user_id = %s order by id", customer.id)]


def test_a_body_becomes_a_video(api: ApiProcess, tus: Tus) -> None:
    # Given
    content = film(3_000_000)
    # When
    answer = tus.http.put("/videos/رحلة.mp4", content=content)
    # Then
    assert answer.status_code == 202, answer.text
    video = answer.json()
    assert (video["status"], video["filename"], video["size"]) == ("uploaded", "رحلة.mp4", len(content))
    assert (video["progress"], video["processed_url"]) == (0, None)
    assert answer.headers["location"] == f"/videos/{video['id']}" == video["links"]["self"]
    assert tus.stored(video["id"]) == content
    assert tus.facts(video["id"]) == ["VideoUploaded"]
    assert rows(api, tus.customer) == [UUID(video["id"])]


def test_each_body_is_a_new_video(api: ApiProcess, tus: Tus) -> None:
    first, second = (tus.http.put("/videos/desk.mp4", content=b"same").json()["id"] for _ in range(2))
    assert rows(api, tus.customer) == [UUID(first), UUID(second)]


def test_curl_needs_no_more_than_a_token(api: ApiProcess, tus: Tus, tmp_path: Path) -> None:
    # Given
    curl = shutil.which("curl")
    assert curl, "curl is needed"
    clip = tmp_path / "family film.mp4"
    clip.write_bytes(film(2_500_000))
    token = ["-H", f"Authorization: Bearer {tus.customer.token}"]
    # When
    said = subprocess.run(
        [curl, "-sS", "-T", str(clip), *token, f"{api.url}/videos/"], capture_output=True, text=True, check=True
    )
    # Then
    assert f'"filename":"{clip.name}"' in said.stdout
    # And without one it is told so before it has sent anything
    refused = subprocess.run(
        [curl, "-sS", "-w", "%{size_upload}", "-T", str(clip), f"{api.url}/videos/"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"code": "unauthorised"' in refused.stdout
    assert refused.stdout.endswith("}0")


def test_what_cannot_be_a_video_is_refused_before_it_comes(api: ApiProcess, tus: Tus) -> None:
    problem(tus.http.put("/videos/desk.mp4", content=iter([b"0123"])), 411, "length_required")
    problem(tus.http.put("/videos/desk.mp4", content=b""), 422, "empty")
    with put(tus, 2**26 + 1) as sending:
        assert sending.answer()[0] == 413
    assert rows(api, tus.customer) == []


def test_a_body_that_is_cut_leaves_nothing(api: ApiProcess, tus: Tus) -> None:
    # Given
    with put(tus, 3 * MIB) as sending:
        sending.send(film(2 * MIB))
        video = wait_until(lambda: rows(api, tus.customer))[0]
        wait_for_size(tus, str(video), MIB)
        # When
        sending.cut()
    # Then
    wait_until(lambda: rows(api, tus.customer) == [])
    wait_until(lambda: not tus.file(str(video)).exists())


def test_a_killed_api_leaves_what_expires_soon(
    api: ApiProcess, shop_url: str, redis: RedisServer, tmp_path: Path
) -> None:
    # Given
    with ApiProcess(tmp_path, shop_url, redis.url, {"DISK_RESERVE_BYTES": "0"}) as mortal:
        tus = Tus(mortal, mortal.customer("Omar"))
        with put(tus, 3 * MIB) as sending:
            sending.send(film(2 * MIB))
            video = wait_until(lambda: rows(api, tus.customer))[0]
            wait_for_size(tus, str(video), MIB)
            # When
            mortal.kill()
    # Then
    row = tus.row(str(video))
    assert row.status == "uploading"
    assert 0 < (row.expires_at - row.created_at).total_seconds() < 301


def put(tus: Tus, size: int) -> AbstractContextManager[Line]:
    """Begin to upload so many bytes."""
    token = {"Authorization": f"Bearer {tus.customer.token}"}
    return line(tus.api.port, "PUT", "/videos/desk.mp4", size, token)
