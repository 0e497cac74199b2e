"""`kill -9` of workers and of FFmpeg while they make videos; a poster, and a cancellation, by the clock."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from shared.config import settings
from tests.audited import Tell
from tests.films import film, frames
from tests.house import Open
from tests.video_house import VideoHouse, making_videos
from tests.waiting import wait_until

CANCELLED_WITHIN = 1.0
POSTER_WITHIN = 3.0


@pytest.fixture
def videos(open_house: Open, tmp_path: Path) -> Iterator[VideoHouse]:
    """The house with two heavy workers; short waits between the tries, and short chunks."""
    house = open_house(video_backoff_seconds="[0.2]", video_chunk_seconds=12, disk_reserve_bytes=0)
    with making_videos(house, tmp_path) as made:
        yield made


def strike_until_done(videos: VideoHouse, made: Sequence[UUID], most: int, dice: random.Random) -> Counter[str]:
    """Kill what runs, at moments of chance, as often as that; return what was killed when all is made."""
    struck: Counter[str] = Counter()
    deadline = time.monotonic() + 240
    while videos.left(made):
        assert time.monotonic() < deadline, videos.house.sql("select status, count(*) from videos group by status")
        if struck.total() < most and dice.random() < 0.2 and (hit := videos.strike(dice)):
            struck[hit] += 1
        time.sleep(dice.random() / 10)  # a moment of chance
    videos.house.wait_until_quiet(120)
    return struck


def check(videos: VideoHouse, made: Sequence[UUID]) -> None:
    """Each was made once and told of once, and nothing else is left, on the disk or running."""
    told = videos.house.sql("select aggregate_id, count(*) as n from events where name = 'VideoProcessed' group by 1")
    assert {row.aggregate_id: row.n for row in told} == dict.fromkeys(made, 1)
    wait_until(lambda: not videos.stray(), 5)
    assert videos.on_disk() == videos.expected(made)


@pytest.mark.proof
def test_workers_and_ffmpegs_that_are_killed_again_and_again_make_every_video_once(
    videos: VideoHouse, scaled: Callable[[int, int], int], dice: random.Random, tell: Tell
) -> None:
    # Given short films of several customers
    customers = videos.house.customers(4)
    made = [videos.upload(customers[n % 4], film(3)) for n in range(scaled(20, 4))]
    # When what makes them is killed, again and again
    struck = strike_until_done(videos, made, scaled(40, 5), dice)
    # Then each was made once, whole, and nothing is left
    lost = videos.house.one("select count(*) from job_attempts where outcome = 'lost'")
    tell(videos=len(made), killed=dict(struck), attempts_lost=lost)
    assert struck
    check(videos, made)
    for video in made:
        assert frames(settings().files / f"media/{video}/1/stream/video.mp4") == 90


@pytest.mark.proof
def test_a_video_in_chunks_whose_workers_are_killed_is_the_same_as_one_made_in_peace(
    videos: VideoHouse, scaled: Callable[[int, int], int], dice: random.Random, tell: Tell
) -> None:
    # Given a film that is cut into chunks for two workers
    (customer,) = videos.house.customers(1)
    length = scaled(60, 25)
    made = [videos.upload(customer, film(length, rate=10))]
    # When they are killed, again and again
    struck = strike_until_done(videos, made, scaled(12, 4), dice)
    # Then no picture is missing, or there twice, in any size
    chunks = videos.house.one("select count(*) from jobs where name = 'transcode_chunk'")
    tell(chunks=chunks, killed=dict(struck))
    assert chunks > 1
    check(videos, made)
    stream = settings().files / f"media/{made[0]}/1/stream"
    assert {frames(playlist) for playlist in stream.glob("[0-9]*/index.m3u8")} == {length * 10}


@pytest.mark.alone
@pytest.mark.proof
def test_however_busy_it_is_a_poster_comes_within_three_seconds_and_a_cancelled_ffmpeg_ends_within_one(
    videos: VideoHouse, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    (customer,) = videos.house.customers(1)
    cancelled, others, posters, endings = [], [], [], []
    for _ in range(scaled(5, 2)):
        # Given a worker that is busy with a film
        cancelled.append(videos.upload(customer, film(11, size="1920x1080")))
        program = videos.program_of(cancelled[-1], "transcode_video")
        # When another is uploaded, then its picture is there soon
        others.append(videos.upload(customer, film(2)))
        posters.append(seconds_until(partial(videos.has_poster, others[-1])))
        # When the first is cancelled, then its FFmpeg, which has been at work all the time, is gone soon
        assert not videos.gone(program)
        began = time.monotonic()
        videos.cancel(customer, cancelled[-1])
        seconds_until(partial(videos.gone, program))
        endings.append(time.monotonic() - began)
    # And the workers go on with the others, and nothing is left
    videos.house.wait_until_quiet(120)
    tell(posters=len(posters), slowest_poster=max(posters), cancellations=len(endings), slowest_end=max(endings))
    assert videos.left(others) == 0
    assert videos.stray() == []
    shown = {name for name in videos.on_disk() if not name.endswith((".jpg", ".vtt"))}
    assert shown == {f"uploads/{video}" for video in (*cancelled, *others)} | {f"media/{v}/1/stream" for v in others}
    assert max(posters) < POSTER_WITHIN
    assert max(endings) < CANCELLED_WITHIN


def seconds_until(fact: Callable[[], bool]) -> float:
    began = time.monotonic()
    wait_until(fact, 20)
    return time.monotonic() - began
