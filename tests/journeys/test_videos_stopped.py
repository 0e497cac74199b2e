"""Videos that are cancelled or deleted, and what is found by the clock: nothing is left, and nothing is stuck."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from services.worker.commands import videos as commands
from services.worker.videos_ending import MAKING
from services.worker.videos_sweeping import drop_old_sources, mend_stalled_videos, sweep_files, tidy_uploads
from shared.domain.videos import FAILED
from shared.ids import new_id
from shared.jobs.job import REGISTRY, JobType
from shared.uploads import UploadFile
from tests.films import Studio, film
from tests.shop import environment

OPEN = "select name from jobs where state in ('blocked', 'scheduled', 'queued', 'running')"
MOMENTS = ["probe_video", "make_poster", "transcode_video"]


def done(studio: Studio, video: UUID, name: str) -> bool:
    return any(job.state == "succeeded" for job in studio.jobs(video, name))


def age(path: Path, hours: float) -> None:
    """Let a file or a folder, with all that is in it, be so old."""
    then = time.time() - hours * 3600
    for each in [path, *path.rglob("*")]:
        os.utime(each, (then, then), follow_symlinks=False)


def test_the_jobs_that_are_stopped_are_those_that_make_a_video() -> None:
    modules = ("videos", "videos_pictures", "videos_transcoding")
    ours = {name for name, kind in REGISTRY.items() if kind.function.__module__.rpartition(".")[2] in modules}
    assert set(MAKING) == ours


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_cancelled_video_leaves_nothing_but_what_was_uploaded_and_can_be_processed_again(
    studio: Studio, moment: str
) -> None:
    # Given a video that is being made
    video = studio.upload(film(1))
    studio.work(until=lambda: done(studio, video, moment))
    # When its owner cancels it
    studio.cancel(video)
    studio.work()
    # Then nothing works on it any more, and nothing was told but that
    assert studio.status(video) == "cancelled"
    assert studio.rows(OPEN) == []
    assert studio.facts(video) == ["VideoUploaded", "VideoCancelled"]
    assert studio.on_disk() <= {f"uploads/{video}"} | {
        f"media/{video}/1/{name}" for name in ("poster.jpg", "storyboard.jpg", "storyboard.vtt")
    }
    # And it can be processed again
    studio.resubmit(video)
    studio.work()
    assert studio.status(video) == "completed"
    assert studio.row(video).published == 2
    assert studio.on_disk() == studio.expected(video, generation=2)


@pytest.mark.parametrize("moment", [*MOMENTS, "publish_video"])
def test_a_deleted_video_leaves_nothing(studio: Studio, moment: str) -> None:
    video, other = studio.upload(film(1)), studio.upload(film(1), "كرسي.mp4")
    studio.work(until=lambda: done(studio, video, moment))
    # When
    studio.delete(video)
    studio.work()
    # Then the other one is as it should be, and of this one there is nothing
    assert studio.rows(OPEN) == []
    assert studio.on_disk() == studio.expected(other)
    assert studio.facts(video)[-1] == "VideoDeleted"


def test_a_video_that_is_processed_again_while_its_first_run_is_being_stopped_is_made(studio: Studio) -> None:
    video = studio.upload(film(1))
    studio.work(until=lambda: done(studio, video, "make_poster"))
    # When its owner cancels it and at once thinks better of it
    studio.cancel(video)
    studio.resubmit(video)
    studio.work()
    # Then the second run was not stopped with the first
    assert studio.status(video) == "completed"
    assert studio.on_disk() == studio.expected(video, generation=2)


# --- by the clock --------------------------------------------------------------------------------------------------


def run(studio: Studio, task: JobType) -> None:
    with studio.writing() as tx:
        task.dispatch(tx)
    studio.work()


def test_uploads_that_nobody_ends_are_ended(studio: Studio) -> None:
    # Given an upload that expired, one that goes on, and one that was whole when its API died
    expired, open_ = studio.begin(1000, seconds=-1), studio.begin(1000)
    for each in (expired, open_):
        studio.write(each, b"half of it")
    content = film(1)
    whole = studio.begin(len(content))
    studio.write(whole, content)
    studio.rows("update videos set updated_at = updated_at - interval '2 minutes'")
    # When
    run(studio, tidy_uploads)
    # Then the first is gone with its file, the second waits, and the third is a video
    assert studio.rows("select from videos where id = %s", expired) == []
    assert studio.status(open_) == "uploading"
    assert studio.status(whole) == "completed"
    assert studio.on_disk() == studio.expected(whole) | {f"uploads/{open_}"}


def test_an_upload_that_somebody_is_still_writing_is_not_handed_over(studio: Studio) -> None:
    # Given the last chunk of an upload, all of it in the file, that its API has yet to compare with its checksum
    content = film(1)
    upload = studio.begin(len(content))
    studio.write(upload, content)
    studio.rows("update videos set updated_at = updated_at - interval '2 minutes'")
    with UploadFile(upload) as file:
        assert file.claim()
        # When it is looked for uploads that nobody ends, then it is left to whoever writes it, and not disturbed
        run(studio, tidy_uploads)
        assert studio.status(upload) == "uploading"
        assert not file.wanted()
    # When nobody does any more
    run(studio, tidy_uploads)
    # Then it is handed over
    assert studio.status(upload) == "completed"


def test_no_video_is_stuck(studio: Studio) -> None:
    # Given a video whose jobs were taken away by hand, one that is being made, and one of which the relay knows nothing
    stuck, busy = studio.upload(film(1)), studio.upload(film(1))
    studio.work(until=lambda: done(studio, stuck, "probe_video") and done(studio, busy, "probe_video"))
    studio.rows("update jobs set state = 'cancelled', finished_at = now() where aggregate_id = %s", stuck)
    new = studio.upload(film(1))
    studio.rows("update videos set updated_at = updated_at - interval '1 hour'")
    # When it is looked for them
    with studio.writing() as tx:
        mend_stalled_videos.dispatch(tx)
    studio.work(until=lambda: done(studio, stuck, "fail_video"))
    # Then the first has failed, and its owner may have it processed again
    assert studio.said(stuck) == ("failed", *FAILED)
    studio.resubmit(stuck)
    studio.work()
    assert [studio.status(video) for video in (stuck, busy, new)] == ["completed"] * 3


def test_uploads_are_kept_for_as_long_as_was_promised(studio: Studio) -> None:
    # Given a video that was finished long ago, and one of today
    old, young = studio.upload(film(1)), studio.upload(film(1))
    studio.work()
    studio.rows("update videos set completed_at = completed_at - interval '31 days' where id = %s", old)
    # When
    run(studio, drop_old_sources)
    # Then what was uploaded goes, what is played stays
    assert studio.row(old).source_deleted_at is not None
    assert studio.on_disk() == studio.expected(old, young) - {f"uploads/{old}"}
    # And a row that was deleted long ago goes too
    studio.delete(old)
    studio.work()
    studio.rows("update videos set deleted_at = deleted_at - interval '31 days' where deleted_at is not null")
    run(studio, drop_old_sources)
    assert studio.rows("select from videos where id = %s", old) == []


@pytest.mark.parametrize("status", ["rejected", "failed", "cancelled"])
def test_uploads_of_which_nothing_came_are_not_kept_for_ever(studio: Studio, status: str) -> None:
    # Given an upload that was given up long ago, and one of today
    old, young = studio.upload(film(1)), studio.upload(film(1))
    studio.rows("update videos set status = %s", status)
    studio.rows("update videos set updated_at = now() - interval '31 days' where id = %s", old)
    # When
    run(studio, drop_old_sources)
    # Then its file is gone, and its owner can still see what became of it
    assert not studio.source(old).exists()
    assert studio.source(young).exists()
    assert studio.status(old) == status


def litter(studio: Studio, video: UUID) -> set[Path]:
    """Put there what crashes leave, all of it old."""
    root, nobody = studio.source(video).parent.parent, new_id()
    left = [
        root / "uploads" / str(nobody),
        root / "work" / str(video) / "1" / str(new_id()) / "1" / "init.mp4",
        root / "work" / str(nobody) / "3" / "init.mp4",
        root / "media" / str(video) / "7" / "poster.jpg",
        root / "media" / str(nobody) / "1" / "stream" / "master.m3u8",
    ]
    studio.rows("update videos set generation = 9, published = 9, poster = 9, storyboard = 9 where id = %s", video)
    (root / "media" / str(video) / "1").rename(root / "media" / str(video) / "9")
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("سايبها ورايا")
    return set(left)


def test_what_crashes_have_left_is_swept_and_nothing_else(studio: Studio) -> None:
    # Given a video that is played, and what crashes have left around it
    video = studio.upload(film(1))
    studio.work()
    root = studio.source(video).parent.parent
    left = litter(studio, video)
    studio.rows("update videos set completed_at = completed_at - interval '1 day'")
    # When it is still young, then it is left alone
    run(studio, sweep_files)
    assert all(path.exists() for path in left)
    # When it is old, and only looked at, then it is told of
    age(root, hours=2)
    shown = sweep("--dry-run")
    assert sorted(item["what"] for item in shown) == ["remove files"] * 5
    assert all(path.exists() for path in left)
    # When it is swept
    run(studio, sweep_files)
    # Then all of it is gone, and no empty folder is left
    assert studio.on_disk() == studio.expected(video, generation=9)


def test_the_sweep_by_hand_does_all_that_is_done_by_the_clock(studio: Studio) -> None:
    video = studio.upload(film(1))
    studio.work()
    left = litter(studio, video)
    studio.begin(1000, seconds=-1)
    studio.rows("update videos set completed_at = completed_at - interval '31 days'")
    age(studio.source(video).parent.parent, hours=2)
    # When it is first looked at, and then done
    to_do = sweep("--dry-run")
    assert {item["what"] for item in to_do} == {"remove files", "forget upload", "remove upload"}
    assert sweep() == to_do
    # Then nothing is left to do
    assert not any(path.exists() for path in left)
    assert sweep("--dry-run") == []
    assert studio.on_disk() == studio.expected(video, generation=9) - {f"uploads/{video}"}


def test_a_database_that_knows_nothing_of_the_files_lets_nobody_remove_them(studio: Studio) -> None:
    # Given files of very many videos, and an empty database
    root = studio.source(new_id()).parent
    root.mkdir(parents=True)
    for _ in range(60):
        (root / str(new_id())).write_bytes(b"walnut-desk")
    age(root, hours=2)
    # When it is swept, then nothing goes
    run(studio, sweep_files)
    assert len(list(root.iterdir())) == 60
    assert "is it the right one?" in studio.rows("select error from jobs where name = 'sweep_files'")[0].error


def sweep(*words: str) -> list[dict[str, Any]]:
    said = CliRunner().invoke(commands.app, ["sweep", *words, "--json"])
    assert said.exit_code == 0, f"{said.output} {said.exception!r}"
    items: list[dict[str, Any]] = json.loads(said.stdout)["items"]
    return items


def test_files_of_a_generation_that_is_no_longer_shown_go_when_nobody_can_be_playing_them(studio: Studio) -> None:
    video = studio.upload(film(1))
    studio.work()
    studio.resubmit(video)
    studio.work()
    age(studio.media(video, 1), hours=2)
    # When somebody may still be playing the old one, it stays
    run(studio, sweep_files)
    assert (studio.media(video, 1) / "stream").exists()
    # When nobody may
    with environment(PLAYBACK_HOURS=str(timedelta(milliseconds=1).total_seconds() / 3600)):
        run(studio, sweep_files)
    assert studio.on_disk() == studio.expected(video, generation=2)
