"""One thing to be heard, whichever way it goes."""

from collections.abc import Sequence
from typing import NamedTuple


class Said(NamedTuple):
    """name: on the wire. channels: wire names. data: JSON, which reaches clients as it is."""

    name: str
    channels: Sequence[str]
    data: str
