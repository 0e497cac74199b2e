"""The house for the proofs, and a place where each says what it saw."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.engines.postgres import PostgresServer
from shared.engines.redis import RedisServer
from tests.audited import Tell, summary
from tests.house import House, Open

SEEN = "seen"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Also of what other processes saw: a report travels with its properties."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    if seen := [line for report in reports for name, line in report.user_properties if name == SEEN]:
        terminalreporter.section("what the proofs saw")
        for line in seen:
            terminalreporter.write_line(line)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Say what was seen: `tell(orders=200, seconds=3.2)`, one line at the end of the run."""

    def say(**figures: Any) -> None:
        line = f"{request.node.name}: {summary({name.replace('_', ' '): value for name, value in figures.items()})}"
        request.node.user_properties.append((SEEN, line))

    return say


@pytest.fixture
def open_house(
    environment: pytest.MonkeyPatch, tmp_path: Path, postgres: PostgresServer, redis: RedisServer
) -> Iterator[Open]:
    """Open a house with settings of one's own: `open_house(hand_over_at_least=100_000)`. It closes with the test."""
    with ExitStack() as stack:
        yield lambda **configured: stack.enter_context(House(environment, tmp_path, postgres, redis, **configured))


@pytest.fixture
def house(open_house: Open) -> House:
    """The house with a short lease and everything else as it is."""
    return open_house()
