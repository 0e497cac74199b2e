"""`python -m services.sandbox`: the outside world in one process."""

import logging

import uvicorn

from services.sandbox.hang_up import HangUpProtocol
from services.sandbox.main import make_app
from shared.config import settings


def main() -> None:
    here = settings()
    if not here.in_demo:
        raise SystemExit("the sandbox is for demo and tests; TABOOR_ENV=production has real ones")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    uvicorn.run(
        make_app(here),
        host=here.bind_host,
        port=here.sandbox_port,
        http=HangUpProtocol,
        loop="uvloop",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
