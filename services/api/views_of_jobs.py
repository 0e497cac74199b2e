"""Batches and queues as the API shows them."""

from services.api.schemas.batches import Batch, BatchDetail, Callback
from services.api.schemas.queues import Pause, Queue
from shared.db.reads import batches
from shared.db.reads.batches import WholeBatch
from shared.db.reads.queues import Queue as QueueRead
from shared.db.tables.jobs import Batch as BatchRow

NUMBERS = Queue.model_fields.keys() - {"name", "paused"}
BATCH_COLUMNS = Batch.model_fields.keys() - {"state", "progress", "succeeded"}


def batch_of(row: BatchRow) -> Batch:
    return Batch.model_validate(_batch(row))


def whole_batch_of(whole: WholeBatch) -> BatchDetail:
    callbacks = {name: Callback(id=job.id, name=job.name, state=job.state) for name, job in whole.callbacks.items()}
    return BatchDetail.model_validate({**_batch(whole.batch), "members": whole.members, "callbacks": callbacks})


def _batch(row: BatchRow) -> dict[str, object]:
    told = {"state": batches.state(row), "progress": batches.progress(row), "succeeded": batches.succeeded(row)}
    return row.model_dump(include=set(BATCH_COLUMNS)) | told


def queue_of(queue: QueueRead) -> Queue:
    pause = Pause.model_validate(queue.paused, from_attributes=True) if queue.paused else None
    return Queue(name=queue.name, paused=pause, **{name: getattr(queue, name) for name in NUMBERS})
