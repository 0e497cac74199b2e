"""Products' pictures in three sizes: the lecture's `ProcessImage` batch."""

from io import BytesIO
from pathlib import Path
from uuid import UUID

import structlog
from PIL import Image, ImageOps, UnidentifiedImageError

from shared import storage
from shared.config import settings
from shared.db.sql import pictures, product_list
from shared.db.transaction import Transaction
from shared.domain.pictures import PIXELS, PictureSize, path_of
from shared.events.catalogue import PicturesProcessed, ProductAdded
from shared.events.record import record
from shared.jobs.batch import Batch, batch
from shared.jobs.job import job
from shared.jobs.running import Running

log = structlog.get_logger()

QUALITY = 82  # of 100: what flat colours need to show no seams


def process_pictures(event: ProductAdded) -> list[Batch]:
    """Make all sizes of a new product's picture, side by side."""
    product = event.product
    sizes = (process_image.message(product.id, size) for size in PictureSize)
    return [
        batch(*sizes, name=f"pictures of {product.slug}")
        .then(announce_pictures.message(product.id))
        .catch(miss_pictures.message(product.id, product.slug))
    ]


@job(queue="media", tries=3, backoff=(1, 5, 30), timeout=30, never_retry=(UnidentifiedImageError,))
def process_image(job: Running, product_id: UUID, size: str) -> None:
    """Make a picture in one size. Made again it is the same file in the same place: a second time does no harm."""
    with job.transaction() as tx:
        slug = product_list.slug(tx, product_id)
    wanted = PictureSize(size)
    path = path_of(product_id, wanted)
    storage.write(path, resized(source_of(slug), PIXELS[wanted]), str(job.id), job.attempt)
    with job.finishing() as tx:
        pictures.keep(tx, product_id, wanted, path, PIXELS[wanted])


@job(queue="default")
def announce_pictures(tx: Transaction, product_id: UUID) -> None:
    """Tell everybody that the product can be looked at."""
    product = product_list.lock(tx, product_id)
    addresses = {size: f"/{path}" for size, path in pictures.made(tx, product_id).items()}
    record(tx, PicturesProcessed(product=product, pictures=addresses))


@job(queue="default")
def miss_pictures(product_id: UUID, slug: str) -> None:
    """Call operators: the shop sells a thing that nobody can look at. Its jobs can be retried."""
    log.error("a product has no picture", alert="pictures_missing", product=str(product_id), slug=slug)


def source_of(slug: str) -> Path:
    return settings().picture_sources / f"{slug}.webp"


def resized(source: Path, pixels: int) -> bytes:
    """Return the picture as a square of so many pixels, cut from its middle."""
    with Image.open(source, formats=("WEBP",)) as whole:
        square = ImageOps.fit(whole.convert("RGB"), (pixels, pixels), Image.Resampling.LANCZOS)
    made = BytesIO()
    square.save(made, "WEBP", quality=QUALITY, method=4)
    return made.getvalue()
