"""`python -m benchmarks [name …]`: measure, print a table, keep it in var/benchmarks.json."""

import importlib
import json
import sys
import time
from datetime import UTC, datetime

from benchmarks import machine
from benchmarks.figures import Figure
from benchmarks.ground import Ground
from shared.config import ROOT

ALL = ("noop", "crowd", "place", "drain", "latency", "live", "fanout", "overhead", "video")
KEPT = ROOT / "var" / "benchmarks.json"


def main(names: list[str]) -> None:
    if unknown := set(names) - set(ALL):
        raise SystemExit(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(ALL)}")
    print(here := machine.line(), flush=True)
    for name in names or ALL:
        began = time.monotonic()
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n{name}: {str(module.__doc__).splitlines()[0]}", flush=True)
        figures = []
        with Ground() as ground:
            for figure in module.run(ground):
                figures.append(figure)
                print(figure.line(), flush=True)
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
        keep(name, here, figures)


def keep(name: str, here: str, figures: list[Figure]) -> None:
    """Replace this benchmark's figures in the file; those of the others stay."""
    known = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    known[name] = {"at": at, "machine": here, "figures": [figure.plain() for figure in figures]}
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n")


main(sys.argv[1:])
