"""End a job's function from outside: its thread gets an exception, because the job is no longer its to finish."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from dramatiq.middleware.threading import Interrupt, raise_thread_exception

Attempt = tuple[UUID, int]


class Interrupted(Interrupt):
    """The job was cancelled, or another worker has it: nothing that is still done here can be kept."""


_lock = threading.Lock()
_threads: dict[Attempt, int] = {}


@contextmanager
def interruptible(attempt: Attempt) -> Iterator[None]:
    """Let `interrupt` reach this thread while the block runs; whoever holds the lock decides which came first."""
    with _lock:
        _threads[attempt] = threading.get_ident()
    try:
        yield
    finally:
        with _lock:
            _threads.pop(attempt, None)


def interrupt(attempt: Attempt) -> bool:
    """Raise Interrupted in the thread that runs this attempt; return whether there was one."""
    with _lock:
        thread = _threads.get(attempt)
        if thread is not None:
            raise_thread_exception(thread, Interrupted)  # type: ignore[no-untyped-call]  # untyped there
    return thread is not None
