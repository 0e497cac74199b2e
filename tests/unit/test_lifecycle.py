"""docs/order-lifecycle.md says what shared/domain does: the same moves, by jobs and with facts that exist."""

import re
from collections.abc import Iterable

import pytest

from services.worker import gate, listeners
from shared.config import ROOT
from shared.domain import orders, payments
from shared.domain.inventory import RELEASE, RESERVE, SETTLE, StockMove
from shared.events.catalogue import EVENTS
from shared.jobs.job import REGISTRY

DOCUMENT = (ROOT / "docs" / "order-lifecycle.md").read_text()
NOUNS = ("order", "payment", "pieces")
ORDER, PAYMENT, PIECES = (DOCUMENT.partition(f"## The {noun}")[2].partition("## ")[0] for noun in NOUNS)

Moves = set[tuple[str, str]]


def rows(section: str) -> list[list[str]]:
    """Return the cells of a section's one table, without its head."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def of_table(section: str) -> Moves:
    return {(row[0], row[1]) for row in rows(section) if row[0] != "–"}


def of_diagram(section: str) -> Moves:
    return {(a, b) for a, b in re.findall(r"^    (\S+) --> (\S+)$", section, re.MULTILINE) if a != "[*]"}


def of_code(moves: Iterable[tuple[str, Iterable[str]]]) -> Moves:
    return {(str(a), str(b)) for a, to in moves for b in to}


@pytest.mark.parametrize(
    ("section", "moves"),
    [(ORDER, of_code(orders.MOVES.items())), (PAYMENT, of_code(payments.MOVES.items()))],
    ids=["order", "payment"],
)
def test_the_tables_and_diagrams_show_exactly_the_legal_moves(section: str, moves: Moves) -> None:
    assert moves
    assert of_table(section) == moves
    assert of_diagram(section) == moves


def test_whoever_causes_a_move_exists_and_records_a_fact_that_exists() -> None:
    assert listeners.LISTENERS  # which makes every job known
    names = {event.__name__ for event in EVENTS}
    for _, _, cause, fact, _ in rows(ORDER):
        jobs = re.findall(r"`([a-z_]+)`", cause)
        assert jobs or "POST /orders" in cause
        assert set(jobs) <= set(REGISTRY), cause
        assert fact.strip("`") in names, fact


def test_every_reason_for_an_early_end_is_in_the_document() -> None:
    endings = [ending for ending in vars(gate).values() if isinstance(ending, gate.Ending)]
    assert len(endings) == 6
    for ending in endings:
        assert f"`{ending.reason}`" in ORDER
        assert ending.to in gate.FACTS


def test_the_pieces_move_as_the_table_says() -> None:
    told = [StockMove(*(int(number.replace("−", "-")) for number in row[1:])) for row in rows(PIECES)]
    assert told == [RESERVE, RELEASE, SETTLE]
