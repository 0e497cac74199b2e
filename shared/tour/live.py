"""What the tour hears live: the customer's own private channel, by the Pusher protocol, as any client would."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from shared.tour.shop import Disappointed

NAMESPACE = "App\\Events\\"
PATIENCE = 20.0  # seconds, for the first answers
RECONNECT = 0.2


class Live:
    """A thread that listens to one channel until the tour is over; a lost connection goes on where it was.

    address: ws://localhost:6001/app/key?protocol=7
    authorise: returns what a socket's subscription to a channel is signed with, from a position on
    """

    def __init__(self, address: str, channel: str, authorise: Callable[[str, str, int | None], dict[str, str]]) -> None:
        self._address, self._channel, self._authorise = address, channel, authorise
        self._heard: dict[tuple[str, str], datetime] = {}
        self._percents: dict[str, list[int]] = {}
        self._subscribed = threading.Event()
        self._position: int | None = None
        self._trouble = "it does not answer"
        threading.Thread(target=self._listen, name="live", daemon=True).start()

    def open(self) -> None:
        """Wait until the channel is subscribed; raise Disappointed if that is refused or takes too long."""
        if not self._subscribed.wait(PATIENCE):
            raise Disappointed(f"Nothing is heard live at {self._address.partition('?')[0]}: {self._trouble}.")

    def heard(self, about: str, name: str) -> datetime | None:
        """Return when that fact of that order or video was heard, if it was."""
        return self._heard.get((about, name))

    def percents(self, video_id: str) -> list[int]:
        """Return how far the work on a video was heard to be."""
        return list(self._percents.get(video_id, ()))

    def _listen(self) -> None:
        while True:
            try:
                self._follow()
            except (OSError, WebSocketException, Disappointed) as trouble:  # a node that dies is no end of the tour
                self._trouble = str(trouble) or repr(trouble)
            time.sleep(RECONNECT)

    def _follow(self) -> None:
        with connect(self._address, proxy=None, open_timeout=5) as socket:
            for text in socket:
                frame = json.loads(text)
                self._take(socket, frame["event"], json.loads(frame.get("data") or "{}"))

    def _take(self, socket: Any, event: str, data: dict[str, Any]) -> None:
        if event == "pusher:connection_established":
            signed = self._authorise(data["socket_id"], self._channel, self._position)
            subscription = {"event": "pusher:subscribe", "data": {"channel": self._channel, **signed}}
            socket.send(json.dumps(subscription))
        elif event == "pusher:ping":
            socket.send('{"event":"pusher:pong","data":"{}"}')
        elif event == "pusher_internal:subscription_succeeded":
            self._subscribed.set()
        elif event == "pusher:subscription_error":
            self._trouble = f"{self._channel} was refused: {data.get('error')}"
        self._position = data.get("event_id") or data.get("position") or self._position
        if event.startswith(NAMESPACE):
            self._hear(event.removeprefix(NAMESPACE), data)

    def _hear(self, name: str, data: dict[str, Any]) -> None:
        if name == "VideoProgressed":
            self._percents.setdefault(data["video_id"], []).append(data["percent"])
        elif about := data.get("order") or data.get("video"):
            self._heard.setdefault((about["id"], name), datetime.now(UTC))
