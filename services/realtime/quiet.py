"""What picows may log with: of a logger that it knows it makes one more for each connection, a kilobyte each."""

import logging
from typing import Any

import structlog

log = structlog.get_logger()


class Quiet:
    """Passes on what went wrong in our code; what clients do wrong they are told themselves."""

    name = "sockets"

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the standard library's name
        return level >= logging.WARNING

    def log(self, *_: Any) -> None:
        """Details of debugging."""

    debug = info = warning = error = log

    def exception(self, message: str, *words: Any) -> None:
        log.exception(  # noqa: LOG004 - picows calls this where it handles one
            message % words if words else message, alert="realtime_socket"
        )


QUIET = Quiet()
