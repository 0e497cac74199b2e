"""Whatever dies on the way, who follows an order hears every event once, in order, or is told to fetch the truth."""

import random
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
from redis import Redis

from shared.broadcasting import keys
from tests.audience import Audience
from tests.audited import Tell
from tests.live_house import LiveHouse, live_house
from tests.supervised import Supervised
from tests.waiting import wait_until

WRITES = """
select pid, client_port from pg_stat_activity
where wait_event_type = 'Lock' and position('insert into stream_cursor' in query) > 0 and datname = current_database()
"""


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[LiveHouse]:
    """Two nodes."""
    with live_house(request, nodes=2) as house:
        yield house


def deploy(node: Supervised) -> None:
    """Stop a node in order, and start it anew."""
    node.end()
    node.up()


@pytest.mark.proof
def test_1000_orders_are_followed_while_nodes_die_and_redis_is_restarted_and_wiped(
    house: LiveHouse, scaled: Callable[[int, int], int], dice: random.Random, tell: Tell
) -> None:
    number, kills = scaled(1000, 120), scaled(24, 6)

    def kill_a_node() -> None:
        dice.choice(house.nodes).kill()

    def restart_redis() -> None:
        house.redis.kill()
        house.redis.start()

    began, deaths, api = time.monotonic(), sum(node.deaths for node in house.nodes), house.api.pid
    with Audience(house, scaled(16, 6)) as audience:

        def deploy_the_busier_node() -> None:
            deploy(max(house.nodes, key=lambda node: audience.on(house.ports[house.nodes.index(node)])))

        trouble = [kill_a_node] * kills + [deploy_the_busier_node] * scaled(3, 1)
        dice.shuffle(trouble)
        trouble.insert(len(trouble) // 3, restart_redis)
        trouble.insert(2 * len(trouble) // 3, house.flush)
        # When, while customers order and watch, all this happens, in an order of chance
        with audience.ordering(number):
            pause = number // (len(trouble) + 2)
            for what in trouble:
                audience.wait_for_more(dice.randint(1, 2 * pause - 1))
                what()
        house.wait_until_quiet(180)
        house.wait_for_nodes()
        # Then each client was told all of each order, once and in order, or to refetch, and had the truth then
        figures = audience.check()
        tell(
            orders=number,
            kills=sum(node.deaths for node in house.nodes) - deaths,
            seconds=time.monotonic() - began,
            **figures,
            **house.check(audience.orders),
        )
        assert house.api.pid == api  # it had no part in this
        assert figures["resumed"] > 0
        assert figures["told to refetch"] > 0


@pytest.mark.proof
def test_relays_killed_at_random_make_neither_a_gap_nor_a_double(
    house: LiveHouse, scaled: Callable[[int, int], int], dice: random.Random, tell: Tell
) -> None:
    number, kills = scaled(200, 24), scaled(20, 4)
    deaths = sum(relay.deaths for relay in house.relays)
    with Audience(house, scaled(8, 4)) as audience:
        with audience.ordering(number):
            for _ in range(kills):
                audience.wait_for_more(dice.randint(1, 2 * number // (kills + 2) - 1))
                dice.choice(house.relays).kill()
        house.wait_until_quiet(120)
        # Then nobody even had to refetch
        figures = audience.check()
        killed = sum(relay.deaths for relay in house.relays) - deaths
        tell(orders=number, kills=killed, **figures, **house.check(audience.orders))
        assert figures["told to refetch"] == 0


@pytest.mark.proof
def test_a_relay_killed_between_writing_the_stream_and_its_cursor_makes_neither_a_gap_nor_a_double(
    house: LiveHouse, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    rounds = scaled(10, 1)
    with Audience(house, 2) as audience:
        for _ in range(rounds):
            # Given a relay that has written facts to Redis, and cannot note how far
            with house.holding("lock table stream_cursor in share mode"), audience.ordering(1):
                audience.wait_for_more(1)
                writer = wait_until(lambda: house.sql(WRITES), 20)[0]
                written = house.one("select position from stream_cursor")
                with Redis.from_url(house.redis.url) as client:
                    ((last, _),) = client.xrevrange(keys.BUS, count=1)
                assert int(last.split(b"-")[0]) > written
                # When it is killed, and what it asked for dies with it
                owner(house.relays, writer.client_port).kill()
                house.sql("select pg_terminate_backend(%s)", writer.pid)
            house.wait_until_quiet()
        # Then the facts are written again, and heard once
        figures = audience.check()
        tell(rounds=rounds, **figures)
        assert figures["told to refetch"] == 0


def owner(processes: list[Supervised], port: int) -> Supervised:
    """Return the process whose connection to PostgreSQL that is."""
    for process in processes:
        if port in {connection.laddr.port for connection in psutil.Process(process.pid).net_connections("tcp")}:
            return process
    raise AssertionError(f"port {port} is nobody's")


@pytest.mark.proof
def test_the_clients_of_a_frozen_node_go_elsewhere_and_miss_nothing(
    house: LiveHouse, scaled: Callable[[int, int], int], tell: Tell
) -> None:
    number = scaled(60, 20)
    with Audience(house, 4) as audience:
        with audience.ordering(number):
            # Given clients on both nodes
            audience.wait_for_more(number // 4)
            wait_until(lambda: all(map(audience.on, house.ports)), 20)
            # When one of them freezes
            house.nodes[0].freeze()
            began = time.monotonic()
            try:
                # Then its clients notice by themselves, and go to the other
                wait_until(lambda: audience.on(house.ports[1]) == len(audience.followers), 60)
                moved = time.monotonic() - began
            finally:
                house.nodes[0].thaw()
        house.wait_until_quiet(120)
        figures = audience.check()
        tell(orders=number, all_elsewhere_after=moved, **figures)
        assert figures["given up"] > 0
        assert figures["told to refetch"] == 0
