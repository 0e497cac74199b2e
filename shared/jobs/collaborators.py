"""What a job may ask for by annotation: each process makes one of each, when the first job wants it."""

from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")

_factories: dict[type[Any], Callable[[], Any]] = {}
_made: dict[type[Any], Any] = {}
_making = Lock()


def provide(kind: type[T], factory: Callable[[], T]) -> None:
    """Say how a collaborator is made: `provide(Gateway, Gateway.from_settings)`."""
    _factories[kind] = factory
    _made.pop(kind, None)


def collaborator(kind: type[T]) -> T:
    """Return this process's one `kind`; raise LookupError if nobody provides it."""
    if kind not in _made:
        with _making:
            if kind not in _made:
                if kind not in _factories:
                    raise LookupError(f"nobody provides {kind.__name__}: see provide()")
                _made[kind] = _factories[kind]()
    made: T = _made[kind]
    return made
