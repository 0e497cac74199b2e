"""Everything dies under load, again and again: what was acknowledged ends, and the books balance."""

import random
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from shared.engines.redis import RedisServer
from tests.audited import Tell
from tests.crowd import Crowd
from tests.house import House
from tests.sandbox import SandboxProcess
from tests.supervised import Supervised


@pytest.mark.proof
def test_a_postmaster_killed_under_load_loses_no_order_and_neither_charges_nor_sells_twice(
    house: House, scaled: Callable[[int, int], int], dice: random.Random, tell: Tell
) -> None:
    kills = scaled(10, 2)
    with Crowd(house, house.customers(100)).ordering() as crowd:
        # When the postmaster dies, wherever it is just then, and comes back
        for _ in range(kills):
            crowd.wait_for_more(dice.randint(10, 60))
            house.postgres.kill()
            house.postgres.start()
    quiet_after = house.wait_until_quiet(180)
    # Then every acknowledged order ended, paid once
    assert set(house.statuses(crowd.orders)) == {"shipped"}
    assert house.charged() == len(set(crowd.orders))
    released = house.one("select count(*) from job_attempts where outcome = 'released'")
    tell(kills=kills, quiet_after=quiet_after, attempts_interrupted=released, **house.check(crowd.orders))


def kill_and_start(it: SandboxProcess | RedisServer) -> None:
    it.kill()
    it.start()


def freeze_another(processes: Sequence[Supervised], dice: random.Random) -> None:
    """Wake whichever was frozen, and freeze one of them."""
    for process in processes:
        process.thaw()
    dice.choice(processes).freeze()


@pytest.mark.proof
def test_whatever_dies_freezes_or_is_wiped_every_acknowledged_order_ends_and_the_books_balance(
    house: House, scaled: Callable[[int, int], int], dice: random.Random, tell: Tell
) -> None:
    house.sandbox.set(slow_ms=10)
    trouble: dict[str, Callable[[], None]] = {
        "api killed": house.api.kill,
        "relay killed": lambda: dice.choice(house.relays).kill(),
        "worker killed": lambda: dice.choice(house.units).kill(),
        "relay frozen": lambda: freeze_another(house.relays, dice),
        "worker frozen": lambda: freeze_another(house.units, dice),
        "sandbox killed": lambda: kill_and_start(house.sandbox),
        "redis killed": lambda: kill_and_start(house.redis),
        "redis wiped": house.flush,
        "charge unanswered": lambda: house.sandbox.set(no_answer_after_charging=2),
        "charge answered 500": lambda: house.sandbox.set(stored_500_after_charging=2),
    }
    happened: Counter[str] = Counter()
    # When, while customers order and some change their mind, everything happens, in an order of chance
    with Crowd(house, house.customers(100), fickle=7).ordering() as crowd:
        for _ in range(scaled(12, 2)):
            for what in dice.sample(list(trouble), len(trouble)):
                crowd.wait_for_more(dice.randint(1, 6))
                trouble[what]()
                happened[what] += 1
    for process in house.processes:
        process.thaw()
    house.wait_for_api()
    quiet_after = house.wait_until_quiet(300)
    # Then every acknowledged order ended, and nothing was done twice
    assert set(house.statuses(crowd.orders)) <= {"shipped", "cancelled: cancelled_by_customer"}
    killed = sum(process.deaths for process in house.processes)
    tell(
        troubles=happened.total(),
        api_relays_and_workers_killed=killed,
        quiet_after=quiet_after,
        **house.check(crowd.orders),
    )
