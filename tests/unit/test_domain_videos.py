"""A video's moves: the table is all there is."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import IllegalMove
from shared.domain.videos import MOVES, SENTENCES, UNDER_WAY, Refusal, VideoStatus, check_move

statuses = st.sampled_from(VideoStatus)


@given(statuses, statuses)
def test_a_move_is_made_was_made_already_or_is_refused(status: VideoStatus, to: VideoStatus) -> None:
    if status is to:
        assert check_move(status, to) is False
    elif to in MOVES[status]:
        assert check_move(status, to) is True
    else:
        with pytest.raises(IllegalMove, match=f"video is {status} and cannot become {to}"):
            check_move(status, to)


def test_the_table_is_the_one_of_the_design() -> None:
    made = {f"{status} → {to}" for status, to in product(VideoStatus, VideoStatus) if to in MOVES[status]}
    assert made == {
        "uploading → uploaded",
        "uploaded → processing",
        "uploaded → rejected",
        "uploaded → failed",
        "uploaded → cancelled",
        "processing → completed",
        "processing → rejected",
        "processing → failed",
        "processing → cancelled",
        "completed → uploaded",
        "failed → uploaded",
        "cancelled → uploaded",
    }


@given(statuses)
def test_what_is_under_way_can_be_cancelled_and_nothing_else_can(status: VideoStatus) -> None:
    assert (VideoStatus.CANCELLED in MOVES[status]) == (status in UNDER_WAY)


def test_a_person_is_told_why_a_file_is_refused_in_a_whole_sentence() -> None:
    assert SENTENCES.keys() == set(Refusal)
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in SENTENCES.values())
