"""Whatever happens to jobs, in any order: none is lost, none succeeds twice, chains keep their order."""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger import Ledger
from tests.ledger_machine import LedgerMachine
from tests.ledger_machine_jobs import ACTS


def prove(ledger: Ledger, dice: random.Random, examples: int, steps: int) -> tuple[int, Counter[str]]:
    """Try that many examples of that many steps; return how many were taken, and what they came to."""
    ledger.set(lost_message_seconds=0, lost_cap=3, hand_over_at_least=1000)
    taken, seen = 0, Counter[str]()

    @seed(dice.randrange(2**32))
    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(ledger)

        def teardown(self) -> None:
            nonlocal taken
            taken += self.steps
            seen.update(self.model.seen)  # before the calm end
            super().teardown()

    calm = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=calm)
    return taken, seen


def test_the_ledger_keeps_its_word_for_a_moment(ledger: Ledger, dice: random.Random) -> None:
    steps, _ = prove(ledger, dice, examples=10, steps=50)
    assert steps >= 400


@pytest.mark.proof
def test_the_ledger_keeps_its_word_for_ten_thousand_steps(
    ledger: Ledger, dice: random.Random, scaled: Callable[[int, int], int]
) -> None:
    examples = scaled(500, 125)  # a few of them are shorter
    steps, seen = prove(ledger, dice, examples, steps=100)
    assert steps >= scaled(40_000, 10_000), steps
    # and they were no idle steps
    assert min(seen[what] for what in (*ACTS, "lease lost", "lost too often", "chain undone")) >= 10, seen
