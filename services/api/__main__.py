"""`python -m services.api`: the API in one process."""

import uvicorn

from services.api.app import create_app
from shared.config import settings
from shared.telemetry import logging


def main() -> None:
    logging.configure("api")
    here = settings()
    uvicorn.run(
        create_app(),
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


if __name__ == "__main__":
    main()
