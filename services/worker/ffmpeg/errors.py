"""How work on a video ends badly: refused for good, broken, or trouble that may pass."""

from shared.domain.videos import Refusal


class Refused(Exception):
    """The file will never be a video here. `detail` is for operators; people read the refusal's sentence."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(f"{refusal}: {detail}")
        self.refusal = refusal
        self.detail = detail


class Failed(Exception):
    """A program of FFmpeg's ended badly; `tail` is the end of what it said."""

    def __init__(self, code: int, tail: str) -> None:
        super().__init__(f"FFmpeg ended with {code}: {tail or '(it said nothing)'}")
        self.code = code
        self.tail = tail


class Trouble(Failed):
    """It failed in a way that says nothing of the file: it may pass."""


class Stopped(Failed):
    """It was stopped at a limit: `limit` is wall, stall or disk."""

    def __init__(self, limit: str, tail: str) -> None:
        super().__init__(-9, f"stopped at its limit ({limit}). {tail}".strip())
        self.limit = limit


class Broken(Exception):
    """What was made is not what was planned: mostly the source is shorter than it says, or damaged within."""
