"""Ages as people write them: `90s`, `15m`, `36h`, `7d`."""

import re
from datetime import timedelta

PATTERN = r"^[1-9][0-9]{0,4}[smhd]$"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def age(written: str) -> timedelta:
    """Return it; raise ValueError where it is none."""
    if not re.fullmatch(PATTERN, written):
        raise ValueError(f"{written!r} is no age: write 90s, 15m, 36h or 7d")
    return timedelta(**{_UNITS[written[-1]]: int(written[:-1])})
