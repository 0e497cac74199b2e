"""Chains: in order, ended early by a business "no", undone in reverse by a failure."""

import pytest

from shared.jobs import failure
from shared.jobs.chain import Link, chain
from tests.ledger import Ledger
from tests.ledger_jobs import (
    break_down,
    count_stock,
    craft,
    glue,
    saw,
    say_no,
    say_too_late,
    unglue,
    unsaw,
    write_down,
)


def states(ledger: Ledger) -> list[str]:
    """Return the states of the first chain's links."""
    first = "(select id from chains order by id limit 1)"
    return [row.state for row in ledger.rows(f"select state from jobs where chain_id = {first} order by link")]


def dispatch(ledger: Ledger, *links: Link) -> None:
    with ledger.transaction() as tx:
        chain(*links).dispatch(tx, "walnut-desk")


def test_a_chain_runs_in_order_each_link_freed_by_the_one_before(ledger: Ledger) -> None:
    # Given a chain
    with ledger.transaction() as tx:
        craft.dispatch(tx, "walnut-desk")
    assert states(ledger) == ["scheduled", "blocked", "blocked"]
    # When its first link has run
    ledger.hand_over()
    [first] = ledger.claim()
    ledger.run(first)
    # Then the second is due, the third still waits
    assert states(ledger) == ["succeeded", "scheduled", "blocked"]
    # And in the end all ran, in order
    ledger.work()
    assert ledger.effects() == ["saw walnut-desk", "glue walnut-desk", "walnut-desk"]


def test_a_business_no_keeps_its_effects_and_cancels_the_rest(ledger: Ledger) -> None:
    dispatch(ledger, (saw, unsaw), say_no, write_down)
    ledger.work()
    # Then the "no" is no failure: nothing is undone, and the rest says why it never ran
    assert states(ledger) == ["succeeded", "succeeded", "cancelled"]
    assert ledger.effects() == ["saw walnut-desk", "no to walnut-desk"]
    assert [ledger.named(name)[0].reason for name in ("say_no", "write_down")] == ["out of walnut"] * 2
    assert ledger.rows("select ended_reason from chains") == [("out of walnut",)]


def test_a_no_that_is_raised_rolls_its_own_writes_back(ledger: Ledger) -> None:
    dispatch(ledger, say_too_late, write_down)
    ledger.work()
    assert states(ledger) == ["succeeded", "cancelled"]
    assert ledger.effects() == []
    assert ledger.named("say_too_late")[0].reason == "too late for walnut-desk"
    assert ledger.outcomes(ledger.named("say_too_late")[0].id) == ["succeeded"]


def test_when_a_link_fails_for_good_the_finished_ones_are_undone_in_reverse(ledger: Ledger) -> None:
    # Given a chain whose third link breaks, with a fourth behind it
    dispatch(ledger, (saw, unsaw), (glue, unglue), break_down, (write_down, unsaw))
    # When it has run
    ledger.work()
    # Then the rest is cancelled, and what was done is undone, the last first
    assert states(ledger) == ["succeeded", "succeeded", "failed", "cancelled"]
    assert ledger.effects()[:2] == ["saw walnut-desk", "glue walnut-desk"]
    undone = [effect for effect in ledger.effects() if effect.startswith("undo")]
    assert undone == ["undo glue walnut-desk", "undo saw walnut-desk"]
    assert ledger.named("write_down")[0].reason == "break_down failed"
    assert ledger.rows("select undone_by from chains where undone_at is not null") == [
        (ledger.named("unsaw")[0].chain_id,)
    ]


def test_a_chain_is_undone_once_in_its_life(ledger: Ledger) -> None:
    # Given a chain that was undone
    dispatch(ledger, (saw, unsaw), break_down)
    ledger.work()
    [failed] = ledger.named("break_down")
    # When somebody undoes it again
    with ledger.transaction() as tx:
        failure.undo_chain(tx, failed.chain_id)
    ledger.work()
    # Then nothing more is undone
    assert ledger.effects().count("undo saw walnut-desk") == 1


def test_a_unique_job_is_refused_as_a_link() -> None:
    with pytest.raises(ValueError, match="count_stock: a unique job"):
        chain(saw, count_stock)
