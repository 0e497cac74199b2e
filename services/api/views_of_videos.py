"""Videos as the API shows them: where they stand, and addresses for a player."""

from uuid import UUID

from services.api import media_tokens
from services.api.schemas.videos import Playback, Retry, Video, VideoLinks
from shared.db.reads.videos import Waiting
from shared.db.tables.videos import Video as VideoRow
from shared.domain.videos import VideoStatus, processed_url
from shared.events.snapshots import VideoSnapshot

#: What is shown as it is stored.
COLUMNS = tuple(
    Video.model_fields.keys() - {"status", "progress", "retry", "duration", "processed_url", "poster_url", "links"}
)
#: What a customer is told of an attempt that did not work; errors and names of our machines are for operators.
AGAIN = "Processing it did not work; it is tried again by itself."


def video_of(video: VideoRow, waiting: Waiting | None = None, *, operator: bool = False) -> Video:
    """Show a video that was read. waiting: its job that is to be tried again."""
    return Video(
        **{name: getattr(video, name) for name in COLUMNS},
        status="retrying" if waiting else VideoStatus(video.status),
        progress=video.percent,
        retry=_retry_of(waiting, operator=operator) if waiting else None,
        duration=None if video.duration_ms is None else video.duration_ms / 1000,
        processed_url=None if video.published is None else processed_url(video.id),
        poster_url=_file_of(video.id, video.poster, "poster.jpg"),
        links=links_of(video.id),
    )


def just_uploaded(video: VideoSnapshot) -> Video:
    """Show a video that nobody has worked on yet."""
    shown = VideoRow(**video.model_dump(exclude={"duration", "processed_url"}))
    shown.percent = 0
    return video_of(shown)


def playback_of(video: VideoRow, published: int) -> Playback:
    """Return the addresses of what is there. Each generation is a folder, and has a token, of its own."""
    folder, expires_at = media_tokens.address(video.id, published)
    return Playback(
        url=f"{folder}/stream/master.m3u8",
        mp4_url=f"{folder}/stream/video.mp4",
        poster_url=_file_of(video.id, video.poster, "poster.jpg"),
        storyboard_url=_file_of(video.id, video.storyboard, "storyboard.vtt"),
        expires_at=expires_at,
    )


def _file_of(video_id: UUID, generation: int | None, name: str) -> str | None:
    return None if generation is None else f"{media_tokens.address(video_id, generation)[0]}/{name}"


def _retry_of(waiting: Waiting, *, operator: bool) -> Retry:
    return Retry(
        attempt=waiting.failures + 1,
        next_at=waiting.available_at,
        reason=(operator and waiting.error) or AGAIN,
    )


def links_of(video_id: UUID) -> VideoLinks:
    itself = f"/videos/{video_id}"
    return VideoLinks(
        self=itself,
        cancellation=f"{itself}/cancellation",
        resubmission=f"{itself}/resubmission",
        playback=f"{itself}/playback",
    )
