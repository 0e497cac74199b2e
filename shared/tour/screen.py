"""How the tour looks: a live timeline in a terminal, plain lines where there is none."""

import io
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.text import Text

from shared.tour.seen import Seen
from shared.tour.walks import Step, Walk

INDENT = 3
BAR = 60
NAMES = 15  # columns; so are the others
TIMES = 8
WORDS = INDENT + 2 + NAMES + TIMES + 2  # where they begin
AT_MOST = 2  # lines


class Page:
    """One walk on the screen: what was seen, what is awaited, what comes."""

    def __init__(self, walk: Walk, tick: str, width: int, plain: Console | None) -> None:
        self._steps = walk.steps
        self._tick, self._width = tick, width
        self._lines: list[Text] = []
        self._spinner = Spinner("dots", style="cyan")
        self._plain = plain

    def add(self, step: Step, seen: Seen) -> None:
        line = _line(self._tick, step, seen, self._width)
        self._lines.append(line)
        if self._plain is not None:
            self._plain.print(line)

    def close(self) -> None:
        """Show what was seen and no more."""
        self._steps = ()

    def __rich__(self) -> RenderableType:
        coming = self._steps[len(self._lines) :]
        if not coming:
            return Group(*self._lines)
        self._spinner.update(text=Text(f"{coming[0].name} {coming[0].meanwhile()}", "cyan"))
        rest = [Text(f"{' ' * INDENT}· {step.name}", "dim") for step in coming[1:]]
        bar = ProgressBar(total=len(self._steps), completed=len(self._lines), width=BAR)
        waiting = Padding(self._spinner, (0, 0, 0, INDENT))
        return Group(*self._lines, waiting, *rest, Text(), Padding(bar, (0, 0, 0, INDENT)))


class Screen:
    """Where the tour is shown. Colours, width and liveliness are as rich finds them (NO_COLOR, COLUMNS, TERM)."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal that knows no × is no reason to fail
        self._console = Console(highlight=False, emoji=False, markup=False)
        self._is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._tick = "✓" if self._console.encoding.startswith("utf") else "+"

    @contextmanager
    def walk(self, number: int, walk: Walk) -> Iterator[Page]:
        """Open the page of a walk: redrawn by itself in a terminal, else a line a step; what was seen stays."""
        self.say(f"{number}  {walk.title}", "bold")
        if not self._is_live:
            yield Page(walk, self._tick, self._console.width, self._console)
            return
        page = Page(walk, self._tick, self._console.width, None)
        with Live(page, console=self._console, refresh_per_second=12):
            try:
                yield page
            finally:
                page.close()

    def say(self, sentence: str, style: str = "") -> None:
        self._console.print(Text(f"\n{sentence}", style))


def _line(tick: str, step: Step, seen: Seen, width: int) -> Text:
    """Return what was seen; where it is too long for the screen, it goes on below itself."""
    after = "" if seen.after is None else f"{seen.after:.2f} s"
    words = textwrap.wrap(seen.words, max(20, width - WORDS), max_lines=AT_MOST, placeholder=" …")
    line = Text(" " * INDENT, no_wrap=True, overflow="ellipsis")
    line.append(f"{tick} ", "green")
    line.append(f"{step.name:<{NAMES}}")
    line.append(f"{after:>{TIMES}}  ", "dim")
    return line.append(f"\n{' ' * WORDS}".join(words))
