"""Which renditions a source gets: by its short side, never larger than it is."""

from fractions import Fraction

from services.worker.ffmpeg.plan import Rung

#: Short side, and the kilobits that 30 pictures a second may take.
RUNGS = ((1080, 5000), (720, 2800), (480, 1400), (360, 800))
MOST_FRAMES = 60  # a second
MANY_FRAMES = 35


def rungs(width: int, height: int, rate: Fraction) -> tuple[Rung, ...]:
    """Return the rungs from the largest down; a source smaller than all of them gets one of its own size."""
    short = min(width, height)
    wanted = [rung for rung in RUNGS if rung[0] <= short] or [(short - short % 2, RUNGS[-1][1])]
    more = Fraction(3, 2) if rate > MANY_FRAMES else 1
    return tuple(
        Rung(str(side), *_scaled(width, height, side), kilobits=int(kilobits * more)) for side, kilobits in wanted
    )


def _scaled(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the size with this short side; encoders want both even."""
    long = max(width, height) * side / min(width, height)
    even = max(2, round(long / 2) * 2)
    return (even, side) if width >= height else (side, even)
