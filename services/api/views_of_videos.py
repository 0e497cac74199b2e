"""Videos as the API shows them."""

from services.api.schemas.videos import Video, VideoLinks
from shared.events.snapshots import VideoSnapshot

#: What is shown as it is stored.
COLUMNS = ("id", "status", "filename", "size", "code", "reason", "created_at", "duration", "processed_url")


def just_uploaded(video: VideoSnapshot) -> Video:
    """Show a video that nobody has worked on yet."""
    return Video(
        **{name: getattr(video, name) for name in COLUMNS},
        progress=0,
        poster_url=None,
        links=VideoLinks(self=f"/videos/{video.id}"),
    )
