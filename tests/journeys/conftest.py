"""The shop and the sandbox for the tests of this folder."""

from tests.sandbox import sandbox, sandbox_process
from tests.shop import shop

__all__ = ["sandbox", "sandbox_process", "shop"]
