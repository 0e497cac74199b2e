"""What the streams say is sent on to whoever listens here: facts, published events, members, ends of sessions."""

import json
from collections.abc import Callable

from services.realtime import frames
from services.realtime.bus import Fields
from services.realtime.connection import TO_USER
from services.realtime.hub import Hub
from services.realtime.sessions import Sessions
from services.realtime.wire import pack
from shared.broadcasting import keys


class Hearing:
    def __init__(self, hub: Hub, node: str, sessions: Sessions, online: Callable[[str], None]) -> None:
        """online: told of a user who may have signed in or gone."""
        self._hub, self._node, self._sessions, self._online = hub, node.encode(), sessions, online

    def fact(self, position: int, said: Fields) -> None:
        channels: list[str] = json.loads(said[b"channels"].decode())
        for channel in channels:
            if session := keys.ended_session(channel):
                self._sessions.end(session)
        self._send(channels, said, frames.encode(said[b"data"].decode()), fact=position)

    def signal(self, number: int, said: Fields) -> None:
        match said[b"kind"]:
            case b"event":
                self._event(number, said)
            case b"user":
                channel = TO_USER + said[b"user_id"].decode()
                self._send([channel], said, frames.encode(said[b"data"].decode()), signal=number)
            case b"online":
                self._online(said[b"user_id"].decode())
            case b"terminate":
                self._hub.close_user(said[b"user_id"].decode())

    def wiped(self) -> None:
        """Nobody can be sure to have heard everything: tell every subscription."""
        for name, channel in tuple(self._hub.channels.items()):
            channel.ahead.clear()  # what was told ahead of this node may not be what comes now
            if not name.startswith("#"):
                self._hub.deliver(name, pack(frames.resume_failed(name)))

    def _event(self, number: int, said: Fields) -> None:
        if said.get(b"node") == self._node:
            return  # it was sent on here before it was written
        channels: list[str] = json.loads(said[b"channels"])
        text = said[b"data"].decode()
        data = text if b"json" in said else frames.encode(text)
        self._send(channels, said, data, signal=number)

    def _send(self, channels: list[str], said: Fields, data: str, *, fact: int = 0, signal: int = 0) -> None:
        event = said[b"event"].decode()
        user_id = said.get(b"user_id", b"").decode() if b"channels" in said else ""
        without = said.get(b"except", b"").decode()
        for channel in channels:
            if channel in self._hub.channels:
                frame = pack(frames.event(event, channel, data, user_id or None))
                self._hub.deliver(channel, frame, fact=fact, signal=signal, without=without)
