"""The sandbox for the tests of this folder."""

from tests.sandbox import sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]
