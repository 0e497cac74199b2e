"""What everything that was started takes meanwhile: memory as seen often, processor time by the kernel's account."""

import resource
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil


class Scales:
    """`with Scales() as scales:`; afterwards `memory` is the most bytes at once, and `cpu` seconds."""

    def __enter__(self) -> Self:
        self.memory = 0
        self._before = _spent()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.cpu = _spent() - self._before

    def _look(self) -> None:
        here = psutil.Process()
        while not self._over.wait(0.02):
            total = 0
            for child in here.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    total += child.memory_info().rss
            self.memory = max(self.memory, total)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
