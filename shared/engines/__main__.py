"""The engines from the command line: `python -m shared.engines postgres` is the server, in the foreground."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from shared.config import ROOT, settings
from shared.engines import postgres, redis
from shared.engines.binaries import EngineMissing

RUN = {"postgres": postgres.run, "redis": redis.run}


def main(words: Sequence[str] | None = None) -> None:
    """Become the engine that is named; folder and port are the demo's unless they are given."""
    parser = argparse.ArgumentParser(prog="python -m shared.engines", description=__doc__)
    parser.add_argument("engine", choices=sorted(RUN))
    parser.add_argument("--folder", type=Path, help="where its data lives (var/<engine>)")
    parser.add_argument("--port", type=int, help="its loopback port (the one in DATABASE_URL or REDIS_URL)")
    chosen = parser.parse_args(words)
    try:
        RUN[chosen.engine](chosen.folder or ROOT / "var" / chosen.engine, chosen.port or _port(chosen.engine))
    except EngineMissing as missing:
        raise SystemExit(str(missing)) from missing


def _port(engine: str) -> int:
    url = settings().database_url if engine == "postgres" else settings().redis_url
    return urlsplit(url).port or {"postgres": 5432, "redis": 6379}[engine]


if __name__ == "__main__":
    main()
