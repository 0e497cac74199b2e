"""A long video over many workers: chunks, joined, are what one worker would have made."""

from dataclasses import replace
from typing import Any

from services.worker.ffmpeg.plan import Plan
from services.worker.videos_transcoding import chunk_seconds
from tests.films import Studio, film, frames, seconds
from tests.shop import environment


def shares(studio: Studio, *names: str) -> list[str]:
    """Return the names of the jobs that made pictures or sound."""
    rows = studio.rows("select name from jobs where name = any(%s) order by name", list(names))
    return [row.name for row in rows]


PARTS = ("transcode_chunk", "transcode_audio", "join_video")


def test_a_long_video_is_made_in_chunks_by_several_workers_and_nothing_shows_it(studio: Studio) -> None:
    # Given two workers, and a film that is long for them
    studio.workers(2)
    with environment(VIDEO_CHUNK_SECONDS="6"):
        video = studio.upload(film(12.5))
        # When the workers are done
        percents: list[int] = []
        studio.work(until=lambda: percents.append(studio.row(video).percent))
    # Then each made a part
    assert shares(studio, *PARTS) == ["join_video", "transcode_audio", "transcode_chunk", "transcode_chunk"]
    # And it is whole: no picture is missing at a seam, or twice
    stream = studio.media(video) / "stream"
    assert studio.status(video) == "completed"
    assert frames(stream / "240" / "index.m3u8") == 375
    assert abs(seconds(stream / "video.mp4") - 12.5) < 0.1
    # And it was told once, its percent never went back, and nothing is left
    assert percents == sorted(percents)
    assert studio.facts(video) == ["VideoUploaded", "VideoProcessed"]
    assert studio.on_disk() == studio.expected(video)
    assert {job.state for job in studio.jobs(video)} == {"succeeded"}


def test_one_worker_makes_it_in_one_run(studio: Studio) -> None:
    studio.workers(1)
    with environment(VIDEO_CHUNK_SECONDS="6"):
        video = studio.upload(film(12.5))
        studio.work()
    assert studio.status(video) == "completed"
    assert shares(studio, *PARTS) == []


def test_a_chunk_that_fails_fails_the_video_once_and_nothing_is_left_open(studio: Studio) -> None:
    # Given a video whose chunks are about to be made
    studio.workers(2)
    with environment(VIDEO_CHUNK_SECONDS="6"):
        video = studio.upload(film(12.5))
        studio.work(until=lambda: shares(studio, "transcode_chunk"))
        # When what was uploaded is lost
        studio.source(video).unlink()
        studio.work()
    # Then it has failed, once, and is not stuck
    assert studio.status(video) == "failed"
    assert studio.facts(video) == ["VideoUploaded", "VideoFailed"]
    assert studio.rows("select from jobs where state in ('blocked', 'scheduled', 'queued', 'running')") == []
    assert not studio.working(video).exists()


def test_the_number_of_chunks_suits_the_workers() -> None:
    def count(minutes: float, workers: int, **more: Any) -> int:
        plan = replace(plan_of(minutes * 60), **more)
        seconds = chunk_seconds(plan, workers)
        return 1 if seconds is None else len(plan.chunks(seconds))

    # One worker makes all but the very long alone; several get as much each
    assert [count(minutes, 1) for minutes in (2, 4, 29)] == [1, 1, 1]
    assert [count(minutes, 2) for minutes in (2, 4, 10)] == [1, 2, 4]
    assert [count(minutes, 4) for minutes in (2, 4, 10, 13)] == [1, 4, 4, 8]
    # What no worker could make within a job's time is cut also where there is one worker only
    assert count(120, 1) == 40
    # Of large pictures, or many, that is less
    assert count(29, 1, width=1920, height=1080) == 1
    assert count(20, 1, width=1920, height=1080, source_rate="60/1") == 7
    assert count(5, 1, width=4096, height=2160, source_rate="60/1") == 2


def plan_of(length: float) -> Plan:
    return Plan(
        container="mov",
        duration=length,
        video_duration=length,
        audio_duration=None,
        width=320,
        height=240,
        frame_rate="30/1",
        source_rate="30/1",
        constant_rate=True,
        video_start=0.0,
        video_index=0,
        audio_index=None,
        rungs=(),
    )
