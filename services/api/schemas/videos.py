"""Videos as the API tells them."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from shared.domain.videos import VideoStatus


class VideoLinks(BaseModel):
    self: str


class Video(BaseModel):
    id: UUID
    status: VideoStatus
    filename: str = Field(description="as its owner calls it")
    size: int = Field(description="bytes of what is, or will be, uploaded")
    progress: int = Field(description="percent of the processing")
    processed_url: str | None = Field(description="where it is played from, once it can be")
    duration: float | None = Field(description="seconds")
    poster_url: str | None
    code: str | None = Field(description="why it was rejected or failed, for a program …")
    reason: str | None = Field(description="… and for a person")
    created_at: datetime
    links: VideoLinks
