"""A benchmark's figures: a small table for people, plain JSON for the next comparison."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `aim` is the design's; without one it is there to explain the others."""

    name: str
    value: float | None  # none: could not be measured here
    unit: str
    aim: float | None = None
    wanted: Literal["at least", "at most"] = "at least"
    note: str = ""

    @property
    def reached(self) -> bool | None:
        if self.aim is None or self.value is None:
            return None
        return self.value >= self.aim if self.wanted == "at least" else self.value <= self.aim

    def line(self) -> str:
        value = "missing" if self.value is None else f"{self.value:,.{_decimals(self.value)}f} {self.unit}"
        aim = "" if self.aim is None else f"{'≥' if self.wanted == 'at least' else '≤'} {self.aim:g}"
        verdict = {None: "", True: "reached", False: "NOT REACHED"}[self.reached]
        return f"  {self.name:<46} {value:>20}  {aim:<8} {verdict:<11} {self.note}".rstrip()

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "reached": self.reached}


def alternate(rounds: int, runs: dict[str, Callable[[], Any]]) -> dict[str, list[Any]]:
    """Run A B A B …, so that a busy minute of the machine meets both; return what each returned, in order."""
    results: dict[str, list[Any]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            results[name].append(run())
    return results


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios of the runs that stood side by side."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _decimals(value: float) -> int:
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 3
