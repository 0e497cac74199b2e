"""The things that may happen in a state machine, so many times as likely as others."""

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st

Happening = Callable[..., None]


class Happenings:
    """What one machine's single rule chooses from.

    Hypothesis' own rules would be switched off in half of the examples each, and a job needs many of them to end.
    """

    def __init__(self) -> None:
        self._all: list[st.SearchStrategy[Callable[[Any], None]]] = []

    def __call__(self, times: int = 1, **arguments: st.SearchStrategy[Any]) -> Callable[[Happening], Happening]:
        """Make a method one of the things that may happen."""

        def note(method: Happening) -> Happening:
            self._all.extend(st.builds(partial, st.just(method), **arguments) for _ in range(times))
            return method

        return note

    def any(self) -> st.SearchStrategy[Callable[[Any], None]]:
        return st.deferred(lambda: st.one_of(self._all))
