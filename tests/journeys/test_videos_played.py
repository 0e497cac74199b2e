"""From `curl -T` to a player that is not ours: what ffprobe finds at the addresses that the API gives."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.engines.binaries import ffprobe
from shared.engines.postgres import PostgresServer
from shared.engines.redis import RedisServer
from tests import clips
from tests.house import Customer, House
from tests.waiting import wait_until

RATE = 30
SECONDS = 8


@pytest.fixture
def house(
    environment: pytest.MonkeyPatch, tmp_path: Path, postgres: PostgresServer, redis: RedisServer
) -> Iterator[House]:
    with House(environment, tmp_path, postgres, redis, disk_reserve_bytes=0) as house:
        yield house


def curl(house: House, customer: Customer, clip: Path) -> dict[str, Any]:
    """Upload a file as the README has it."""
    bearer = f"Authorization: Bearer {customer.token}"
    command = ["curl", "--silent", "--show-error", "--fail", "-T", str(clip), "-H", bearer, f"{house.url}/videos/"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    video: dict[str, Any] = json.loads(said)
    return video


def finished(house: House, customer: Customer, video_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any]:
        video: dict[str, Any] = house.http.get(f"/videos/{video_id}", headers=customer.headers).json()
        assert video["status"] not in ("failed", "rejected"), video
        return video if video["status"] == "completed" else {}

    return wait_until(look, 90)


def probed(address: str, *wanted: str, headers: str = "") -> Any:
    """Return what ffprobe finds at an address, with the headers that it is to send."""
    shown = ["-headers", f"{headers}\r\n"] if headers else []
    command = [str(ffprobe()), "-v", "error", *shown, *wanted, "-of", "json", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def key_frames(address: str) -> list[float]:
    found = probed(address, "-select_streams", "v:0", "-skip_frame", "nokey", "-show_entries", "frame=pts_time")
    return [round(float(frame["pts_time"]), 3) for frame in found["frames"]]


def test_what_curl_uploads_is_played_by_a_player_that_is_not_ours(house: House, tmp_path: Path) -> None:
    # Given a film of eight seconds
    layla = house.sign_in()
    clip = clips.clip(tmp_path / "film", SECONDS, "854x480")
    # When it is uploaded, and processed
    accepted = curl(house, layla, clip)
    assert accepted["filename"] == "clip.mp4"
    video = finished(house, layla, accepted["id"])
    # Then at its lasting address ffprobe, with the access token, finds the renditions that were promised
    streams = ("-show_entries", "stream=codec_type,width,height", "-show_entries", "format=duration")
    found = probed(house.url + video["processed_url"], *streams, headers=f"Authorization: Bearer {layla.token}")
    pictures = {(one["width"], one["height"]) for one in found["streams"] if one["codec_type"] == "video"}
    assert pictures == {(854, 480), (640, 360)}
    assert any(one["codec_type"] == "audio" for one in found["streams"])
    assert abs(float(found["format"]["duration"]) - SECONDS) <= 1 / RATE
    # And at those for players, without it, the same
    played = house.http.post(f"/videos/{video['id']}/playback", headers=layla.headers).json()
    assert probed(house.url + played["url"], *streams) == found
    whole = probed(house.url + played["mp4_url"], *streams)
    assert [one["codec_type"] for one in whole["streams"]] == ["video", "audio"]
    assert abs(float(whole["format"]["duration"]) - SECONDS) <= 1 / RATE
    # And all sizes can be changed at the same moments, every two seconds
    folder = played["url"].rpartition("/")[0]
    small, large = (key_frames(f"{house.url}{folder}/{rung}/index.m3u8") for rung in ("360", "480"))
    assert small == large
    assert [round(moment - small[0]) for moment in small] == [0, 2, 4, 6]
    # And the film is as long as its owner is told
    assert abs(video["duration"] - SECONDS) <= 1 / RATE
