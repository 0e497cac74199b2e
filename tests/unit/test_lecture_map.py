"""The map of the lecture: no heading is missing, and whatever it names exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from shared.config import ROOT

MAP = ROOT / "docs" / "lecture-map.md"
TEXT = MAP.read_text()

#: Of lecture 4, in its order, without its pictures.
HEADINGS = """
Lecture 04: Queues, Jobs & Event-Driven Architecture in Laravel
Learning Objectives
Key Concepts Overview
1. Understanding Queues
2. Job Management & Handling
3. Event-Driven Architecture
4. Real-Time Events with Laravel Echo
Real-World Examples
Example 1: Video Processing System
Example 2: E-commerce Order System
Interview Questions & Answers
Q1: What's the difference between sync and async jobs?
Q2: How do you handle failed jobs?
Q3: What are job chains and job batches?
Best Practices
Additional Resources
""".strip().splitlines()

PRACTICES = (
    "1. Always Use Queues for Heavy Tasks",
    "2. Monitor Your Queues",
    "3. Handle Failures Gracefully",
    "4. Use Job Middleware When Needed",
)

#: How many rows of Laravel's features each section has, of those the lecture names and those its documentation has.
LARAVEL = {
    "1.1 Defining and dispatching jobs": {"L": 7, "D": 9},
    "1.2 Attempts, retries, failure": {"L": 6, "D": 6},
    "1.3 Job middleware": {"L": 1, "D": 6},
    "1.4 Chains and batches": {"L": 2, "D": 10},
    "1.5 Workers and queue operations": {"L": 4, "D": 8},
    "1.6 Failed jobs": {"L": 4, "D": 2},
    "1.8 Events": {"L": 3, "D": 4},
    "1.13 Scheduling": {"L": 1, "D": 4},
    "1.14 Testing helpers": {"L": 0, "D": 3},
}

NAMED = re.compile(r"`([\w./-]+\.py)::(\w+)`")
FILES = re.compile(r"`((?:[\w-]+/)+[\w.-]+|[\w-]+\.(?:conf|toml|yaml))`")


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def section(heading: str) -> str:
    """Return what stands under a heading, up to the next of any level."""
    return re.split(r"^#+ ", TEXT.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of its tables' rows, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in ("---", "", "The lecture", "Objective") and set(row[0]) != {"-"}]


@cache
def names(path: Path) -> frozenset[str]:
    """Return the functions, classes and constants of a file."""
    return frozenset(_names(ast.parse(path.read_text())))


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_every_heading_of_the_lecture_appears_in_its_order() -> None:
    ours = [heading for heading in headings(TEXT) if heading in HEADINGS]
    assert ours == HEADINGS
    assert [practice for practice in PRACTICES if practice not in section("Best Practices")] == []


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(TEXT))))
def test_every_name_exists(path: str, name: str) -> None:
    assert name in names(ROOT / path)


def test_every_file_and_link_exists() -> None:
    assert [path for path in FILES.findall(TEXT) if not (ROOT / path).exists()] == []
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = MAP.parent / path if path else MAP
        assert target.is_file(), link
        assert not anchor or anchor in {slug(heading) for heading in headings(target.read_text())}, link


def slug(heading: str) -> str:
    """Return the anchor that a heading gets."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_our_code_stands_in_the_files_that_are_named_beside_it() -> None:
    # Given the rows that show the lecture's code beside ours
    first_part = TEXT.partition("## The lecture's mistakes, mended")[0]
    shown = [row for row in rows(first_part) if len(row) == 3]
    assert len(shown) > 30
    before = ""
    for _, ours, where in shown:
        # When "the same" stands for the files of the row above
        before = before if where.startswith("the same") else where
        files = "\n".join((ROOT / path).read_text() for path in paths(before))
        # Then each piece of code is found in one of them
        for code in re.findall(r"`([^`]+)`", ours):
            assert squeezed(code) in squeezed(files) or code in NOT_CODE, (code, before)


#: Commands and columns that stand among our code.
NOT_CODE = ("python -m services.worker figures", "job_attempts")


def paths(cell: str) -> set[str]:
    return {path for path, _ in NAMED.findall(cell)} | set(FILES.findall(cell))


def squeezed(code: str) -> str:
    return re.sub(r"\s+", "", code)


@pytest.mark.parametrize("heading", LARAVEL)
def test_of_laravel_every_row_works_or_is_left_out_with_its_reason(heading: str) -> None:
    listed = rows(section(heading))
    assert {mark: sum(row[0] == mark for row in listed) for mark in ("L", "D")} == LARAVEL[heading]
    for mark, feature, here, where in listed:
        # Whatever the lecture names works, and a test shows it
        assert "::test_" in where or "left out" in here.lower(), feature
        assert mark == "D" or not here.startswith("Left out"), feature
        # What is left out has its reason
        assert not here.startswith("Left out") or len(here) > len("Left out: because"), feature


def test_no_test_module_of_the_lecture_is_missing_in_the_map() -> None:
    modules = {path.name for path in (ROOT / "tests" / "lecture").glob("test_*.py")}
    assert modules
    assert [name for name in sorted(modules) if f"tests/lecture/{name}::" not in TEXT] == []
