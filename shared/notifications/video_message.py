"""A video as its owner is told of it: it can be played, it failed, or its file is at fault."""

from functools import cached_property
from typing import Any, Self
from uuid import UUID

from shared.db.sql import video_notifications as sql
from shared.db.sql.videos import VideoNotFound
from shared.db.transaction import Transaction
from shared.ids import new_id
from shared.jobs.running import Running
from shared.notifications.catalogue import Channel
from shared.notifications.message import StoredMessage
from shared.notifications.wording import Wording


class VideoWording(Wording):
    """The words of a video; `order` is the row of `sql.FIND`."""

    layout = "notice"

    @cached_property
    def _given(self) -> dict[str, Any]:
        return {"video": self.order, "locale": self.order.locale, "name": self.order.name}


class VideoMessage(StoredMessage):
    """One video, its owner, one channel, and one of the things there are to say of it."""

    @classmethod
    def find(cls, job: Running, tx: Transaction, video_id: UUID, kind: str, channel: Channel) -> Self:
        """Read it; the same event, kind and channel are always the same message."""
        event_id = job.event_id or video_id
        row = tx.one(sql.FIND, {"event": event_id, "video": video_id, "kind": kind, "channel": channel})
        if row is None:
            raise VideoNotFound(str(video_id))
        return cls(row.id or new_id(), event_id, kind, channel, row, VideoWording(kind, row))

    def sent(self, tx: Transaction, recipient: str, provider_id: str | None = None) -> None:  # noqa: ARG002 - its row has it
        """Say that it is out of our hands."""
        tx.execute(sql.SENT, {"id": self.id, "provider_id": provider_id})
