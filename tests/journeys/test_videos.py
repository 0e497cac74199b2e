"""The lecture's ProcessVideo: from an upload to what is played, through the real ledger and the real FFmpeg."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.films import Studio, film, frames, seconds
from tests.shop import Shop, environment


@pytest.fixture
def studio(shop: Shop, tmp_path: Path) -> Iterator[Studio]:
    """A customer's videos, with a folder of their own."""
    with environment(FILES=str(tmp_path / "files"), DISK_RESERVE_BYTES="0"):
        yield Studio(shop.connection, shop.customer)


def test_an_upload_becomes_a_video_that_can_be_played(studio: Studio) -> None:
    # Given a film of two seconds
    video = studio.upload(film(2))
    # When the workers are done
    studio.work()
    # Then it is completed, with what the lecture asks for
    row = studio.row(video)
    assert (row.status, row.percent, row.published, row.poster, row.storyboard) == ("completed", 100, 1, 1, 1)
    assert (row.width, row.height) == (320, 240)
    assert abs(row.duration_ms - 2000) < 50
    assert row.completed_at is not None
    # And it can be played, in whole
    stream = studio.media(video) / "stream"
    assert frames(stream / "240" / "index.m3u8") == 60
    assert abs(seconds(stream / "video.mp4") - 2) < 0.1
    # And nothing else is on the disk
    assert studio.on_disk() == studio.expected(video)
    # And it was told once
    assert studio.facts(video) == ["VideoUploaded", "VideoProcessed"]
    assert {job.state for job in studio.jobs(video)} == {"succeeded"}
