"""Ids: unique, and sorted by the time they were made at."""

import time
from itertools import pairwise

from shared.ids import new_id


def test_ids_of_one_process_sort_as_they_were_made() -> None:
    # Given ids made as fast as it goes, many in each millisecond
    ids = [new_id() for _ in range(20_000)]
    # Then each is greater than the one before
    assert all(sooner < later for sooner, later in pairwise(ids))


def test_an_id_is_a_version_7_uuid_that_tells_its_time() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1


def test_two_ids_of_one_moment_share_no_chance() -> None:
    random = {new_id().int & (1 << 62) - 1 for _ in range(1000)}
    assert len(random) == 1000
