"""The shop and the sandbox for the lecture's tests, and what the lecture's own jobs work with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.jobs.collaborators import provide
from shared.notifications.mail import Mailer
from shared.notifications.sms import Carrier
from tests.lecture.jobs import SCHEMA, VideoProcessor
from tests.ledger import Ledger
from tests.sandbox import sandbox, sandbox_process
from tests.shop import Shop, shop

__all__ = ["films", "lecture", "sandbox", "sandbox_process", "shop", "store"]


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


@pytest.fixture
def store(shop: Shop) -> Iterator[Shop]:
    """The shop with two walnut desks, and with its way to the sandbox's mailbox."""
    mailer, carrier = Mailer.from_settings(), Carrier.from_settings()
    provide(Mailer, lambda: mailer)
    provide(Carrier, lambda: carrier)
    shop.stock(walnut_desk=2)
    yield shop
    mailer.close()
    carrier.close()
