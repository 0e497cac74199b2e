"""Layers that cannot be meant are refused where they are written down, not when the first job runs."""

import pytest

from shared.jobs.middleware import Limit, rate_limited, without_overlapping


def test_a_lock_for_jobs_of_every_kind_needs_a_key() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        without_overlapping(shared=True)


def test_a_rate_limit_needs_a_limit() -> None:
    with pytest.raises(ValueError, match="needs a limit"):
        rate_limited()


def test_a_limit_that_lets_nothing_start_is_refused() -> None:
    with pytest.raises(ValueError, match="twilio: 5 at once, 4 in all"):
        Limit("twilio", 4, burst=5)
    with pytest.raises(ValueError, match="twilio: 0 at once, 0 in all"):
        Limit("twilio", 0)


def test_a_limit_may_be_read_from_the_settings_each_time() -> None:
    # Given a limit whose number changes
    numbers = iter([10, 100])
    limit = Limit(lambda number: f"order:{number}", lambda: next(numbers), burst=1)
    # Then it is asked for anew
    sooner, later = limit.rate((1042,)), limit.rate((1043,))
    assert (sooner.key, sooner.gap.total_seconds()) == ("order:1042", 0.1)
    assert (later.key, later.gap.total_seconds()) == ("order:1043", 0.01)
