"""Rows in columns for the terminal: nothing is cut off or wrapped, so that `grep` and `less -S` work on it."""

from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the rows under their headings; words to the left, what begins with a digit to the right."""
    cells = [list(headings), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(_padded(*cell) for cell in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def _padded(cell: str, width: int) -> str:
    return cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)


def seconds(number: float | None) -> str:
    """Return a time as people say it: `40 ms`, `2.5 s`, `7 min`, `3 h`."""
    if number is None:
        return "–"
    if number < 1:
        return f"{number * 1000:.0f} ms"
    for unit, size in (("s", 1), ("min", 60), ("h", 3600)):
        if number < 120 * size:
            return f"{number / size:.{1 if size == 1 else 0}f} {unit}"
    return f"{number / 86400:.0f} days"
