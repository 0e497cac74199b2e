"""Jobs by the clock that only tests have."""

from datetime import timedelta

from shared.jobs.job import job
from shared.jobs.schedule import Schedule, Task
from shared.jobs.when import Every, daily, every


@job(queue="default")
def sweep_the_floor() -> None:
    """Nothing to see: the ledger's row is what counts."""


@job(queue="default", unique=lambda: "once")
def count_the_desks() -> None:
    """As above; two at once would be a waste."""


SECONDLY: Schedule = {
    "floor": Task(Every(timedelta(seconds=1)), sweep_the_floor),
    "desks": Task(daily("03:00"), count_the_desks),
}
MINUTELY: Schedule = {"floor": Task(every(minutes=1), sweep_the_floor)}
