"""A long video in chunks by many workers: joined, it is the same as if one had made it, picture for picture."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.worker.ffmpeg.errors import Broken
from services.worker.ffmpeg.finish import finish
from services.worker.ffmpeg.plan import Plan
from services.worker.ffmpeg.probe import probe
from services.worker.ffmpeg.transcode import join, transcode, transcode_audio, transcode_chunk
from services.worker.ffmpeg.watch import Watch
from tests.video.making import AAC, X264, Seen, clip, ffmpeg, picture, pictures_of, tone
from tests.video.odd import UNEVEN, recorded

SECONDS = 13
WATCH = Watch(threads=1)


def open_groups(path: Path) -> None:
    """Pictures before a key frame need one after it."""
    groups = ["-x264-params", "open-gop=1:keyint=75:bframes=3:scenecut=0"]
    ffmpeg(*picture(seconds=SECONDS), *tone(SECONDS), *X264, "-preset", "veryfast", *groups, *AAC, f"file:{path}")


def uneven(path: Path) -> None:
    ffmpeg(*picture(seconds=SECONDS), *tone(SECONDS), *UNEVEN, *X264, *AAC, f"file:{path}")


def opus(path: Path) -> None:
    """Its sound begins before its pictures."""
    ffmpeg(*picture(rate="24000/1001", seconds=SECONDS), *tone(SECONDS), *X264, "-c:a", "libopus", f"file:{path}")


LONG: dict[str, Callable[[Path], object]] = {
    "even.mp4": lambda path: clip(path, seconds=SECONDS),
    "ntsc.mp4": lambda path: clip(path, rate="30000/1001", seconds=SECONDS),
    "120-a-second.mp4": lambda path: clip(path, rate="120", seconds=SECONDS),
    "uneven.mp4": uneven,
    "opus.mkv": opus,
    "open-groups.mp4": open_groups,
    "recorded.webm": lambda path: recorded(path, SECONDS),
}


@pytest.mark.parametrize("name", LONG)
def test_seams_are_not_seen(name: str, tmp_path: Path) -> None:
    # Given a film of a kind
    source = tmp_path / name
    LONG[name](source)
    plan = probe(source)
    # When it is made in one piece, and in chunks that are joined
    whole, joined = tmp_path / "whole", tmp_path / "joined"
    transcode(source, plan, whole, WATCH)
    finish(whole, plan, WATCH)
    parts = in_chunks(source, plan, tmp_path)
    assert len(parts) == 3
    join(parts[::-1], plan, joined, WATCH)
    finish(joined, plan, WATCH)
    # Then both show the same pictures at the same moments
    assert sorted(path.name for path in joined.iterdir()) == sorted(path.name for path in whole.iterdir())
    for rung in plan.rungs:
        one, other = (pictures_of(folder / rung.name / "index.m3u8") for folder in (whole, joined))
        check_same(one, other, plan)


def in_chunks(source: Path, plan: Plan, folder: Path) -> list[Path]:
    parts = []
    for chunk in plan.chunks(6):
        parts.append(folder / f"chunk-{chunk.number}")
        transcode_chunk(source, plan, chunk, parts[-1], WATCH)
    parts.append(folder / "sound")
    transcode_audio(source, plan, parts[-1], WATCH)
    return parts


def check_same(one: Seen, other: Seen, plan: Plan) -> None:
    assert len(one.moments) == len(other.moments)
    assert max(abs(a - b) for a, b in zip(one.moments, other.moments, strict=True)) <= 0.001
    if plan.constant_rate:
        assert one.keys == other.keys
        frame = 1 / float(plan.rate)
        assert all(abs(gap - frame) <= 0.001 for gap in other.gaps)


def test_a_chunk_that_is_missing_is_noticed(tmp_path: Path) -> None:
    # Given the chunks of a film
    source = clip(tmp_path / "film.mp4", seconds=SECONDS)
    plan = probe(source)
    parts = in_chunks(source, plan, tmp_path)
    # When one is missing, then they are not joined
    with pytest.raises(Broken):
        join(parts[1:], plan, tmp_path / "joined", WATCH)


def test_what_has_no_index_is_not_cut(tmp_path: Path) -> None:
    # Given television, in which one cannot find the picture of a moment
    plan = probe(clip(tmp_path / "television.ts", seconds=SECONDS))
    # Then it is one chunk
    assert len(plan.chunks(6)) == 1
