"""Lecture, question 2: how failed jobs are handled.

    1. Implement failed() method                               failed=notify_team.message
    2. Set up monitoring                                       alert rules, see tests/lecture/test_monitoring.py
    3. Configure retry attempts                                tries=3, backoff=(60, 120, 180)
    4. Log errors properly                                     every attempt keeps its error and its trace

A failed job stays in the ledger, whole: it can be looked at, tried again as the same job, or forgotten.
"""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from shared.jobs import operations
from shared.jobs.testing import drain
from tests.lecture.jobs import process_video
from tests.ledger import Ledger

HOUR = timedelta(hours=1)


@pytest.fixture
def failed(lecture: Ledger, films: Path) -> UUID:
    """The job of a film that was never there, after all its tries."""
    assert not (films / "lost.mp4").exists()
    job = lecture.dispatch(process_video, "lost.mp4")
    drain(lecture.connection, ahead=HOUR)
    return job


def test_the_team_is_told_once_with_the_error_itself(lecture: Ledger, failed: UUID) -> None:
    assert lecture.job(failed).state == "failed"
    assert lecture.effects() == [f"team, lost.mp4 failed: {lecture.job(failed).error}"]
    assert lecture.job(failed).error.startswith("FileNotFoundError")


def test_every_attempts_error_is_kept_with_where_it_happened(lecture: Ledger, failed: UUID) -> None:
    attempts = lecture.attempts(failed)
    assert [attempt.outcome for attempt in attempts] == ["failed"] * 3
    assert all("in process_video" in attempt.detail for attempt in attempts)


def test_every_error_is_logged_with_its_job(lecture: Ledger, films: Path) -> None:
    assert not (films / "lost.mp4").exists()
    lecture.dispatch(process_video, "lost.mp4")
    with capture_logs() as said:
        drain(lecture.connection, ahead=HOUR)
    errors = [line["error"] for line in said if line["event"] == "job failed"]
    assert len(errors) == 3
    assert all("FileNotFoundError" in error for error in errors)


def test_a_retry_is_a_further_attempt_of_the_same_job(lecture: Ledger, films: Path, failed: UUID) -> None:
    # Given a failed job whose film has been found
    (films / "lost.mp4").write_bytes(b"film")
    # When somebody tries it again
    with lecture.transaction() as tx:
        assert operations.retry(tx, [failed], "retried by Nour") == {failed: None}
    assert lecture.job(failed).reason == "retried by Nour"
    drain(lecture.connection)
    # Then it succeeds as the same job, with all that it went through
    assert lecture.job(failed).state == "succeeded"
    assert lecture.outcomes(failed) == ["failed", "failed", "failed", "succeeded"]


def test_a_failed_job_can_be_forgotten_an_open_one_cannot(lecture: Ledger, failed: UUID) -> None:
    waiting = lecture.dispatch(process_video, "late.mp4")
    with lecture.transaction() as tx:
        assert operations.forget(tx, [failed, waiting]) == [failed]
    assert lecture.rows("select id from jobs where name = 'process_video'") == [(waiting,)]
