"""How the commands speak: tables for people, JSON for programs, one line of error and an exit code for both."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.clock import now

#: What a command ends with: all was done; something was refused or is not there; PostgreSQL does not answer.
#: (2 is for a command that was written wrongly.)
DONE, REFUSED, WRONG, NO_DATABASE = 0, 1, 2, 3

WIDE = 200  # columns, where no terminal says how many it has


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; the first column, a name or an id, is never cut."""
    drawn = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        drawn.add_column(column, no_wrap=place == 0, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(shown(value)) for value in row))
    _console().print(drawn)


def facts(title: str, named: Mapping[str, Any]) -> None:
    """Print what is known of one thing, a line each; what is not said of it is left out."""
    table(title, ("", ""), [(name, value) for name, value in named.items() if value not in (None, [], "")])


def say(words: str) -> None:
    _console().print(Text("\n".join(shown(line) for line in words.splitlines())))


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)


def as_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False, indent=2) + "\n")


def shown(value: Any) -> str:
    """Return a value as a cell: an error's text may hold what would play with a terminal."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return ago(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return "".join(letter if letter.isprintable() else " " for letter in str(value))


def ago(moment: datetime) -> str:
    """Return how long ago it is, or in how long it will be, by one number."""
    seconds = (now() - moment).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if abs(seconds) >= 2 * length:
            return _aged(seconds, f"{abs(seconds) // length:.0f} {unit}")
    return _aged(seconds, f"{abs(seconds):.0f} s")


def _aged(seconds: float, length: str) -> str:
    return f"{length} ago" if seconds >= 0 else f"in {length}"


def fail(message: str, code: int = REFUSED) -> NoReturn:
    """Say on stderr why it cannot be, and end."""
    typer.echo(message, err=True)
    raise typer.Exit(code)
