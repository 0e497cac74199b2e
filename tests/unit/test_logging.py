"""The log's lines: JSON, alike from structlog and from the standard library, with what they belong to, and cheap."""

import json
import subprocess
import sys

from shared.config import ROOT

SAYS = """
import logging, structlog
from shared.telemetry.logging import configure
configure("worker")
log = structlog.get_logger()
with structlog.contextvars.bound_contextvars(order="1042", job="j-1", attempt=2):
    log.info("reserved", product="مكتب خشب جوز")
    logging.getLogger("taboor").warning("slow %s", "disk")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("failed")
logging.getLogger("psycopg.pool").info("connection requested")
log.debug("not said")
log.info("later")
"""

COSTS = """
import sys, time, structlog
from shared.telemetry.logging import configure
configure("worker")
log = structlog.get_logger()
times = []
with structlog.contextvars.bound_contextvars(order="1042", job="j-1", attempt=2):
    for _ in range(2000):
        began = time.perf_counter()
        log.info("finished", ms=1.5, outcome="succeeded")
        times.append(time.perf_counter() - began)
sys.stderr.write(str(sorted(times)[1000] * 1000))
"""


def test_every_line_is_json_and_says_what_it_belongs_to() -> None:
    # When
    lines = [json.loads(line) for line in _run(SAYS).stdout.splitlines()]
    # Then
    assert [line["event"] for line in lines] == ["reserved", "slow disk", "failed", "later"]
    assert [line["level"] for line in lines] == ["info", "warning", "error", "info"]
    assert {line["process"] for line in lines} == {"worker"}
    for line in lines[:3]:
        assert (line["order"], line["job"], line["attempt"]) == ("1042", "j-1", 2)
    assert lines[0]["product"] == "مكتب خشب جوز"
    assert lines[1]["logger"] == "taboor"
    assert "ZeroDivisionError" in lines[2]["exception"]
    assert "order" not in lines[3]


def test_a_line_costs_less_than_a_twentieth_of_a_millisecond() -> None:
    assert float(_run(COSTS).stderr) < 0.05  # the median: a busy machine takes its time now and then


def _run(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
