"""`python -m services.api`: the API in one process."""

import gc
import sys
from socket import socket

import uvicorn
from fastapi import FastAPI

from services.api.app import create_app
from shared.config import settings
from shared.telemetry import logging

#: How many new objects wait for a look through them. Python's 700 are fewer than eight requests at once hold.
YOUNG_OBJECTS = 20_000
NOT_STARTED = 3  # the exit code that uvicorn's own command has for it


class Server(uvicorn.Server):
    """At its end uvicorn waits for every answer; those that would never end are ended here."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._app.state.streams.stop()
        await super().shutdown(sockets)


def main() -> None:
    logging.configure("api")
    here = settings()
    app = create_app()
    _spare_what_stays()
    config = uvicorn.Config(
        app,
        host=here.bind_host,
        port=here.api_port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,  # uvicorn's words go where ours go
        access_log=False,  # services/api/middleware.py writes a better line
        server_header=False,
        forwarded_allow_ips=here.forwarded_allow_ips,
        timeout_graceful_shutdown=5,
    )
    server = Server(config, app)
    server.run()
    if not server.started:
        sys.exit(NOT_STARTED)


def _spare_what_stays() -> None:
    """What is loaded by now lives as long as the process; each full collection held up every request for 60 ms."""
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


if __name__ == "__main__":
    main()
