"""Videos: where they stand, and what their owner may do with them. Operators may look."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlmodel import Session
from starlette.responses import Response

from services.api import media_files, media_tokens
from services.api.caller import Caller, CallerOf
from services.api.database import again
from services.api.middleware import note
from services.api.openapi import problems
from services.api.problems import Problem
from services.api.schemas.videos import Playback, Video, Videos
from services.api.views_of_videos import playback_of, video_of
from shared import uploads
from shared.db.reads import videos
from shared.db.sql import videos as videos_sql
from shared.db.tables.videos import Video as VideoRow
from shared.db.transaction import Transaction
from shared.domain.errors import IllegalMove
from shared.domain.videos import VideoStatus, media_path
from shared.events.catalogue import VideoCancelled, VideoDeleted, VideoResubmitted
from shared.events.record import record
from shared.events.snapshots import VideoSnapshot

router = APIRouter(prefix="/videos", tags=["videos"])

#: In the path of an upload the same place is its name: OpenAPI wants one word for both.
VideoId = Annotated[UUID, Path(description="its id")]
Cursor = Annotated[UUID | None, Query(description="`next_cursor` of the page before")]
Limit = Annotated[int, Query(ge=1, le=100)]

PLAYLIST: dict[int | str, dict[str, Any]] = {200: {"content": {media_files.PLAYLIST: {"schema": {"type": "string"}}}}}
#: What in a playlist is an address: a line that is no tag, and an attribute of one.
ADDRESS = re.compile(rb'(?m)(^(?=[^#\s])|(?<=[,:]URI="))')


@router.get("", responses=problems(401, 422))
def list_videos(caller: Caller, cursor: Cursor = None, limit: Limit = 20) -> Videos:
    """Return the newest videos first: a customer's own, an operator's all."""
    with caller.reading() as session:
        found = videos.page(session, caller.sees, cursor, limit + 1)
        waiting = videos.waiting(session, [video.id for video in found[:limit] if _may_wait(video)])
    page = [video_of(video, waiting.get(video.id), operator=caller.is_operator) for video in found[:limit]]
    return Videos(items=page, next_cursor=page[-1].id if len(found) > limit else None)


@router.get("/{video}", responses=problems(401, 404, 422))
def show_video(video: VideoId, caller: Caller) -> Video:
    """Return where a video stands: how far, when it is tried again, why it was refused, where it is played from."""
    note(video=str(video))
    with caller.reading() as session:
        found = _seen(session, video, caller)
        waiting = videos.waiting(session, [video] if _may_wait(found) else [])
    return video_of(found, waiting.get(video), operator=caller.is_operator)


@router.delete("/{video}", status_code=204, responses=problems(401, 403, 404, 422), response_class=Response)
@again
def delete_video(video: VideoId, caller: Caller) -> Response:
    """Delete a video and all its files, whatever is being done with it."""
    note(video=str(video))
    with caller.transaction() as tx:
        deleted = videos_sql.delete(tx, _owned(tx, video, caller))
        record(tx, VideoDeleted(video=deleted))
    return Response(status_code=204)


@router.post("/{video}/cancellation", responses=problems(401, 403, 404, 409, 422))
def cancel_video(video: VideoId, caller: Caller) -> Video:
    """Stop processing a video; what was uploaded is kept."""
    note(video=str(video))
    _cancel(video, caller)
    return show_video(video, caller)


@again
def _cancel(video_id: UUID, caller: CallerOf) -> None:
    with caller.transaction() as tx:
        if moved := videos_sql.move(tx, _owned(tx, video_id, caller), VideoStatus.CANCELLED):
            record(tx, VideoCancelled(video=moved))


@router.post("/{video}/resubmission", status_code=202, responses=problems(401, 403, 404, 409, 422))
def resubmit_video(video: VideoId, caller: Caller) -> Video:
    """Process a video again, from what was uploaded; one that was finished is played as it was, until it is done."""
    note(video=str(video))
    _resubmit(video, caller)
    return show_video(video, caller)


@again
def _resubmit(video_id: UUID, caller: CallerOf) -> None:
    with caller.transaction() as tx:
        video = _owned(tx, video_id, caller)
        if video.status is VideoStatus.UPLOADING:  # it may become `uploaded`, but not by this way
            raise IllegalMove("video", video.status, VideoStatus.UPLOADED)
        if not (moved := videos_sql.move(tx, video, VideoStatus.UPLOADED)):
            return
        if not (videos_sql.has_source(tx, video_id) and uploads.place_of(video_id).is_file()):
            raise Problem(409, "source_gone", "What was uploaded is not kept any more; upload it again.")
        record(tx, VideoResubmitted(video=moved))


@router.post("/{video}/playback", responses=problems(401, 404, 409, 422))
def play_video(video: VideoId, caller: Caller) -> Playback:
    """Return addresses for a player; it needs no access token for them, nor does whoever it gives them to."""
    note(video=str(video))
    with caller.reading() as session:
        found = _seen(session, video, caller)
    if found.published is None:
        raise Problem(409, "not_ready", "This video cannot be played yet.")
    return playback_of(found, found.published)


@router.get("/{video}/master.m3u8", response_class=Response, responses=PLAYLIST | problems(401, 404, 422))
def show_playlist(video: VideoId, caller: Caller) -> Response:
    """Return the HLS playlist, at an address that stays. What it names needs no access token."""
    note(video=str(video))
    with caller.reading() as session:
        published = _seen(session, video, caller).published
    file = None if published is None else media_files.opened(media_path(video, published), media_files.MASTER)
    if published is None or file is None:
        raise Problem(404, "not_ready", "This video cannot be played, or not yet.")
    with file.file as playlist:
        content = playlist.read()
    folder, _ = media_tokens.address(video, published)
    named = ADDRESS.sub(f"{folder}/stream/".encode(), content)
    return Response(named, media_type=media_files.PLAYLIST, headers={"Cache-Control": "no-store"})


def _seen(session: Session, video_id: UUID, caller: CallerOf) -> VideoRow:
    """Return the video as it is now; another user's is no video at all."""
    video = videos.one(session, video_id)
    if video is None or caller.sees not in (None, video.user_id):
        raise videos_sql.VideoNotFound(str(video_id))
    return video


def _owned(tx: Transaction, video_id: UUID, caller: CallerOf) -> VideoSnapshot:
    """Return the caller's video, locked."""
    video = videos_sql.lock(tx, video_id)
    if caller.sees not in (None, video.user_id):
        raise videos_sql.VideoNotFound(str(video_id))
    if video.user_id != caller.user_id:
        raise Problem(403, "forbidden", "Only who uploaded it may do this.")
    return video


def _may_wait(video: VideoRow) -> bool:
    return video.status in (VideoStatus.UPLOADED, VideoStatus.PROCESSING)
