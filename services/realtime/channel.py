"""One channel of this node: its subscribers, and the one loop that sends to all of them."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

Write = Callable[[bytes], None]


class Subscriber(Protocol):
    """What the sending loop needs of a connection."""

    @property
    def write(self) -> Write:
        """Send at once what can be sent, and the rest later; never wait, never raise. It is a bound method of C."""


class Said(NamedTuple):
    frame: bytes
    fact: int  # its position in the stream of facts, or 0
    signal: int  # its number in the stream of signals, or 0
    without: Subscriber | None  # the sender of a client event


Skipped = tuple[Subscriber, ...]


class Channel:
    """Subscribers hear everything that is said while they are subscribed, in order, once.

    Whoever is *held* has what is said kept for it until it was told what came before. Whoever is *ahead* was told more
    than this node has read yet: those entries are left out for it when they come.
    """

    __slots__ = ("ahead", "held", "live", "name", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.live: dict[Subscriber, Write] = {}
        self.held: dict[Subscriber, list[Said]] = {}
        self.ahead: dict[Subscriber, tuple[int, int]] = {}  # the highest fact and signal told
        self.waiting: list[tuple[bytes, Skipped]] = []

    def __len__(self) -> int:
        return len(self.live) + len(self.held)

    def add(self, subscriber: Subscriber, *, hold: bool) -> None:
        self.remove(subscriber)
        if hold:
            self.held[subscriber] = []
        else:
            self.live[subscriber] = subscriber.write

    def remove(self, subscriber: Subscriber) -> bool:
        """Say whether it was here."""
        self.ahead.pop(subscriber, None)
        was_held = self.held.pop(subscriber, None) is not None
        return self.live.pop(subscriber, None) is not None or was_held

    def say(self, frame: bytes, fact: int, signal: int, without: Subscriber | None) -> None:
        """Note what is to be sent at the end of this turn of the loop."""
        said = Said(frame, fact, signal, without)
        for kept in self.held.values():
            kept.append(said)
        skipped = self._knows(said) if self.ahead else ()
        self.waiting.append((frame, skipped if without is None else (*skipped, without)))

    def release(self, subscriber: Subscriber, fact: int, signal: int) -> list[bytes]:
        """Let a held subscriber hear live what comes now; return what was kept and is new to it.

        fact, signal: how far it was told already. What waits has to be flushed before.
        """
        kept = self.held.pop(subscriber)
        self.live[subscriber] = subscriber.write
        return [said.frame for said in kept if said.without is not subscriber and not _is_known(said, fact, signal)]

    def flush(self) -> int:
        """Send what waits; return how many deliveries that was."""
        if not self.waiting:
            return 0
        waiting, self.waiting = self.waiting, []
        joined = waiting[0][0] if len(waiting) == 1 else b"".join([frame for frame, _ in waiting])
        apart = {subscriber for _, skipped in waiting for subscriber in skipped}
        if not apart:
            send_to_all(self.live.values(), joined)
        else:
            send_to_all([write for one, write in self.live.items() if one not in apart], joined)
            for one in apart & self.live.keys():
                one.write(b"".join([frame for frame, skipped in waiting if one not in skipped]))
        return len(waiting) * len(self.live)

    def _knows(self, said: Said) -> Skipped:
        """Return who was told this already. Once something newer comes, this need not be asked again."""
        knowing = []
        for one, (fact, signal) in list(self.ahead.items()):
            if _is_known(said, fact, signal):
                knowing.append(one)
            elif said.fact or said.signal:
                self.note_ahead(one, 0 if said.fact else fact, 0 if said.signal else signal)
        return tuple(knowing)

    def note_ahead(self, subscriber: Subscriber, fact: int, signal: int) -> None:
        """Leave out for it what is not above these, and was not heard here yet."""
        if fact or signal:
            self.ahead[subscriber] = (fact, signal)
        else:
            self.ahead.pop(subscriber, None)


def _is_known(said: Said, fact: int, signal: int) -> bool:
    return said.fact <= fact if said.fact else 0 < said.signal <= signal


def send_to_all(writes: Iterable[Write], data: bytes) -> None:
    """Give each the same bytes. This is the loop that everything waits for: it does nothing else for a subscriber."""
    for write in writes:
        write(data)
