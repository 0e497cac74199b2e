"""Videos as the API tells them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from shared.domain.videos import VideoStatus


class Retry(BaseModel):
    attempt: int = Field(description="the number of the attempt that comes")
    next_at: datetime = Field(description="not before")
    reason: str = Field(description="what happened at the one before; to operators in full")


class VideoLinks(BaseModel):
    self: str
    cancellation: str
    resubmission: str
    playback: str


class Video(BaseModel):
    id: UUID
    user_id: UUID
    filename: str = Field(description="as its owner calls it")
    status: VideoStatus | Literal["retrying"] = Field(description="`retrying`: it waits for its next attempt")
    progress: int = Field(description="percent of the processing")
    retry: Retry | None = Field(description="when `retrying`")
    code: str | None = Field(description="why it was rejected or failed, for a program …")
    reason: str | None = Field(description="… and for a person")
    size: int = Field(description="bytes of what is, or will be, uploaded")
    generation: int = Field(description="how often it was handed over to be processed")
    duration: float | None = Field(description="seconds")
    width: int | None = Field(description="pixels, as seen")
    height: int | None
    processed_url: str | None = Field(description="where it is played from, once it can be; needs the access token")
    poster_url: str | None = Field(description="a picture, once there is one; good for some hours, for who has it")
    version: int
    created_at: datetime
    completed_at: datetime | None
    links: VideoLinks


class Videos(BaseModel):
    items: list[Video]
    next_cursor: UUID | None = Field(description="the `cursor` of the next page; null on the last")


class Playback(BaseModel):
    """Addresses for a player, good without an access token until they expire."""

    url: str = Field(description="HLS, for a player that chooses among sizes as it goes")
    mp4_url: str = Field(description="one file, for everything else")
    poster_url: str | None
    storyboard_url: str | None = Field(description="WebVTT: small pictures to find a place by")
    expires_at: datetime = Field(description="then ask again")
