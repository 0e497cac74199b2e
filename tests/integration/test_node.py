"""Node and npm are found, whatever is on PATH; the locks of their packages name no registry."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shared.config import ROOT
from shared.engines.node import OLDEST, environment


def ask(*words: str, path: str) -> str:
    command = [sys.executable, "-m", "shared.engines.node", *words]
    return subprocess.run(
        command, cwd=ROOT, env={**environment(), "PATH": path}, capture_output=True, text=True, check=True
    ).stdout.strip()


def put(folder: Path, name: str, says: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho {says}\n")
    (folder / name).chmod(0o755)


def major(version: str) -> int:
    return int(version.removeprefix("v").partition(".")[0])


def test_without_node_on_path_it_is_the_wheels() -> None:
    assert major(ask("node", "--version", path="/nowhere")) >= OLDEST
    assert major(ask("npm", "--version", path="/nowhere")) >= 10


def test_an_old_node_on_path_is_left_alone_and_a_new_one_is_taken(tmp_path: Path) -> None:
    # Given a node with its npm, too old
    put(tmp_path, "node", "v18.19.1")
    put(tmp_path, "npm", "the npm on PATH")
    assert major(ask("node", "--version", path=str(tmp_path))) >= OLDEST
    assert ask("npm", "--version", path=str(tmp_path)) != "the npm on PATH"
    # When it is new enough, then both are taken
    put(tmp_path, "node", f"v{OLDEST}.0.0")
    assert ask("node", "--version", path=str(tmp_path)) == f"v{OLDEST}.0.0"
    assert ask("npm", "--version", path=str(tmp_path)) == "the npm on PATH"
    # And a node without an npm is not enough
    (tmp_path / "npm").unlink()
    assert ask("node", "--version", path=str(tmp_path)) != f"v{OLDEST}.0.0"


def test_what_npm_runs_finds_the_same_node(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"which": "node --version"}}')
    version = ask("npm", "--prefix", str(tmp_path), "run", "--silent", "which", path="/usr/bin:/bin")
    assert version == ask("node", "--version", path="/usr/bin:/bin")


@pytest.mark.parametrize("folder", ["services/web", "tests/chromium"])
def test_a_lock_names_no_registry(folder: str) -> None:
    packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    assert len(packages) > 5
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert name == "" or package["integrity"].startswith("sha512-")
