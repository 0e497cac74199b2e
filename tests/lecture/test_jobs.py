"""Lecture, key concept 1: a job.

    class ProcessPodcast implements ShouldQueue {              @job()
        public function __construct(Podcast $podcast)          def process_podcast(tx: Transaction, podcast_id: UUID)
        public function handle() { ... }                           ...
    }
    public function handle(VideoProcessor $processor)          def process_video(job: Running, film: str,
                                                                                 processor: VideoProcessor)

The model travels by its id and is read again where the job runs. Collaborators are injected by their annotation.
"""

from pathlib import Path

from shared.jobs.testing import drain
from tests.lecture.jobs import process_podcast, process_video, processed, record_podcast
from tests.ledger import Ledger


def test_a_job_is_a_function_and_its_model_travels_by_id(lecture: Ledger) -> None:
    # Given a podcast, and a job dispatched for it
    podcast = record_podcast(lecture, "Queues, told by ليلى")
    job = lecture.dispatch(process_podcast, podcast)
    # Then only its id is on the way
    assert lecture.job(job).args == [str(podcast)]
    # When its title is changed before a worker comes to it
    lecture.connection.execute("update podcasts set title = 'Workers, told by ليلى' where id = %s", (podcast,))
    drain(lecture.connection)
    # Then the job saw the podcast as it is, and did its work once
    assert processed(lecture, podcast) == "WORKERS, TOLD BY ليلى"
    assert lecture.outcomes(job) == ["succeeded"]


def test_a_podcast_that_is_gone_meanwhile_is_no_failure(lecture: Ledger) -> None:
    # Given a job whose podcast was deleted while it waited
    podcast = record_podcast(lecture, "Queues")
    job = lecture.dispatch(process_podcast, podcast)
    lecture.connection.execute("delete from podcasts")
    # When it runs
    drain(lecture.connection)
    # Then it has nothing to do, and says so
    assert (lecture.job(job).state, lecture.job(job).reason) == ("succeeded", "the podcast is gone")


def test_a_job_gets_the_collaborators_it_asks_for(lecture: Ledger, films: Path) -> None:
    # Given a film in the folder of the video processor
    (films / "wedding.mp4").write_bytes(b"film" * 256)
    # When its job runs
    lecture.dispatch(process_video, "wedding.mp4")
    drain(lecture.connection)
    # Then the processor was handed to it
    assert lecture.effects() == ["wedding.mp4: 1024 bytes"]
