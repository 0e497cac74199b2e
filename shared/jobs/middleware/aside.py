"""How a layer keeps a job from running now: put aside for a while, or skipped."""

import random

from shared.jobs.outcomes import Outcome, Release, Skip


def put_aside(seconds: float, reason: str, *, jitter: float = 0, skip: bool = False) -> Outcome:
    """Return what a layer raises.

    jitter: up to so many seconds more, so that those that wait do not all come at once.
    skip: it does not wait, it is not to run at all.
    """
    if skip:
        return Skip(reason)
    return Release(seconds + random.uniform(0, jitter), reason)  # noqa: S311 - no secret
