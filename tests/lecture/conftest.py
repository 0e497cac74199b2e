"""The shop and the sandbox for the lecture's tests, and what the lecture's own jobs work with."""

from pathlib import Path

import pytest

from shared.jobs.collaborators import provide
from tests.lecture.jobs import SCHEMA, VideoProcessor
from tests.ledger import Ledger
from tests.sandbox import sandbox, sandbox_process
from tests.shop import shop

__all__ = ["films", "lecture", "sandbox", "sandbox_process", "shop"]


@pytest.fixture
def lecture(ledger: Ledger) -> Ledger:
    """The ledger, with the lecture's podcasts beside it."""
    ledger.connection.execute(SCHEMA, prepare=False)
    return ledger


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder in which the lecture's VideoProcessor looks for films."""
    provide(VideoProcessor, lambda: VideoProcessor(tmp_path))
    return tmp_path
