"""From what ffprobe says to a plan, or a refusal: each rule by itself."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from services.worker.ffmpeg.accept import accept
from services.worker.ffmpeg.capabilities import Capabilities
from services.worker.ffmpeg.errors import Refused
from services.worker.ffmpeg.ladder import rungs
from services.worker.ffmpeg.plan import MICROSECONDS, Plan
from shared.domain.videos import Refusal

CODECS = frozenset({"h264", "hevc", "mjpeg", "aac", "opus"})
HERE = Capabilities(Path("/ffmpeg"), Path("/ffprobe"), "ffmpeg version 9", CODECS, frozenset(), frozenset())
VIDEO = {
    "index": 0, "codec_type": "video", "codec_name": "h264", "width": 1920, "height": 1080, "duration": "10",
    "avg_frame_rate": "30/1", "r_frame_rate": "30/1", "sample_aspect_ratio": "1:1",
}  # fmt: skip
AUDIO = {"index": 1, "codec_type": "audio", "codec_name": "aac", "duration": "10.02"}
FOUR_HOURS = 14_400


def planned(*streams: dict[str, Any], duration: str = "10.02", here: Capabilities = HERE) -> Plan:
    return accept("mov", {"streams": streams, "format": {"duration": duration}}, here, FOUR_HOURS)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"codec_name": "png"}, Refusal.CODEC),
        ({"codec_name": "av1"}, Refusal.CODEC),  # known, but this FFmpeg cannot read it
        ({"width": 8192, "height": 8192}, Refusal.TOO_LARGE),
        ({"width": 16, "height": 9000}, Refusal.TOO_LARGE),
        ({"width": 16, "height": 400}, Refusal.TOO_SMALL),
        ({"width": 8}, Refusal.TOO_SMALL),
        ({"sample_aspect_ratio": "400:1"}, Refusal.TOO_LARGE),
        ({"width": 0}, Refusal.DAMAGED),
        ({"avg_frame_rate": "1000/1"}, Refusal.TOO_FAST),
        ({"nb_frames": "1000000"}, Refusal.TOO_FAST),
        ({"duration": "90000"}, Refusal.TOO_LONG),
        ({"disposition": {"attached_pic": 1}}, Refusal.NO_PICTURE),
    ],
)
def test_a_file_is_refused_for_its_reason(change: dict[str, Any], refusal: Refusal) -> None:
    with pytest.raises(Refused) as refused:
        planned({**VIDEO, **change}, AUDIO)
    assert refused.value.refusal == refusal


@pytest.mark.parametrize("said", ["N/A", "nan", "inf", "-5", "0", "walnut", None])
def test_a_length_is_not_believed_if_it_is_none(said: str | None) -> None:
    with pytest.raises(Refused) as refused:
        planned({**VIDEO, "duration": said}, duration=str(said))
    assert refused.value.refusal == Refusal.NO_LENGTH


@pytest.mark.parametrize("words", ["9e1", "1e400", "9" * 5000, "1/0", "90 degrees"])
def test_a_tag_is_the_files_own_word_and_no_number_unless_it_is_a_plain_one(words: str) -> None:
    # Given a file that says in its tags how it is to be turned, and how long it is
    said = {**VIDEO, "duration": None, "tags": {"rotate": words, "DURATION": f"{words}:00:00"}}
    # Then nothing is made of it: Python would think about some numbers for hours
    plan = planned(said, duration="10.02")
    assert (plan.width, plan.height, plan.video_duration) == (1920, 1080, 10.02)


@pytest.mark.parametrize(
    ("width", "height", "sizes"),
    [
        (1920, 1080, ["1920x1080", "1280x720", "854x480", "640x360"]),
        (1080, 1920, ["1080x1920", "720x1280", "480x854", "360x640"]),
        (3840, 2160, ["1920x1080", "1280x720", "854x480", "640x360"]),
        (1919, 1079, ["1280x720", "854x480", "640x360"]),  # never larger than it is
        (427, 241, ["426x240"]),
        (100, 100, ["100x100"]),
    ],
)
def test_rungs_go_by_the_short_side(width: int, height: int, sizes: list[str]) -> None:
    assert [f"{rung.width}x{rung.height}" for rung in rungs(width, height, Fraction(30))] == sizes


def test_a_phone_held_upright_and_narrow_points_are_seen_as_people_see_them() -> None:
    turned = planned({**VIDEO, "side_data_list": [{"rotation": -90}]})
    assert (turned.width, turned.height) == (1080, 1920)
    old = planned({**VIDEO, "tags": {"rotate": "270"}})
    assert (old.width, old.height) == (1080, 1920)
    pal = planned({**VIDEO, "width": 720, "height": 576, "sample_aspect_ratio": "64:45"})
    assert (pal.width, pal.height) == (1024, 576)


def test_a_base_rate_that_is_a_clock_is_not_believed() -> None:
    # Given a phone's film: 24 pictures a second or so, by a clock of 90,000 ticks
    plan = planned({**VIDEO, "avg_frame_rate": "43/2", "r_frame_rate": "90000/1"})
    assert (plan.rate, plan.constant_rate) == (Fraction(43, 2), False)
    # And one that says nothing at all
    assert planned({**VIDEO, "avg_frame_rate": "0/0", "r_frame_rate": "0/0"}).rate == 30


def test_high_dynamic_range_is_mapped_where_it_can_be_and_noted_where_not() -> None:
    bright = {**VIDEO, "codec_name": "hevc", "color_transfer": "smpte2084"}
    assert planned(bright).notes == ("hdr", "hdr_not_mapped")
    able = replace(HERE, filters=frozenset({"zscale", "tonemap"}))
    assert planned(bright, here=able).notes == ("hdr",)
    assert planned(bright, here=able).tone_map


def test_of_several_sounds_one_is_taken_that_can_be_read() -> None:
    spatial = {**AUDIO, "index": 2, "codec_name": "apac", "disposition": {"default": 1}}
    assert planned(VIDEO, spatial, AUDIO).audio_index == 1


def test_a_plan_is_kept_as_json() -> None:
    plan = planned(VIDEO, AUDIO)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize("rate", ["30/1", "30000/1001", "24000/1001", "25/1", "120/1"])
@pytest.mark.parametrize("start", ["0", "0.021333", "1.5"])
def test_chunks_are_cut_between_two_pictures(rate: str, start: str) -> None:
    # Given a film of an hour
    long = {**VIDEO, "duration": "3600", "avg_frame_rate": rate, "r_frame_rate": rate, "start_time": start}
    plan = planned(long, duration="3600")
    chunks = plan.chunks(180)
    assert len(chunks) == 20
    frame = 1 / Fraction(rate)
    for before, after in pairwise(chunks):
        # Then each begins where the one before ends
        assert before.end == after.start
        # Half a picture from the next one, whatever is rounded
        since = Fraction(after.start, MICROSECONDS) - plan.grid
        assert abs(since / frame % 1 - Fraction(1, 2)) < Fraction(1, 100)
        # And at a place where a segment may begin
        assert 0 <= after.late <= frame * MICROSECONDS
    assert chunks[-1].end is None
