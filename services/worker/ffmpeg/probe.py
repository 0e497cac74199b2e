"""Look at a source without trusting it: a plan, or the reason why it is refused."""

import json
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.worker.ffmpeg import sniff
from services.worker.ffmpeg.accept import accept, picture_of, sound_of
from services.worker.ffmpeg.capabilities import Capabilities, capabilities
from services.worker.ffmpeg.confinement import GIBIBYTE, Confinement
from services.worker.ffmpeg.errors import Failed, Refused, Trouble
from services.worker.ffmpeg.inputs import PIXELS, address, guarded
from services.worker.ffmpeg.plan import MICROSECONDS, Plan
from services.worker.ffmpeg.progress import TELL
from services.worker.ffmpeg.supervise import ask
from services.worker.ffmpeg.times import length, seconds
from services.worker.ffmpeg.watch import Watch
from shared.config import settings
from shared.domain.videos import Refusal

WALL = 30.0
LATE = 0.5  # seconds
MEMORY = 3 * GIBIBYTE // 2
CPU = 20
#: Only this is asked for: a file may hold megabytes of tags and chapters.
STREAM = (
    "index,codec_type,codec_name,width,height,avg_frame_rate,r_frame_rate,nb_frames,start_time,duration,"
    "field_order,sample_aspect_ratio,color_transfer,channels,sample_rate"
)
ENTRIES = (
    f"format=duration,start_time,nb_streams:stream={STREAM}:stream_disposition=attached_pic,default,still_image"
    ":stream_tags=rotate,DURATION:stream_side_data=rotation"
)
CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE, -signal.SIGBUS}
#: What FFmpeg says when our limits stop it.
TOO_MUCH = {
    "exceeds max_streams": Refusal.TOO_MANY_STREAMS,
    "exceeds specified max pixel count": Refusal.TOO_LARGE,
    "Picture size": Refusal.TOO_LARGE,
}
#: What says nothing of the file. That there is no memory is not among it: the limit is ours, and generous.
PASSING = ("No such file", "Permission denied", "Input/output error", "Too many open files")


def probe(source: Path) -> Plan:
    """Return what is to be made of a source; raise Refused for good, Trouble if trying again may help."""
    container = sniff.container(source)
    if container is None:
        known = sniff.known_otherwise(source)
        raise Refused(Refusal.FORMAT if known else Refusal.NOT_A_VIDEO, "no format that is taken here")
    here, longest = capabilities(), settings().video_seconds
    said = look(source, container, here)
    add_ends(source, container, said, longest)
    return accept(container, said, here, longest)


def add_ends(source: Path, container: str, said: dict[str, Any], longest: float) -> None:
    """Note of the streams that are taken when they end, where they do not say it; one may end long before the other.

    Of one that begins later than the file some builds say when it ends, others how long it is.
    """
    whole = said.get("format", {})
    streams, known, begins = (
        said.get("streams", []),
        seconds(whole.get("duration")) > 0,
        seconds(whole.get("start_time")),
    )
    taken = (picture_of(streams), sound_of(streams))
    for stream in [each for each in streams if any(each is one for one in taken)]:
        if length(stream, 0.0) > 0 or (known and seconds(stream.get("start_time")) > begins + LATE):
            continue
        try:
            stream["ends"] = measure(source, container, int(stream["index"]), longest)
        except (Refused, Failed):
            if not known:  # else what the file says of the whole is good enough for the plan
                raise


def measure(source: Path, container: str, index: int, longest: float) -> float:
    """Read a source, decoding nothing, and return when a stream ends: browsers record without saying it."""
    here = capabilities()
    ends = ("-map", f"0:{index}", "-c", "copy", "-t", str(longest + 1), "-f", "null", "-")
    quiet = ("-hide_banner", "-nostdin", "-v", "error", *TELL)
    argv = [str(here.ffmpeg), *quiet, *_words(guarded(container)), "-i", address(source), *ends]
    try:
        answer, _ = ask(argv, Confinement([source], memory=MEMORY, cpu=round(WALL)), Watch(wall=WALL))
    except Failed as failed:
        raise _judged(failed) from failed
    told = re.findall(rb"^out_time_us=(\d+)", answer, re.MULTILINE)
    return max(map(int, told), default=0) / MICROSECONDS


def look(source: Path, container: str, here: Capabilities) -> dict[str, Any]:
    """Return what ffprobe says of a source."""
    options = guarded(container, pixels=4 * PIXELS)
    argv = [
        str(here.ffprobe),
        "-v",
        "error",
        *_words(options),
        "-of",
        "json",
        "-show_entries",
        ENTRIES,
        "-i",
        address(source),
    ]
    try:
        answer, complaints = ask(argv, Confinement([source], memory=MEMORY, cpu=CPU), Watch(wall=WALL))
    except Failed as failed:
        raise _judged(failed) from failed
    said: dict[str, Any] = json.loads(answer)
    _check_limits(complaints, said)
    return said


def _words(options: Mapping[str, str | int]) -> list[str]:
    return [word for name, value in options.items() for word in (f"-{name}", str(value))]


def _check_limits(complaints: str, said: dict[str, Any]) -> None:
    """Refuse what FFmpeg went on with, but without knowing how large it is."""
    sized = any(stream.get("width") for stream in said.get("streams", []))
    if not sized and (limit := _limit(complaints)):
        raise Refused(limit, complaints)


def _limit(complaints: str) -> Refusal | None:
    return next((refusal for words, refusal in TOO_MUCH.items() if words in complaints), None)


def _judged(failed: Failed) -> Exception:
    """Say whether it is the file's fault: for good, or whether it may pass."""
    if failed.code == 1 and (limit := _limit(failed.tail)):
        return Refused(limit, failed.tail)
    crashed = failed.code in CRASHES
    passing = failed.code != 1 or any(words in failed.tail for words in PASSING)
    if passing and not crashed:
        return failed if isinstance(failed, Trouble) else Trouble(failed.code, failed.tail)
    return Refused(Refusal.DAMAGED, failed.tail)
