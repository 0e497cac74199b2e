"""The unmodified npm packages pusher-js and laravel-echo against a realtime node: J1 to J13 of the conformance list."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.engines.redis import RedisServer
from tests import scripts
from tests.realtime_node import RealtimeNode

SCRIPTS = ("pusher.mjs", "echo.mjs")
Results = dict[str, str | None]


def cases() -> list[tuple[str, str]]:
    """Return every case as (script, name): a name is a key of the object that a script runs."""
    found = [(script, re.findall(r"^  '(J\d+ .*)': async", _source(script), re.MULTILINE)) for script in SCRIPTS]
    return [(script, name) for script, names in found for name in names]


def _source(script: str) -> str:
    return (scripts.FOLDER / script).read_text()


@pytest.fixture(scope="module")
def results(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Results]]:
    """What became of each case; each script is run once."""
    folder: Path = tmp_path_factory.mktemp("stock")
    with RealtimeNode(redis, folder) as node:
        told = [(script, scripts.run(script, realtime=node.told)) for script in SCRIPTS]
        yield {script: {line["name"]: line["error"] for line in lines} for script, lines in told}


@pytest.mark.parametrize(("script", "name"), cases(), ids=lambda value: value)
def test_stock_clients_work(results: dict[str, Results], script: str, name: str) -> None:
    assert results[script][name] is None, results[script][name]


def test_all_thirteen_are_there() -> None:
    assert [name.split()[0] for _, name in cases()] == [f"J{number}" for number in range(1, 14)]
