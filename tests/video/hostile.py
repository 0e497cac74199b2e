"""Files that were made to read your disk, reach your network or eat your machine: one for each way that is known."""

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from shared.domain.videos import Refusal
from tests.video.making import X264, clip, ffmpeg, picture, tone
from tests.video.mp4 import Track, box, full, mp4, n

SECRET = b"canary-walnut-7f3a"  # what a text file holds that nobody may read
HOLE = 97_200  # seconds: 27 hours


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an attack takes place: what lies there to be read, and what listens to be reached."""

    folder: Path
    film: Path  # another customer's upload
    text: Path  # a file of the system's
    port: int  # of a server in the house


@dataclass(frozen=True, slots=True)
class Attack:
    """What is made, and why it is refused; without a reason it is a film, and harmless."""

    make: Callable[[Scene], bytes | Path]
    refused: tuple[Refusal, ...] = ()
    name: str = "upload"


NONE = (Refusal.NOT_A_VIDEO, Refusal.FORMAT)
DAMAGED = (Refusal.DAMAGED, Refusal.NOT_A_VIDEO, Refusal.NO_LENGTH)
LARGE = (Refusal.TOO_LARGE,)


def playlist(address: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2,\n{address}\n#EXT-X-ENDLIST\n".encode()


def dash(address: str) -> bytes:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT2S">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" codecs="avc1.42c00d">'
        f"<BaseURL>{address}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    ).encode()


def svg(scene: Scene) -> bytes:
    entity = f'<!DOCTYPE svg [<!ENTITY leak SYSTEM "file://{scene.text}">]>'
    image = f'<image href="file://{scene.film}"/><image href="http://127.0.0.1:{scene.port}/a.png"/>'
    return f'<?xml version="1.0"?>{entity}<svg xmlns="http://www.w3.org/2000/svg"><text>&leak;</text>{image}</svg>'.encode()


def session(scene: Scene) -> bytes:
    return f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {scene.port} RTP/AVP 96\n".encode()


def subtitles(scene: Scene) -> bytes:
    """An AVI of which the subtitles are a playlist, as in 2017."""
    nested = playlist(f"file://{scene.text}") + b"#EXTINF:2,\nhttp://127.0.0.1:" + str(scene.port).encode() + b"/\n"
    gab = b"GAB2\x00" + struct.pack("<HIH", 2, 2, 0) + b"\x00" + struct.pack("<HI", 4, len(nested)) + nested
    path = scene.folder / "plain.avi"
    ffmpeg(*picture(seconds=1), "-c:v", "mjpeg", f"file:{path}")
    header = struct.pack("<4s4sIHHIIIIIIII", b"txts", b"\x00" * 4, 0, 0, 0, 0, 1, 1, 0, 1, len(gab), 0, 0) + bytes(8)
    stream = _riff(b"LIST", b"strl" + _riff(b"strh", header) + _riff(b"strf", bytes(40)))
    content = path.read_bytes()
    at = content.index(b"LIST", content.index(b"strl"))
    return content[:at] + stream + content[at:].replace(b"movi", b"movi" + _riff(b"01tx", gab), 1)


def _riff(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2)


def picture_file(kind: str, side: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (side, side)).save(file, kind)
    return file.getvalue()


def repeated(side: int, count: int, clock: int = 30) -> bytes:
    """Count pictures, for the bytes of one."""
    image = picture_file("JPEG", side)
    return mp4([Track(side, side, count, len(image), clock)], image)


def elsewhere(scene: Scene) -> bytes:
    """A QuickTime film of which the pictures lie in another file."""
    address = f"file://{scene.film}\x00".encode()
    return mp4([Track(64, 64, 30, 500, reference=full(b"url ", address))], b"")


def compressed(_: Scene) -> bytes:
    """An index that says it is 3 GB when unpacked."""
    packed = box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", n(3 << 30) + b"x\x9c" + bytes(200)))
    return box(b"ftyp", b"qt  ", n(512), b"qt  ") + box(b"moov", packed)


def hole(scene: Scene) -> Path:
    path = scene.folder / "hole.mkv"
    ffmpeg(*picture(seconds=2), "-vf", f"setpts='PTS+if(gt(N,30),{HOLE}/TB,0)'", "-fps_mode", "vfr", *X264, path)
    return path


def hidden_hole(scene: Scene) -> bytes:
    """The same, and it says that it takes 5 seconds."""
    content = hole(scene).read_bytes()
    at = content.index(b"\x44\x89\x88") + 3  # how long it is, a float of 8 bytes, in milliseconds
    start = content.find(b"DURATION")
    while start >= 0:  # the tags say it too
        content = content[:start] + b"NOTHINGS" + content[start + 8 :]
        start = content.find(b"DURATION")
    return content[:at] + struct.pack(">d", 5000.0) + content[at + 8 :]


def endless_turn(scene: Scene) -> bytes:
    """A tag by which it is to be turned, of so many degrees that one would count for hours."""
    path = scene.folder / "turn.mkv"
    ffmpeg(*picture(seconds=1), *X264, "-metadata:s:v:0", "rotate=1e99999999", path)
    return path.read_bytes().replace(b"ROTATE", b"rotate")


def chapters(scene: Scene) -> Path:
    notes, path = scene.folder / "chapters.txt", scene.folder / "chapters.mkv"
    lines = [f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={at}\nEND={at + 1}\ntitle={SECRET.decode()}" for at in range(20_000)]
    notes.write_text(";FFMETADATA1\ntitle=" + "x" * 5_000_000 + "\n" + "\n".join(lines))
    ffmpeg(*picture(seconds=1), "-i", notes, "-map_metadata", "1", "-map_chapters", "1", *X264, path)
    return path


def shape(width: int, height: int, *more: str) -> Callable[[Scene], Path]:
    def make(scene: Scene) -> Path:
        path = scene.folder / "shape.mp4"
        flat = ["-f", "lavfi", "-i", f"color=black:size={width}x{height}:rate=5:duration=0.2"]
        ffmpeg(*flat, *more, *X264, path)
        return path

    return make


def cut(scene: Scene) -> bytes:
    """Its index is whole, its second half is missing."""
    content = film(scene, "-movflags", "+faststart")
    return content[: len(content) * 4 // 10]


def rotten(scene: Scene) -> bytes:
    content = bytearray(film(scene, "-movflags", "+faststart"))
    for at in range(len(content) // 3, len(content), 97):
        content[at] ^= 0x55
    return bytes(content)


def film(scene: Scene, *words: str) -> bytes:
    return clip(scene.folder / "film.mp4", *words, seconds=4).read_bytes()


def page(scene: Scene) -> bytes:
    """A web page and a film at once."""
    script = b"<html><script>fetch('http://127.0.0.1:%d')</script>" % scene.port + SECRET
    return box(b"free", script) + film(scene, "-movflags", "frag_keyframe+empty_moov")


def archive(_: Scene) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("film.mp4", b"0" * 10_000_000)
    return file.getvalue()


def grows(scene: Scene) -> bytes:
    """A small picture that becomes a huge one in the middle."""
    parts = []
    for number, size in enumerate(("320x240", "5000x4000")):
        path = scene.folder / f"part{number}.ts"
        flat = ["-f", "lavfi", "-i", f"color=red:size={size}:rate=5:duration=1"]
        ffmpeg(*flat, *X264, "-output_ts_offset", str(number), "-f", "mpegts", path)
        parts.append(path.read_bytes())
    return b"".join(parts)


def squeezed(scene: Scene) -> Path:
    return clip(scene.folder / "squeezed.mp4", "-vf", "setsar=400/1", seconds=1)


def many_voices(scene: Scene) -> Path:
    path = scene.folder / "voices.mkv"
    inputs = [word for _ in range(40) for word in tone(0.2)]
    maps = [word for at in range(41) for word in ("-map", str(at))]
    ffmpeg(*picture(seconds=0.2), *inputs, *maps, *X264, "-c:a", "aac", path)
    return path


def sibling(build: Callable[[str], bytes]) -> Callable[[Scene], bytes]:
    return lambda scene: build(scene.film.name)


def at_home(build: Callable[[str], bytes], scheme: str = "http") -> Callable[[Scene], bytes]:
    return lambda scene: build(f"{scheme}://127.0.0.1:{scene.port}/a.ts")


ATTACKS: dict[str, Attack] = {
    "a playlist named like a video": Attack(sibling(playlist), NONE, "clip.mp4"),
    "a playlist": Attack(sibling(playlist), NONE, "clip.m3u8"),
    "a playlist with a whole path": Attack(lambda s: playlist(f"file://{s.film}"), NONE, "clip.mp4"),
    "a list of files": Attack(sibling(lambda name: f"ffconcat version 1.0\nfile {name}\n".encode()), NONE),
    "a DASH manifest": Attack(sibling(dash), NONE, "clip.mpd"),
    "a playlist of a text file": Attack(lambda s: playlist(f"file://{s.text}"), NONE),
    "a playlist of an address": Attack(at_home(playlist), NONE),
    "a playlist over TCP": Attack(at_home(playlist, "tcp"), NONE),
    "a DASH manifest of an address": Attack(at_home(dash), NONE),
    "a session over RTP": Attack(session, NONE, "clip.sdp"),
    "a list through concat:": Attack(lambda s: playlist(f"concat:{s.text}|{s.film}"), NONE),
    "a list through subfile": Attack(lambda s: playlist(f"subfile,,start,0,end,99,,:{s.text}"), NONE),
    "subtitles that are a playlist": Attack(subtitles),
    "pictures in another file": Attack(elsewhere),
    "a picture": Attack(lambda _: picture_file("PNG", 64), NONE, "clip.mp4"),
    "a huge picture": Attack(lambda _: picture_file("PNG", 16_000), NONE),
    "a drawing": Attack(svg, NONE, "clip.svg"),
    "a huge film": Attack(shape(8192, 8192), LARGE),
    "more points than can be": Attack(lambda _: mp4([Track(30_000, 30_000, 30, 9)], bytes(9)), LARGE),
    "a million pictures of the same bytes": Attack(lambda _: repeated(64, 1_000_000), (Refusal.TOO_LONG,)),
    "a million pictures in a minute": Attack(lambda _: repeated(64, 1_000_000, 16_667), (Refusal.TOO_FAST,)),
    "three hours of the same bytes": Attack(lambda _: repeated(1024, 300_000), ()),
    "huge pictures of the same bytes": Attack(lambda _: repeated(8000, 20_000), LARGE),
    "a hole of 27 hours": Attack(hole, (Refusal.TOO_LONG,)),
    "a hidden hole of 27 hours": Attack(hidden_hole, (Refusal.TOO_LONG,)),
    "a turn of endless degrees": Attack(endless_turn),
    "300 streams": Attack(lambda _: mp4([Track(64, 64, 30, 9)] * 300, bytes(9)), (Refusal.TOO_MANY_STREAMS,)),
    "40 voices": Attack(many_voices, (Refusal.TOO_MANY_STREAMS,)),
    "20,000 chapters and a long title": Attack(chapters),
    "a thin strip": Attack(lambda _: mp4([Track(16, 16_384, 30, 9)], bytes(9)), (*LARGE, Refusal.TOO_SMALL)),
    "a point": Attack(shape(8, 8), (Refusal.TOO_SMALL,)),
    "points that are 400 times as wide": Attack(squeezed, LARGE),
    "an index of 3 GB": Attack(compressed, DAMAGED),
    "nothing": Attack(lambda _: b"", NONE),
    "noise": Attack(lambda _: bytes(range(256)) * 400, NONE),
    "a page": Attack(lambda _: b"<html><body>" + SECRET, NONE, "clip.mp4"),
    "an archive": Attack(archive, NONE, "clip.mp4"),
    "no index": Attack(lambda s: film(s).partition(b"moov")[0], DAMAGED),
    "only half a film": Attack(cut),
    "a rotten film": Attack(rotten),
    "a page in a film": Attack(page),
    "a picture that grows": Attack(grows, LARGE),
    "a file named like an option": Attack(film, name="-y.mp4"),
    "a file named like a list": Attack(film, name="concat:a|b"),
    "a file named like an address": Attack(film, name="http:evil.mp4"),
    "a file named like data": Attack(film, name="data:x"),
    "a file named like a part": Attack(film, name="subfile,,start,0,end,9,,:x"),
    "a file named with a number": Attack(film, name="%05d-'quoted'\\.mp4"),
}
