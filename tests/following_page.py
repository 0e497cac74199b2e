"""What a page knows of one channel, kept as services/web/src/positions.ts keeps it; and whether that is the truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class Chapter:
    """From the first subscription, or from `pusher:resume_failed`, to the next: what was fetched, what was heard."""

    fetched: set[int] | None = None  # None: the answer has not come
    heard: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Page:
    """One channel. order_id: whose facts may be heard here; None: all of the customer's orders."""

    channel: str
    order_id: UUID | None = None
    reached: int | None = None
    doubtful: bool = False
    subscribed: bool = False
    began: int = -1  # how far the channel had come when it was joined; what is above is heard
    chapters: list[Chapter] = field(default_factory=lambda: [Chapter()])
    repeated: int = 0  # that the service said again: dropped here

    @property
    def now(self) -> Chapter:
        return self.chapters[-1]

    def stand(self, position: int) -> None:
        """The service says how far this channel is delivered."""
        if self.reached is None:
            self.began = position
        self._reach(position)

    def hear(self, position: int) -> None:
        if self._reach(position):
            self.now.heard.append(position)
        else:
            self.repeated += 1

    def doubt(self) -> Chapter:
        """The service cannot say what was missed: a new chapter begins, and its first words are to be fetched."""
        self.doubtful = True
        self.chapters.append(Chapter())
        return self.now

    def _reach(self, position: int) -> bool:
        if self.reached is not None and position <= self.reached and not self.doubtful:
            return False
        self.reached, self.doubtful = position, False
        return True

    # --- afterwards ---

    def knows(self, facts: Sequence[int]) -> bool:
        """Say whether the page shows all of the channel's facts by now."""
        return self.now.fetched is not None and self.now.fetched.union(self.now.heard) >= set(facts)

    def faults(self, facts: Sequence[int]) -> list[str]:
        """Return what is wrong with what was told. facts: all positions of this channel, in order."""
        first = [fact for fact in facts if fact > self.began]
        wrong = [] if self.chapters[0].heard == first[: len(self.chapters[0].heard)] else ["not from its beginning"]
        if len(self.chapters) == 1 and self.now.heard != first:
            wrong.append("without being told to refetch")
        wrong += [what for chapter in self.chapters for what in _faults(chapter, facts)]
        if not self.knows(facts):
            wrong.append("does not know all in the end")
        return [f"{self.channel}: {what}; {self} of {list(facts)}" for what in wrong]


def _faults(chapter: Chapter, facts: Sequence[int]) -> list[str]:
    """Within a chapter each fact comes once, in order, with none left out; with what was fetched nothing is missing."""
    wrong, heard = [], chapter.heard
    start = facts.index(heard[0]) if heard and heard[0] in facts else 0
    if heard != list(facts[start : start + len(heard)]):
        wrong.append("heard with a gap, twice, or what is another's")
    if chapter.fetched is not None:
        known = chapter.fetched.union(heard)
        if known != {fact for fact in facts if fact <= max(known, default=0)}:
            wrong.append("neither heard nor fetched")
    return wrong
