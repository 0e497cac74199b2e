"""The sandbox, its gateway, and the shop that operators watch, for the tests of this folder."""

from tests.alerting import watched
from tests.gateway import gateway
from tests.sandbox import sandbox, sandbox_process

__all__ = ["gateway", "sandbox", "sandbox_process", "watched"]
