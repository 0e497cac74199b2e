"""Videos made by hand for tests of the API: a row as the jobs leave it, and files as a player finds them."""

from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from shared.domain.videos import media_path, source_path
from shared.ids import new_id
from tests.api import ApiProcess

MASTER = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="main",DEFAULT=YES,URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=400000,RESOLUTION=640x360,CODECS="avc1.64001e,mp4a.40.2",AUDIO="audio"
360/index.m3u8
"""
INDEX = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:6.0,\nseg_00000.m4s\n#EXT-X-ENDLIST\n'
FILES = {
    "poster.jpg": b"\xff\xd8poster of walnut-desk\xff\xd9",
    "storyboard.jpg": b"\xff\xd8storyboard\xff\xd9",
    "storyboard.vtt": b"WEBVTT\n",
    "stream/master.m3u8": MASTER.encode(),
    "stream/video.mp4": bytes(range(256)) * 4,
    **{f"stream/{each}/index.m3u8": INDEX.encode() for each in ("360", "audio")},
    **{f"stream/{each}/init.mp4": b"ftyp" for each in ("360", "audio")},
    **{f"stream/{each}/seg_00000.m4s": b"moof" for each in ("360", "audio")},
}


def make(api: ApiProcess, owner: UUID, status: str = "completed", *, files: bool = True, **columns: Any) -> UUID:
    """Make a video, the files of its generation if it was published, and what was uploaded."""
    video_id = new_id()
    values = {
        "id": video_id,
        "user_id": owner,
        "filename": "فيلم العيد.mp4",
        "status": status,
        "size": 1042,
        "generation": 1,
        **({"published": 1, "poster": 1, "storyboard": 1, "percent": 100} if status == "completed" else {}),
        **columns,
    }
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    marks = sql.SQL(", ").join(sql.Placeholder() * len(values))
    api.sql(sql.SQL("insert into videos ({}) values ({})").format(names, marks).as_string(), *values.values())
    source = api.files / source_path(video_id)
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(b"what was uploaded")
    if files and values.get("published"):
        put_files(api, video_id, values["published"])
    return video_id


def put_files(api: ApiProcess, video_id: UUID, generation: int = 1) -> Path:
    folder = api.files / media_path(video_id, generation)
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def job(api: ApiProcess, video_id: UUID, name: str = "transcode_video", **columns: Any) -> None:
    """Put a job of this video into the ledger, which has failed and is to be tried again in a minute."""
    values = {"args": [str(video_id), 1], "state": "scheduled", "failures": 1, "error": "ffmpeg: killed", **columns}
    api.sql(
        "insert into jobs (id, name, queue, aggregate_id, args, state, failures, error, available_at)"
        " values (%s, %s, 'processing', %s, %s, %s, %s, %s, clock_timestamp() + interval '1 minute')",
        *(new_id(), name, video_id, Jsonb(values["args"]), values["state"], values["failures"], values["error"]),
    )


def facts(api: ApiProcess, video_id: UUID) -> list[str]:
    rows = api.sql("select name from events where aggregate_id = %s order by seq", video_id)
    return [row.name for row in rows]
