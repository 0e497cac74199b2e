"""The house rules as tests: how long, how explained, and that the tables which wire the system are whole."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from services.worker import alerting
from services.worker.listeners import LISTENERS
from services.worker.schedule import SCHEDULE
from shared.config import ROOT
from shared.events.catalogue import EVENTS
from shared.events.expand import Listener
from shared.jobs.chain import Chain
from shared.jobs.job import REGISTRY, JobType
from tests.events import golden

FOLDERS = ("services", "shared", "benchmarks", "tests")
LONGEST_MODULE = 300
LONGEST_FUNCTION = 50
#: A test module may be a long list of journeys; the first migration is a list of tables.
MAY_BE_LONG = ("tests/", "shared/db/migrations/")


def modules() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_a_sentence_and_is_no_longer_than_a_reader_can_bear(path: Path) -> None:
    # Given a module
    source = path.read_text()
    tree = ast.parse(source)
    # Then it says first what it is for
    first = (ast.get_docstring(tree) or "").partition("\n\n")[0]
    assert re.search(r"[.:?]\)?$", first.strip()), f"{path} does not open with a sentence"
    # And neither it nor a function of it is too long
    may_be_long = str(path.relative_to(ROOT)).startswith(MAY_BE_LONG)
    assert may_be_long or source.count("\n") <= LONGEST_MODULE
    too_long = [name for name, lines in functions(tree) if lines > LONGEST_FUNCTION]
    assert not too_long or "migrations" in path.parts


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


def test_the_rules_would_notice() -> None:
    # Given a function of 51 lines, then it is counted as such
    ((name, lines),) = functions(ast.parse("def long():\n" + "    pass\n" * 50))
    assert (name, lines > LONGEST_FUNCTION) == ("long", True)


# --- the tables -------------------------------------------------------------------------


def test_events_are_named_in_the_past_tense() -> None:
    for event in EVENTS:
        last_word = re.findall(r"[A-Z][a-z]+", event.__name__)[-1]
        assert last_word.endswith("ed") or last_word == "Sent", event.__name__


def test_whatever_is_listened_to_is_an_event_of_the_catalogue() -> None:
    assert set(LISTENERS) <= set(EVENTS)
    assert all(LISTENERS.values()), "an event with an empty list of listeners"


def test_every_job_follows_from_a_fact_or_the_clock_or_from_another_job() -> None:
    # Given the jobs that the listener table leads to, with their chains' undos, and those of the schedule
    reached = {name for event, listeners in LISTENERS.items() for one in listeners for name in started(one, event)}
    assert reached
    reached |= {task.job.name for task in SCHEDULE.values()}
    reached |= dispatches(str(alerting.__file__))  # many jobs open alerts, and by this module operators are told
    # When those are added which they dispatch themselves
    while more := {name for job in reached for name in dispatched_by(job)} - reached:
        reached |= more
    # Then none is left over
    ours = {name for name, kind in REGISTRY.items() if kind.function.__module__.startswith("services.")}
    assert ours - reached == set()


def test_what_is_due_by_the_clock_takes_no_arguments_and_never_runs_twice_at_once() -> None:
    for name, task in SCHEDULE.items():
        assert task.job.message().unique_key, name


def started(listener: Listener, event: Any) -> Iterator[str]:
    """Yield the names of the jobs that a listener starts, or may have to undo."""
    if isinstance(listener, JobType):
        yield listener.name
    elif isinstance(listener, Chain):
        for do, undo in listener.links:
            yield do.name
            if undo is not None:
                yield undo.name
    else:
        for following in listener(golden(event)):
            yield from (row["name"] for row in following.rows())


def dispatched_by(job: str) -> set[str]:
    """Return the jobs that a job's module dispatches, or hands over for dispatching; its `failed=` may be elsewhere."""
    kind = REGISTRY[job]
    return set().union(*(dispatches(f.__code__.co_filename) for f in (kind.function, kind.failed) if f is not None))


@cache
def dispatches(filename: str) -> set[str]:
    calls = (node.func for node in ast.walk(ast.parse(Path(filename).read_text())) if isinstance(node, ast.Call))
    names = {
        call.value.id
        for call in calls
        if isinstance(call, ast.Attribute) and call.attr in ("dispatch", "message") and isinstance(call.value, ast.Name)
    }
    return names & set(REGISTRY)
