"""Whatever happens to jobs, in any order: none is lost, none succeeds twice, chains and batches keep their word."""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger import Ledger
from tests.ledger_groups_machine import GroupsMachine
from tests.ledger_machine import LedgerMachine
from tests.ledger_machine_jobs import ACTS

Kind = type[LedgerMachine | GroupsMachine]


#: What examples with batches must have come to: ends of attempts, moves, callbacks, groups in one another.
COMES_TO = (
    *("succeeded", "failed", "released", "lost", "cancelled", "put aside", "chain undone"),
    *("failed to scheduled", "cancelled to scheduled", "cancelled to blocked", "queued to scheduled"),
    *("then", "catch", "finally", "batch as a link", "batch in a batch", "succeeded to forgotten"),
)


def prove(
    kind: Kind, ledger: Ledger, dice: random.Random, examples: int, steps: int, *, shrink: bool = False
) -> tuple[int, Counter[str]]:
    """Try that many examples of that many steps; return how many were taken, and what they came to.

    shrink: look for a shorter example when one fails, which takes minutes.
    """
    ledger.set(lost_message_seconds=0, lost_cap=3, hand_over_at_least=1000, lease_seconds=600)
    taken, seen = 0, Counter[str]()

    @seed(dice.randrange(2**32))
    class Machine(kind):  # type: ignore[valid-type,misc]  # one of two
        def __init__(self) -> None:
            super().__init__(ledger)

        def teardown(self) -> None:
            nonlocal taken
            taken += self.steps
            super().teardown()
            seen.update(self.seen)

    calm = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=calm)
    return taken, seen


def test_the_ledger_keeps_its_word_for_a_moment(ledger: Ledger, dice: random.Random) -> None:
    steps, _ = prove(LedgerMachine, ledger, dice, examples=10, steps=50)
    assert steps >= 400


def test_batches_keep_their_word_for_a_moment(ledger: Ledger, dice: random.Random) -> None:
    steps, _ = prove(GroupsMachine, ledger, dice, examples=10, steps=50)
    assert steps >= 400


@pytest.mark.proof
def test_the_ledger_keeps_its_word_for_ten_thousand_steps(
    ledger: Ledger, dice: random.Random, scaled: Callable[[int, int], int]
) -> None:
    examples = scaled(500, 66)  # a few of them are shorter; in CI both machines together take ten thousand
    steps, seen = prove(LedgerMachine, ledger, dice, examples, steps=100, shrink=bool(scaled(1, 0)))
    assert steps >= scaled(40_000, 5_000), steps
    # and they were no idle steps
    assert min(seen[what] for what in (*ACTS, "lease lost", "lost too often", "chain undone")) >= 10, seen


@pytest.mark.proof
def test_batches_keep_their_word_for_ten_thousand_steps(
    ledger: Ledger, dice: random.Random, scaled: Callable[[int, int], int]
) -> None:
    examples = scaled(400, 66)
    steps, seen = prove(GroupsMachine, ledger, dice, examples, steps=100, shrink=bool(scaled(1, 0)))
    assert steps >= scaled(32_000, 5_000), steps
    assert min(seen[what] for what in COMES_TO) >= 5, seen
