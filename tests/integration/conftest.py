"""The sandbox and its gateway for the tests of this folder."""

from tests.gateway import gateway
from tests.sandbox import sandbox, sandbox_process

__all__ = ["gateway", "sandbox", "sandbox_process"]
