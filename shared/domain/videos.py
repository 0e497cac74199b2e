"""A video's states and its legal moves, as one table; why a file is refused; where its files lie."""

from enum import StrEnum
from uuid import UUID

from shared.domain.errors import IllegalMove


class VideoStatus(StrEnum):
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


#: Between two attempts a video is `processing`; that its job waits to be tried again is read from the job's row.
MOVES: dict[VideoStatus, frozenset[VideoStatus]] = {
    VideoStatus.UPLOADING: frozenset({VideoStatus.UPLOADED}),
    VideoStatus.UPLOADED: frozenset(
        {VideoStatus.PROCESSING, VideoStatus.REJECTED, VideoStatus.FAILED, VideoStatus.CANCELLED}
    ),
    VideoStatus.PROCESSING: frozenset(
        {VideoStatus.COMPLETED, VideoStatus.REJECTED, VideoStatus.FAILED, VideoStatus.CANCELLED}
    ),
    # Processing again makes a new generation from the same upload.
    VideoStatus.COMPLETED: frozenset({VideoStatus.UPLOADED}),
    VideoStatus.FAILED: frozenset({VideoStatus.UPLOADED}),
    VideoStatus.CANCELLED: frozenset({VideoStatus.UPLOADED}),
    VideoStatus.REJECTED: frozenset(),
}

#: Somebody works on it, or will.
UNDER_WAY = frozenset({VideoStatus.UPLOADED, VideoStatus.PROCESSING})


class Refusal(StrEnum):
    """Why a file is refused for good; the sentences stand in `SENTENCES`."""

    NOT_A_VIDEO = "not_a_video"
    NO_PICTURE = "no_picture"
    DAMAGED = "damaged"
    FORMAT = "format_not_accepted"
    CODEC = "codec_not_accepted"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    TOO_LARGE = "picture_too_large"
    TOO_SMALL = "picture_too_small"
    TOO_FAST = "too_many_frames"
    TOO_MANY_STREAMS = "too_many_streams"
    NO_LENGTH = "length_unknown"


SENTENCES: dict[Refusal, str] = {
    Refusal.NOT_A_VIDEO: "This file is not a video.",
    Refusal.NO_PICTURE: "This file has sound, but no moving picture.",
    Refusal.DAMAGED: "This file is damaged or was not uploaded whole.",
    Refusal.FORMAT: "Videos of this format are not accepted.",
    Refusal.CODEC: "This video is packed in a way that cannot be read here.",
    Refusal.TOO_LONG: "This video is too long.",
    Refusal.TOO_SHORT: "This video is too short.",
    Refusal.TOO_LARGE: "This video's picture is too large.",
    Refusal.TOO_SMALL: "This video's picture is too small.",
    Refusal.TOO_FAST: "This video has more pictures a second than can be played.",
    Refusal.TOO_MANY_STREAMS: "This file holds too many streams.",
    Refusal.NO_LENGTH: "This file does not say how long the video is.",
}

#: Code and sentence of a video that failed, of which the file is not at fault.
FAILED = ("processing_failed", "We could not process this video. You can have it processed again.")


def check_move(status: VideoStatus, to: VideoStatus) -> bool:
    """Return True if the move is to be made, False if it was made already; raise IllegalMove if it cannot be."""
    if status == to:
        return False
    if to not in MOVES[status]:
        raise IllegalMove("video", status, to)
    return True


# Paths under the folder of files. No word of a customer is ever part of one.


def source_path(video_id: UUID) -> str:
    """Return where what was uploaded lies, from its first byte on: how long it is, is how far the upload is."""
    return f"uploads/{video_id}"


def media_path(video_id: UUID, generation: int) -> str:
    """Return the folder that is served: `stream/`, put there whole, and the pictures, each when it is made."""
    return f"media/{video_id}/{generation}"


def work_path(video_id: UUID, generation: int) -> str:
    """Return the folder in which jobs make things, each in a folder of its own."""
    return f"work/{video_id}/{generation}"


def processed_url(video_id: UUID) -> str:
    """Return the address of the finished video: the same for ever."""
    return f"/videos/{video_id}/master.m3u8"
