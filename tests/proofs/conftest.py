"""The house for the proofs, and a place where each says what it saw."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.engines.postgres import PostgresServer
from shared.engines.redis import RedisServer
from tests.audited import Tell, summary
from tests.conftest import SEEN
from tests.house import House, Open


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
