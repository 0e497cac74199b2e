"""What the figures were measured on, in one line."""

import os
import platform
from pathlib import Path


def line() -> str:
    """Return cores, load, processor and Python; a loaded machine says so itself."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores ({_processor()}), load {load}, Python {platform.python_version()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((text.partition(": ")[2] for text in lines if text.startswith("model name")), platform.machine())
