"""Odd, but honest files: each becomes a video that plays everywhere, or is refused with its reason."""

from itertools import pairwise
from pathlib import Path

import pytest

from services.worker.ffmpeg.capabilities import capabilities
from services.worker.ffmpeg.errors import Refused
from services.worker.ffmpeg.finish import finish
from services.worker.ffmpeg.pictures import poster, storyboard
from services.worker.ffmpeg.plan import Plan
from services.worker.ffmpeg.probe import probe
from services.worker.ffmpeg.transcode import transcode
from services.worker.ffmpeg.watch import Watch
from shared.domain.videos import Refusal
from tests.video.making import kinds_of, length_of, pictures_of, show, size_of
from tests.video.odd import ODD, Expected


@pytest.mark.parametrize("name", ODD)
def test_every_odd_file_ends_as_it_should(name: str, tmp_path: Path) -> None:
    # Given a file as people have them
    make, expected = ODD[name]
    source = tmp_path / name
    make(source)
    if name.startswith("av1") and "av1" not in capabilities().decoders:
        expected = Expected(refused=Refusal.CODEC)
    # When it is looked at, then it is refused for its reason
    if expected.refused is not None:
        with pytest.raises(Refused) as refused:
            probe(source)
        assert refused.value.refusal == expected.refused
        return
    # Or planned, the plan says what cannot be done here, and can be kept
    plan = probe(source)
    assert set(plan.notes) == wanted_notes(expected)
    assert Plan.from_json(plan.to_json()) == plan
    # And the pictures, the stream and the file are as promised
    told: list[float] = []
    stream = tmp_path / "stream"
    poster(source, plan, tmp_path, Watch())
    storyboard(source, plan, tmp_path, Watch())
    transcode(source, plan, stream, Watch(progress=told.append))
    finish(stream, plan, Watch())
    check_stream(stream, plan, expected)
    check_pictures(tmp_path, plan)
    assert told == sorted(told)
    assert told[-1] == 1
    assert not [file for file in stream.rglob("*") if file.is_file() and b"walnut secret" in file.read_bytes()]


def wanted_notes(expected: Expected) -> set[str]:
    unmapped = {"hdr_not_mapped"} if "hdr" in expected.notes and not capabilities().tone_maps else set()
    return {*expected.notes, *unmapped}


def check_stream(stream: Path, plan: Plan, expected: Expected) -> None:
    rungs = [stream / rung.name / "index.m3u8" for rung in plan.rungs]
    frame = 1 / float(plan.rate)
    assert tuple(size_of(index) for index in rungs) == expected.sizes
    assert (stream / "audio").exists() == expected.sound
    seen = [pictures_of(index) for index in rungs]
    # Every rung shows the same pictures, from the first moment on, and can be entered at the same ones
    assert len(set(seen)) == 1
    assert len(seen[0].moments) == expected.frames
    assert seen[0].moments[0] == 0
    assert len(seen[0].gaps) <= (2 if expected.even else 99)  # 0.033 and 0.034 is rounding
    assert all(after - before <= 2 + 2 * max(frame, 0.25) for before, after in pairwise(seen[0].keys))
    for path in (*rungs, stream / "video.mp4"):
        assert abs(video_length(path) - expected.seconds) <= frame + 0.001, path
    assert kinds_of(stream / "video.mp4") == (["h264", "aac"] if expected.sound else ["h264"])
    master = (stream / "master.m3u8").read_text()
    assert master.count("#EXT-X-STREAM-INF:BANDWIDTH=") == len(expected.sizes)
    assert ("mp4a.40.2" in master) == expected.sound


def video_length(path: Path) -> float:
    """How long the pictures are: the sound may be longer."""
    if path.suffix == ".m3u8":
        return length_of(path)
    return float(show(path, "-select_streams", "v:0", "-show_entries", "stream=duration")[0][0])


def check_pictures(folder: Path, plan: Plan) -> None:
    width, height = size_of(folder / "poster.jpg")
    assert abs(width / height - plan.width / plan.height) < 0.02
    cues = (folder / "storyboard.vtt").read_text()
    columns, rows = size_of(folder / "storyboard.jpg")
    for place in [line.partition("#xywh=")[2] for line in cues.splitlines() if "#xywh=" in line]:
        x, y, wide, high = map(int, place.split(","))
        assert x + wide <= columns
        assert y + high <= rows
