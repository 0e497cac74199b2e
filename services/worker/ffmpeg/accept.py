"""From what ffprobe says to a plan, or to the reason why the file is refused: pure, so that every rule can be tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from services.worker.ffmpeg import ladder
from services.worker.ffmpeg.capabilities import Capabilities
from services.worker.ffmpeg.errors import Refused
from services.worker.ffmpeg.inputs import PIXELS, SIDE, STREAMS
from services.worker.ffmpeg.plan import Plan
from services.worker.ffmpeg.times import fraction, frame_rate, length, seconds
from shared.domain.videos import Refusal

SMALLEST_SIDE = 16
THINNEST = 20  # times as long as high
MOST_FRAMES = 240  # a second
VIDEO = {
    *("h264", "hevc", "av1", "vp8", "vp9", "mpeg4", "msmpeg4v3", "mpeg2video", "mpeg1video", "h263", "flv1", "theora"),
    *("prores", "dnxhd", "mjpeg", "ffv1", "dvvideo", "vc1", "wmv2", "wmv3", "huffyuv", "ffvhuff", "utvideo", "cfhd"),
    *("qtrle", "rawvideo", "svq3", "vp6f"),
}
AUDIO = {
    *("aac", "mp3", "mp2", "ac3", "eac3", "opus", "vorbis", "flac", "alac", "wmav1", "wmav2", "wmapro", "amr_nb"),
    *("amr_wb", "dts", "truehd", "pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le"),
    *("pcm_f32le", "pcm_f32be", "pcm_alaw", "pcm_mulaw", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "adpcm_swf"),
    *("qdm2", "nellymoser", "pcm_bluray", "pcm_dvd"),
}
HDR = {"smpte2084", "arib-std-b67"}
FIELDS = {"tt", "bb", "tb", "bt"}

Stream = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A picture as people see it: turned upright, its points made square."""

    width: int
    height: int


def accept(container: str, said: Mapping[str, Any], here: Capabilities, longest: float) -> Plan:
    """Return the plan for a file of which ffprobe says this; raise Refused if there can be none."""
    streams = said.get("streams", [])
    if len(streams) > STREAMS or int(said.get("format", {}).get("nb_streams", 0)) > STREAMS:
        raise Refused(Refusal.TOO_MANY_STREAMS, f"{len(streams)} or more")
    video, audio = picture_of(streams), sound_of(streams)
    check_codecs(video, audio, here)
    shape = shape_of(video)
    whole, pictures, sound = lengths_of(said, video, audio, longest)
    rate, played = rates_of(video, pictures)
    hdr = video.get("color_transfer") in HDR
    notes = [name for name, is_so in (("hdr", hdr), ("hdr_not_mapped", hdr and not here.tone_maps)) if is_so]
    grid = seconds(video.get("start_time")) - seconds(said.get("format", {}).get("start_time"))
    return Plan(
        container=container,
        duration=whole,
        video_duration=pictures,
        audio_duration=sound,
        width=shape.width,
        height=shape.height,
        frame_rate=str(played),
        source_rate=str(rate.value),
        constant_rate=rate.constant or played != rate.value,
        video_start=max(0.0, grid),
        video_index=int(video["index"]),
        audio_index=None if audio is None else int(audio["index"]),
        rungs=ladder.rungs(shape.width, shape.height, played),
        interlaced=video.get("field_order") in FIELDS,
        tone_map=hdr and here.tone_maps,
        notes=tuple(notes),
    )


def picture_of(streams: Sequence[Stream]) -> Stream:
    """Return the moving picture: a cover, or a still, is none. The file's own choice goes before size."""
    moving = [stream for stream in streams if stream.get("codec_type") == "video" and not still(stream)]
    if not moving:
        heard = any(stream.get("codec_type") == "audio" for stream in streams)
        raise Refused(Refusal.NO_PICTURE if heard else Refusal.NOT_A_VIDEO, f"{len(streams)} streams")
    return max(moving, key=lambda stream: (disposed(stream, "default"), area(stream)))


def sound_of(streams: Sequence[Stream]) -> Stream | None:
    """Return the sound: one that can be read, if there is any such; then the file's own choice."""
    heard = [stream for stream in streams if stream.get("codec_type") == "audio"]
    if not heard:
        return None
    return max(heard, key=lambda stream: (stream.get("codec_name") in AUDIO, disposed(stream, "default")))


def still(stream: Stream) -> bool:
    return disposed(stream, "attached_pic") or disposed(stream, "still_image")


def disposed(stream: Stream, name: str) -> bool:
    return bool(stream.get("disposition", {}).get(name))


def area(stream: Stream) -> int:
    return int(stream.get("width", 0)) * int(stream.get("height", 0))


def check_codecs(video: Stream, audio: Stream | None, here: Capabilities) -> None:
    for stream, accepted in ((video, VIDEO), (audio, AUDIO)):
        if stream is None:
            continue
        codec = str(stream.get("codec_name", "unknown"))
        if codec not in accepted:
            raise Refused(Refusal.CODEC, codec)
        if codec not in here.decoders:
            raise Refused(Refusal.CODEC, f"{codec}: {here.version} has no decoder for it")


def shape_of(video: Stream) -> Shape:
    """Return the size that is seen; refuse what is too large to decode, too small or too thin to be a film."""
    width, height = int(video.get("width", 0)), int(video.get("height", 0))
    if not width or not height:
        raise Refused(Refusal.DAMAGED, "no size")
    squeezed = fraction(str(video.get("sample_aspect_ratio", "")).replace(":", "/")) or Fraction(1)
    seen = [round(width * squeezed), height]
    if max(width, height, *seen) > SIDE or max(width * height, seen[0] * seen[1]) > PIXELS:
        raise Refused(Refusal.TOO_LARGE, f"{width}x{height}, seen as {seen[0]}x{seen[1]}")
    if min(width, height, *seen) < SMALLEST_SIDE or max(seen) > THINNEST * min(seen):
        raise Refused(Refusal.TOO_SMALL, f"{width}x{height}, seen as {seen[0]}x{seen[1]}")
    turned = any(round(fraction(turn)) % 180 == 90 for turn in _turns(video))
    return Shape(*(reversed(seen) if turned else seen))


def _turns(video: Stream) -> list[Any]:
    """Return by how many degrees it is to be turned; old builds say so in a tag."""
    sides = [side["rotation"] for side in video.get("side_data_list", []) if "rotation" in side]
    return sides or [video.get("tags", {}).get("rotate", 0)]


def lengths_of(
    said: Mapping[str, Any], video: Stream, audio: Stream | None, longest: float
) -> tuple[float, float, float | None]:
    """Return how many seconds the whole, the pictures and the sound take; of sound that does not say it, None."""
    whole = seconds(said.get("format", {}).get("duration"))
    begins = seconds(said.get("format", {}).get("start_time"))
    pictures = length(video, begins) or whole
    sound = None if audio is None else length(audio, begins) or None
    whole = max(whole, pictures, sound or 0.0)
    if whole <= 0 or pictures <= 0:
        raise Refused(Refusal.NO_LENGTH, "")
    if whole > longest:
        raise Refused(Refusal.TOO_LONG, f"{whole:.0f} s")
    return whole, pictures, sound


@dataclass(frozen=True, slots=True)
class Rate:
    value: Fraction
    constant: bool


def rates_of(video: Stream, pictures: float) -> tuple[Rate, Fraction]:
    """Return how many pictures a second it says it has, and how many of them are played."""
    value, constant = frame_rate(video)
    counted = int(video.get("nb_frames", 0)) if str(video.get("nb_frames", "")).isdigit() else 0
    if value > MOST_FRAMES or counted > MOST_FRAMES * max(pictures, 1.0):
        raise Refused(Refusal.TOO_FAST, f"{float(value):.0f} a second, {counted} in all")
    return Rate(value, constant), min(value, Fraction(ladder.MOST_FRAMES))
