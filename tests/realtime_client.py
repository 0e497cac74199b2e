"""A client of the Pusher protocol that writes and reads frames by hand, so that tests see each of them."""

import json
import time
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame as RawFrame
from websockets.sync.client import connect

from shared.broadcasting.signatures import sign_channel, sign_user

KEY, SECRET = "taboor-key", "taboor-secret"

Frame = dict[str, Any]


class Client:
    """`with Client(port) as layla:`; connects at once, and has read the first frame then unless it is told not to."""

    def __init__(self, port: int, path: str = f"/app/{KEY}?protocol=7", *, greeted: bool = True, **more: Any) -> None:
        more = {"proxy": None, "compression": None, "max_size": None, "legacy": True, **more}
        self.ws = connect(f"ws://127.0.0.1:{port}{path}", **more)
        self.socket_id = ""
        if greeted:
            hello = self.next()
            assert hello["event"] == "pusher:connection_established", hello
            self.socket_id = json.loads(hello["data"])["socket_id"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ws.close()

    def text(self, timeout: float = 5) -> str:
        """Return the next frame as it came."""
        text = self.ws.recv(timeout=timeout)
        assert isinstance(text, str)
        return text

    def next(self, timeout: float = 5) -> Frame:
        frame: Frame = json.loads(self.text(timeout))
        return frame

    def until(self, event: str, timeout: float = 5) -> Frame:
        """Return the next frame of that name; what came before is not looked at."""
        return self.before(event, timeout)[-1]

    def before(self, event: str, timeout: float = 5) -> list[Frame]:
        """Return all frames up to the next of that name, with it."""
        frames, deadline = [self.next(timeout)], time.monotonic() + timeout
        while frames[-1]["event"] != event:
            assert time.monotonic() < deadline, frames
            frames.append(self.next(timeout))
        return frames

    def say(self, event: str, data: Any = None, **more: Any) -> None:
        self.ws.send(json.dumps({"event": event, **({} if data is None else {"data": data}), **more}))

    def raw(self, text: str | bytes) -> None:
        self.ws.send(text)

    def alive(self) -> bool:
        """Say whether the service answers a ping. What came before the answer is not looked at."""
        self.say("pusher:ping", {})
        return bool(self.until("pusher:pong")["data"] == "{}")

    def nothing_came(self) -> bool:
        """Say whether the answer to a ping is the first thing to come."""
        self.say("pusher:ping", {})
        return bool(self.next()["event"] == "pusher:pong")

    def ask(self, channel: str, channel_data: str | None = None, *, auth: str | None = None) -> None:
        """Subscribe, signed as the app would, and wait for nothing."""
        told = {"channel": channel}
        if auth is None and channel.startswith(("private-", "presence-")):
            auth = self.auth(channel, channel_data)
        told |= {} if auth is None else {"auth": auth}
        told |= {} if channel_data is None else {"channel_data": channel_data}
        self.say("pusher:subscribe", told)

    def subscribe(self, channel: str, channel_data: str | None = None, *, auth: str | None = None) -> Frame:
        """Subscribe, and return the answer."""
        self.ask(channel, channel_data, auth=auth)
        frame = self.next()
        while frame.get("channel") != channel or not frame["event"].startswith(ANSWERS):
            frame = self.next()
        return frame

    def unsubscribe(self, channel: str) -> None:
        self.say("pusher:unsubscribe", {"channel": channel})

    def sign_in(self, user_data: str, auth: str | None = None) -> None:
        signed = f"{KEY}:{sign_user(SECRET, self.socket_id, user_data)}"
        self.say("pusher:signin", {"auth": auth or signed, "user_data": user_data})

    def auth(self, channel: str, channel_data: str | None = None) -> str:
        return f"{KEY}:{sign_channel(SECRET, self.socket_id, channel, channel_data)}"

    def closed(self, timeout: float = 5) -> tuple[int, str]:
        """Wait until the service closes; return its code, or 1006, and reason. What came before is in `last_words`."""
        self.last_words: list[Frame] = []
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.last_words.append(self.next(max(0.01, deadline - time.monotonic())))
            except ConnectionClosed as end:
                return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")

    def send_frames(self, *frames: RawFrame | bytes) -> None:
        """Send frames as they are, whatever the protocol says of them."""
        data = b"".join(frame if isinstance(frame, bytes) else frame.serialize(mask=True) for frame in frames)
        self.ws.socket.sendall(data)


ANSWERS = ("pusher_internal:subscription_succeeded", "pusher:subscription_error")


def succeeded(answer: Frame) -> bool:
    return bool(answer["event"] == "pusher_internal:subscription_succeeded")


def refused(answer: Frame, status: int = 401) -> bool:
    return bool(answer["event"] == "pusher:subscription_error" and answer["data"]["status"] == status)
