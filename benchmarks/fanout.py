"""One event to many: CPU time a delivery, memory a connection and time to the subscribers, beside a raw C loop."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks.figures import Figure, ratio
from benchmarks.ground import Crew, Ground, free_port
from benchmarks.sockets import Server, Servers, lacking

ROUNDS = 3
LOADED = 3.0  # seconds
SOKETI_P99 = 24  # ms: Soketi 1.6.1 at half of what it can, 29 events/s; it needs Node 18 and is not installed here


@dataclass(frozen=True)
class Case:
    subscribers: int
    floor: str  # the raw loop to stand beside
    window: int = 1  # events under way at once
    deliveries: int = 100_000
    aim: float | None = None  # µs
    ratio_aim: float | None = None  # ours / the raw loop

    @property
    def name(self) -> str:
        return f"a delivery to {self.subscribers:,}" + (f", {self.window} events at once" if self.window > 1 else "")


# The most subscribers come first: what a connection takes is seen in a server that had none before.
MOST = Case(5000, "raw", ratio_aim=1.15)
ONE_THOUSAND = Case(1000, "raw", ratio_aim=1.35)
BURSTS = Case(1000, "joined", window=16, deliveries=400_000, aim=1.0)
CASES = (MOST, ONE_THOUSAND, Case(100, "raw"), BURSTS)

Runs = dict[str, dict[Case, list[dict[str, float]]]]
PEERS = ("picows_send", "websockets_broadcast")
CALLED = {
    "ours": "ours",
    "raw": "raw C",
    "joined": "raw C, joined",  # sends on at once what it read at once
    "picows_send": "picows",
    "websockets_broadcast": "websockets",
}


def run(ground: Ground) -> Iterator[Figure]:
    if lack := lacking():
        yield Figure("CPU a delivery", None, "µs", note=lack)
        return
    runs: Runs = {name: {case: [] for case in CASES} for name in CALLED}
    for _ in range(ROUNDS):
        with servers(ground) as all_of_them:
            for case in CASES:
                for name in (case.floor, "ours", *PEERS):
                    events = case.deliveries // case.subscribers
                    found = all_of_them[name].run(case.subscribers, events, window=case.window)
                    runs[name][case].append(found)
    for case in CASES:
        yield from compared(runs, case)
    yield memory(runs)
    yield from latencies(ground, runs)


@contextmanager
def servers(ground: Ground) -> Iterator[dict[str, Server]]:
    """Start all of them."""
    with ground.living(realtime_port=free_port()), Crew(ground) as crew:
        start = Servers(ground, crew)
        peers = {name: start.peer(name) for name in PEERS}
        yield {"raw": start.raw(), "joined": start.raw("joined"), "ours": start.ours(), **peers}


def compared(runs: Runs, case: Case) -> Iterator[Figure]:
    """Ours against the raw loop and the peers, of the runs side by side."""
    cpu = {name: [found["cpu"] for found in cases[case]] for name, cases in runs.items()}
    others = {name: called for name, called in CALLED.items() if name in (case.floor, *PEERS)}
    note = ", ".join(f"{called} {median(cpu[name]):.2f}" for name, called in others.items())
    yield Figure(case.name, median(cpu["ours"]), "µs", case.aim, "at most", note)
    yield Figure(f"  ours / {CALLED[case.floor]}", ratio(cpu["ours"], cpu[case.floor]), "x", case.ratio_aim, "at most")
    for name in PEERS:
        yield Figure(f"  {CALLED[name]} / ours", ratio(cpu[name], cpu["ours"]), "x")


def memory(runs: Runs) -> Figure:
    names = ("ours", *PEERS)
    taken = {name: median(found["kilobytes"] for found in runs[name][MOST]) / MOST.subscribers for name in names}
    note = ", ".join(f"{CALLED[name]} {taken[name]:.1f}" for name in PEERS)
    return Figure(f"an idle connection, of {MOST.subscribers:,}", taken["ours"], "kB", 12, "at most", note)


def latencies(ground: Ground, runs: Runs) -> Iterator[Figure]:
    """Each at half of what its own core would deliver."""
    names, many = ("ours", "raw", *PEERS), ONE_THOUSAND.subscribers
    rates = {name: 0.5e6 / many / median(found["cpu"] for found in runs[name][ONE_THOUSAND]) for name in names}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with servers(ground) as all_of_them:
        for _ in range(ROUNDS):
            for name, rate in rates.items():
                found[name].append(all_of_them[name].run(many, int(rate * LOADED), rate=rate))
    for name in names:
        p50, p99 = (median(one[which] for one in found[name]) for which in ("p50", "p99"))
        note = f"{many:,} subscribers, {rates[name]:.0f} events/s, p50 {p50:.1f}"
        aim = SOKETI_P99 if name == "ours" else None
        yield Figure(f"published → received, {CALLED[name]}, p99", p99, "ms", aim, "at most", note)
