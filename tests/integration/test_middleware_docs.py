"""The layer that docs/middleware.md shows is run as it stands there."""

import re
import time
from collections.abc import Callable
from typing import Any

import structlog
from structlog.testing import capture_logs

from shared.config import ROOT
from shared.jobs.job import job
from shared.jobs.running import Running
from tests.ledger import Ledger

PAGE = (ROOT / "docs" / "middleware.md").read_text()


def custom_layer() -> str:
    """Return the block under the heading that promises five lines."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.partition("in five lines\n")[2], re.MULTILINE | re.DOTALL)
    return str(blocks[0])


def test_the_layer_of_the_page_has_five_lines_and_works(ledger: Ledger) -> None:
    # Given the page's block, with what it takes for granted
    block = custom_layer()
    assert len(block.partition("\n\n")[0].splitlines()) == 5
    known: dict[str, Any] = {"__name__": __name__, "Callable": Callable, "Running": Running, "job": job, "time": time}
    known["log"] = structlog.get_logger()
    exec(compile(block, "docs/middleware.md", "exec"), known)
    # When its job runs
    with capture_logs() as said:
        polished = ledger.dispatch(known["polish_desk"], "walnut-desk")
        ledger.work()
    # Then it went well, and its layer has spoken
    assert ledger.job(polished).state == "succeeded"
    [line] = [line for line in said if line["event"] == "took"]
    assert (line["job"], 0 < line["seconds"] < 5) == ("polish_desk", True)


def test_the_page_names_every_layer() -> None:
    from shared.jobs import middleware  # noqa: PLC0415 - its list of names is what is asked for

    assert [name for name in middleware.__all__ if f"`{name}" not in PAGE and f"({name}(" not in PAGE] == []
