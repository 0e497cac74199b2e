"""The golden journey as a stranger takes it: `make tour`, and the README's commands, against the running system."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.config import ROOT, settings
from shared.engines.postgres import PostgresServer
from shared.engines.redis import RedisServer
from tests.house import House
from tests.live_house import LiveHouse
from tests.ports import free_port

PLAIN = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
SEEN = (
    "reserve_stock on fast-",
    ", heard after ",
    "confirm_order on fast-",
    "is on its way!”",
    "card_declined, by charge_payment",
    "the first answer again",
    "given back",
    "A video, from the upload to the player",
    "ready; heard after ",
    "Your video is ready: tour-",
    "640x360, 854x480 and sound; 8.0 s in 2 pieces",
    "stock, money, messages and jobs agree",
)
#: The README's blocks; the first two start the system.
SETUP, PLACE, LISTEN, FILM, TWICE, DECLINE, KILL, WIPE, HOLD = range(2, 11)


@pytest.fixture
def house(
    environment: pytest.MonkeyPatch, tmp_path: Path, postgres: PostgresServer, redis: RedisServer
) -> Iterator[House]:
    with LiveHouse(environment, tmp_path, postgres, redis) as house:
        yield house


def tour(api: str, sandbox: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shared.tour", "--api", api, "--sandbox", sandbox]
    return subprocess.run(command, cwd=ROOT, env=PLAIN, capture_output=True, text=True, timeout=180, check=False)


def test_the_tour_sees_everything_arrive_or_says_in_one_sentence_what_did_not(house: House) -> None:
    # When the tour is taken where there is no terminal
    taken = tour(house.url, house.sandbox.url)
    # Then everything arrived
    assert taken.returncode == 0, taken.stdout + taken.stderr
    for line in SEEN:
        assert line in taken.stdout
    # And it is told in plain lines of 80 columns, without a colour or a spinner
    assert "\x1b" not in taken.stdout
    assert max(map(len, taken.stdout.splitlines())) <= 80
    assert taken.stderr == ""
    # Given that every card is declined, when it is taken again
    house.sandbox.set(decline=True)
    taken = tour(house.url, house.sandbox.url)
    # Then it ends with one sentence, which names the switch
    assert taken.returncode == 1
    last = " ".join(taken.stdout.split("\n\n")[-1].split())
    sentence = r"Order #\d+ is rejected \(card_declined\)\. \(Switched on in the sandbox: decline\.\)"
    assert re.fullmatch(sentence, last), taken.stdout


def test_where_nobody_answers_it_says_what_to_start() -> None:
    taken = tour(f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}")
    assert taken.returncode == 1
    assert "start the system first, with `make demo` or `docker compose up`." in " ".join(taken.stdout.split())


def blocks() -> list[str]:
    found = re.findall(r"^( *)```sh\n(.*?)^ *```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def paste(house: House, folder: Path, *numbers: int) -> str:
    """Paste blocks of the README into a shell, one after another; return what it says."""
    script = "".join(blocks()[number] for number in numbers).replace("http://localhost:8000", house.url)
    script = script.replace("http://localhost:9000", house.sandbox.url).replace("/tmp/orders", str(folder / "orders"))
    said = subprocess.run(
        ["bash", "-e", "-o", "pipefail"],
        input=script,
        env={**PLAIN, "DATABASE_URL": settings().database_url, "REDIS_URL": settings().redis_url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


@pytest.mark.proof
def test_the_readmes_commands_do_what_it_says(house: House, tmp_path: Path) -> None:
    assert len(blocks()) == HOLD + 1
    # Placed and watched
    said = paste(house, tmp_path, SETUP, PLACE)
    assert said.startswith('"status":"shipped"\t"status":"succeeded"\n')
    assert said.index("OrderPlaced") < said.index("StockReserved") < said.index("OrderConfirmed")
    # Listened to, live
    assert r"event: App\Events\OrderShipped" in paste(house, tmp_path, SETUP, LISTEN)
    # A film, uploaded and played: the last line is where it is
    *_, address = paste(house, tmp_path, SETUP, FILM).split()
    assert httpx.get(address, headers={"Range": "bytes=0-99"}).status_code == 206
    # The same order twice
    first, second = paste(house, tmp_path, SETUP, TWICE).split()
    assert first == second
    # A declined card
    assert '"status":"rejected"\t"reason":"card_declined"' in paste(house, tmp_path, SETUP, DECLINE)
    # Redis wiped
    said = paste(house, tmp_path, SETUP, WIPE)
    assert said.split("\n")[0] == '{"wiped":"redis"}'
    assert said.split("\n")[1].split() == ["20", '"status":"shipped"', '"status":"succeeded"']
    # A queue held, and let go
    said = paste(house, tmp_path, SETUP, HOLD)
    assert re.search(r'"status":"placed".*"status":"(confirmed|shipped)"', said, re.DOTALL), said
    assert "charge_payment" in said
