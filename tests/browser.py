"""A real Chromium for tests of the page: out of an npm package that brings its own libraries and fonts."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from shared.config import ROOT
from shared.engines.node import environment, node

PACKAGE = ROOT / "tests" / "chromium"
HOME = ROOT / "var" / "chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start it headless. Root may not use its sandbox, and nobody but our own pages is visited."""
    program = _unpacked()
    libraries = {"LD_LIBRARY_PATH": str(HOME / "al2023" / "lib"), "FONTCONFIG_PATH": str(HOME / "fonts")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"], env={**os.environ, **libraries}
        )
        yield browser
        browser.close()


def _unpacked() -> Path:
    """Unpack it once for all tests, also those of other processes."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unpack = [str(node()), str(PACKAGE / "unpack.mjs")]
        done = subprocess.run(
            unpack, env={**environment(), "TMPDIR": str(HOME)}, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise RuntimeError(f"no Chromium; `make test` installs it (tests/chromium):\n{done.stderr}")
    return Path(done.stdout.strip())
