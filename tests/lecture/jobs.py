"""The lecture's own jobs, under the lecture's names."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from shared.db.transaction import Transaction
from shared.ids import new_id
from shared.jobs.chain import chain
from shared.jobs.job import job
from shared.jobs.outcomes import Skip
from shared.jobs.running import Running
from tests.ledger import Ledger
from tests.ledger_jobs import NOTE

SCHEMA = "create table podcasts (id uuid primary key, title text not null, processed_as text)"

# --- key concept 1 ---


@job()
def process_podcast(tx: Transaction, podcast_id: UUID) -> None:
    """The lecture's ProcessPodcast: `handle()` is the function, what the constructor takes are its arguments."""
    podcast = tx.one("select title from podcasts where id = %s for update", (podcast_id,))
    if podcast is None:
        raise Skip("the podcast is gone")
    tx.execute("update podcasts set processed_as = %s where id = %s", (podcast.title.upper(), podcast_id))


def record_podcast(ledger: Ledger, title: str) -> UUID:
    podcast_id = new_id()
    ledger.connection.execute("insert into podcasts (id, title) values (%s, %s)", (podcast_id, title))
    return podcast_id


def processed(ledger: Ledger, podcast_id: UUID) -> str | None:
    """Return what a podcast was processed as."""
    row = ledger.rows("select processed_as from podcasts where id = %s", (podcast_id,))[0]
    words: str | None = row.processed_as
    return words


# --- key concept 2 ---


@dataclass
class VideoProcessor:
    """The lecture's `handle(VideoProcessor $processor)`: a job asks for it by its annotation."""

    folder: Path

    def is_busy(self, film: str) -> bool:
        return (self.folder / f"{film}.being-uploaded").exists()

    def process(self, film: str) -> str:
        """Return what it makes of a film; raise FileNotFoundError where there is none."""
        return f"{film}: {(self.folder / film).stat().st_size} bytes"


@job()
def notify_team(job: Running, tx: Transaction, film: str, error: str) -> None:
    """The lecture's `Notification::send($this->user, new VideoProcessingFailed($this->video))`."""
    tx.execute(NOTE, (job.id, f"team, {film} failed: {error}"))


@job(
    queue="processing",
    tries=3,
    timeout=120,
    backoff=(60, 120, 180),
    failed=notify_team.message,
)
def process_video(job: Running, film: str, processor: VideoProcessor) -> None:
    """The lecture's ProcessVideo. Nothing is caught: an error is a try, with its own wait, and it is kept."""
    if processor.is_busy(film):
        job.release(60, f"{film} is still being uploaded")
    made = processor.process(film)
    with job.finishing() as tx:
        tx.execute(NOTE, (job.id, made))


@job(backoff=(60,), never_retry=(TimeoutError,))
def give_up_on_time(film: str) -> None:
    """Laravel's `$failOnTimeout`; a time limit that is passed is a TimeoutError."""
    raise TimeoutError(f"{film} took too long")


# --- what Laravel has beside the lecture ---


@job(unique=lambda show, _when: show, unique_until_started=True)
def refresh_feed(job: Running, tx: Transaction, show: str, when: str) -> None:
    """ShouldBeUniqueUntilProcessing: what changes after it has started needs another one."""
    tx.execute(NOTE, (job.id, f"{show} {when}"))
    if when == "now":
        refresh_feed.dispatch(tx, show, "again")


@job(backoff=(60,), serial=lambda show, _episode: f"show:{show}")
def publish_episode(job: Running, tx: Transaction, show: str, episode: int) -> None:
    """Of one show's episodes one is published at a time, in their order; the first one stumbles."""
    if episode == 1 and job.attempt == 1:
        raise ConnectionError("the line is gone")
    tx.execute(NOTE, (job.id, f"{show} {episode}"))


# --- question 3: a chain ---


@job(queue="orders")
def process_payment(job: Running, tx: Transaction, order: str) -> None:
    tx.execute(NOTE, (job.id, f"paid {order}"))


@job(queue="orders")
def give_money_back(job: Running, tx: Transaction, order: str) -> None:
    tx.execute(NOTE, (job.id, f"gave back the money of {order}"))


@job(queue="orders", tries=1)
def update_inventory(job: Running, tx: Transaction, order: str) -> None:
    if order == "an order of nothing":
        raise ValueError("nothing was ordered")
    tx.execute(NOTE, (job.id, f"took {order} out of stock"))


@job(queue="orders")
def send_receipt(job: Running, tx: Transaction, order: str) -> None:
    tx.execute(NOTE, (job.id, f"sent the receipt of {order}"))


#: Beside the payment stands what undoes it.
buy = chain((process_payment, give_money_back), update_inventory, send_receipt, name="buy")


# --- question 3: a batch; its ProcessImage is the shop's own, services/worker/pictures.py ---


@job()
def tell_all_made(job: Running, tx: Transaction, slug: str) -> None:
    tx.execute(NOTE, (job.id, f"all pictures of {slug} are made"))


@job()
def tell_first_failure(job: Running, tx: Transaction, slug: str) -> None:
    tx.execute(NOTE, (job.id, f"a picture of {slug} failed"))
