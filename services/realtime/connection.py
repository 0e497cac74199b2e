"""The core of the protocol: one client's frames in, what they lead to out; it knows no socket, no Redis, no clock."""

from typing import Any

from services.realtime import frames
from services.realtime.effects import Effect, Say, Shut, Subscribe, Unsubscribe, Whisper
from services.realtime.tickets import Desk, Refused
from shared.broadcasting.names import is_channel, is_encrypted, is_presence, split

TO_USER = "#server-to-user-"


class Connection:
    """What is known of one client. `channels` is kept by whoever does the effects: channel → the member's user id."""

    __slots__ = ("_desk", "_second", "_spent", "channels", "socket_id", "user_id")

    def __init__(self, socket_id: str, desk: Desk) -> None:
        self.socket_id = socket_id
        self.channels: dict[str, str | None] = {}
        self.user_id: str | None = None  # who signed in
        self._desk = desk
        self._second, self._spent = 0.0, 0  # client events of this second

    def receive(self, message: str, now: float) -> Effect | None:  # noqa: PLR0911 - a kind of frame a line
        """Return what a client's message leads to; None if there is nothing to do or to say."""
        try:
            frame = frames.read(message)
        except frames.Malformed as error:
            return Say(frames.error(frames.MALFORMED, str(error)))
        name, data = frame["event"], frame.get("data")
        if name.startswith("client-"):
            return self._whisper(name, frame, now)
        match name:
            case "pusher:ping":
                return Say(frames.PONG)
            case "pusher:subscribe":
                return self._subscribe(data, now)
            case "pusher:unsubscribe":
                return self._unsubscribe(data)
            case "pusher:signin":
                return self._sign_in(data, now)
        return None if name == "pusher:pong" else Say(frames.error(frames.MALFORMED, f"Unknown event {name[:60]}"))

    def _subscribe(self, data: Any, now: float) -> Effect:
        if not isinstance(data, dict) or not isinstance(channel := data.get("channel"), str):
            return Say(frames.error(frames.MALFORMED, "A subscription needs a channel"))
        try:
            return self._admit(channel, data, now)
        except Refused as refused:
            return Say(frames.refused(channel, refused.kind, refused.why, refused.status))

    def _admit(self, channel: str, data: dict[str, Any], now: float) -> Subscribe:
        most = self._desk.limits.subscriptions
        if channel not in self.channels and len(self.channels) >= most:
            raise Refused(f"A connection has at most {most} channels.", 4100, "LimitReached")
        if channel.startswith(TO_USER):
            if self.user_id is None or channel != TO_USER + self.user_id:
                raise Refused("This is another user's channel.")
            return Subscribe(channel)
        if not is_channel(channel):
            raise Refused("This is no name of a channel.", 4009, "InvalidChannel")
        if not split(channel)[0]:
            return Subscribe(channel)
        return self._desk.admit(self.socket_id, channel, data, now)

    def _unsubscribe(self, data: Any) -> Effect | None:
        if not isinstance(data, dict) or not isinstance(channel := data.get("channel"), str):
            return Say(frames.error(frames.MALFORMED, "An unsubscription needs a channel"))
        return Unsubscribe(channel) if channel in self.channels else None

    def _sign_in(self, data: Any, now: float) -> Effect:
        try:
            wish = self._desk.sign_in(self.socket_id, data, now)
        except Refused as refused:
            return Shut(4009, refused.why)
        if self.user_id not in (None, wish.user_id):
            return Shut(4009, "This connection is signed in as another user.")
        return wish

    def _whisper(self, name: str, frame: dict[str, Any], now: float) -> Effect:
        channel = frame.get("channel")
        if not isinstance(channel, str):
            return Say(frames.error(frames.MALFORMED, "A client event needs a channel"))
        if why := self._why_no_whisper(name, channel):
            return Say(frames.error(frames.REJECTED, why))
        try:
            data = frames.encode(frame.get("data"))  # pusher-js leaves it out of `trigger(name)`
        except (ValueError, RecursionError):  # 1e999 is read as infinity, which JSON cannot say
            return Say(frames.error(frames.MALFORMED, "Invalid message format"))
        if len(data.encode(errors="replace")) > (most := self._desk.limits.client_event):
            return Say(frames.error(frames.REJECTED, f"A client event has at most {most} bytes"))
        if not self._may_spend(now):
            most = self._desk.limits.client_events
            return Say(frames.error(frames.REJECTED, f"A connection sends at most {most} client events a second"))
        return Whisper(name, channel, data, self.channels[channel])

    def _why_no_whisper(self, name: str, channel: str) -> str | None:
        if channel not in self.channels:
            return "Client events are for subscribers of their channel"
        if not split(channel)[0] or channel.startswith("#") or is_encrypted(channel):
            return "Client events are for private and presence channels"
        return "The name of an event has at most 200 characters" if len(name) > 200 else None

    def _may_spend(self, now: float) -> bool:
        if not 0 <= now - self._second < 1:
            self._second, self._spent = now, 0
        self._spent += 1
        return self._spent <= self._desk.limits.client_events


def member_of(effect: Subscribe) -> str | None:
    """Return the user id that a subscription of a presence channel brings."""
    return effect.member.user_id if effect.member and is_presence(effect.channel) else None
