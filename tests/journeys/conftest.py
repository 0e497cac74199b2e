"""The shop, its studio and the sandbox for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.films import Studio
from tests.sandbox import sandbox, sandbox_process
from tests.shop import Shop, environment, shop

__all__ = ["sandbox", "sandbox_process", "shop", "studio"]


@pytest.fixture
def studio(shop: Shop, tmp_path: Path) -> Iterator[Studio]:
    """A customer's videos, with a folder of their own."""
    with environment(FILES=str(tmp_path / "files"), DISK_RESERVE_BYTES="0"):
        yield Studio(shop.connection, shop.customer)
