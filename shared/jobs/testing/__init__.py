"""For tests of a shop like this one: record what is dispatched, run what is due, make one attempt of one job.

with recording() as jobs:
    place_order(tx, ...)
jobs.assert_dispatched(charge_payment, order_id, times=1)

drain(connection, LISTENERS, ahead=timedelta(minutes=10))

attempt(process_video, video_id).assert_released(seconds=60)
"""

from shared.jobs.testing.attempt import attempt
from shared.jobs.testing.drain import Ran, drain
from shared.jobs.testing.recording import Recorded, recording

__all__ = ["Ran", "Recorded", "attempt", "drain", "recording"]
