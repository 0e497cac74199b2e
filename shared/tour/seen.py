"""What the tour sees when it looks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen. after: seconds since the order was placed, or the video uploaded."""

    words: str
    after: float | None = None


#: Looks once; None means not yet.
Look = Callable[[], Seen | None]
