"""The lecture's `ProcessImage` batch: each product of the seed gets its picture in three sizes, whatever happens."""

import errno
import os
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from structlog.testing import capture_logs

from services.worker.pictures import announce_pictures, miss_pictures, process_image
from shared import storage
from shared.config import ROOT, settings
from shared.db.seed import PRODUCTS, seed
from shared.domain.pictures import PIXELS, PictureSize
from shared.jobs import operations
from tests.shop import Shop, environment
from tests.supervised import Supervised
from tests.waiting import wait_until

SOURCES = ROOT / "shared" / "db" / "pictures"
SLUGS = [slug for slug, *_ in PRODUCTS]
THREE = len(PictureSize)
MADE = """
select p.slug, size, path, width, height from product_pictures join products p on p.id = product_id order by slug, width
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the source pictures, to be spoilt."""
    return Path(shutil.copytree(SOURCES, tmp_path / "sources"))


@pytest.fixture
def gallery(shop: Shop, tmp_path: Path, sources: Path) -> Iterator[Shop]:
    """The shop with a folder of its own for pictures."""
    with environment(FILES=str(tmp_path / "files"), PICTURE_SOURCES=str(sources)):
        yield shop


def rows(shop: Shop, statement: str, *values: object) -> list[Any]:
    return shop.connection.execute(statement, values).fetchall()


def named(shop: Shop, name: str) -> list[Any]:
    return rows(shop, "select * from jobs where name = %s order by created_at, id", name)


def test_after_seeding_each_product_has_three_pictures_that_open(gallery: Shop) -> None:
    # Given the catalogue, fresh
    seed(settings().database_url)
    # When the workers are done
    gallery.work()
    # Then each product has each size, and the file is such a picture
    made = rows(gallery, MADE)
    assert [(row.slug, row.size) for row in made] == [(slug, size) for slug in sorted(SLUGS) for size in PictureSize]
    for row in made:
        pixels = PIXELS[PictureSize(row.size)]
        content = storage.read(row.path)
        assert content
        picture = Image.open(BytesIO(content))
        assert (picture.format, picture.size, row.width, row.height) == ("WEBP", (pixels, pixels), pixels, pixels)
        assert len(content) < 60_000
    # And each product's batch has ended well and told of it once
    batches = rows(gallery, "select * from batches order by name")
    assert [batch.name for batch in batches] == [f"pictures of {slug}" for slug in sorted(SLUGS)]
    assert {(batch.total, batch.pending, batch.failed) for batch in batches} == {(THREE, 0, 0)}
    told = rows(gallery, "select payload from events where name = 'PicturesProcessed'")
    assert sorted(fact.payload["product"]["slug"] for fact in told) == sorted(SLUGS)
    assert all(fact.payload["pictures"].keys() == set(PictureSize) for fact in told)
    assert {job.state for job in named(gallery, miss_pictures.name)} == {"cancelled"}


def test_seeding_again_makes_no_picture_again(gallery: Shop) -> None:
    # Given a shop that has its pictures, and one that still waits for them
    seed(settings().database_url)
    seed(settings().database_url)
    gallery.work()
    # When it starts again
    seed(settings().database_url)
    gallery.work()
    # Then each was made once
    assert len(named(gallery, process_image.name)) == THREE * len(SLUGS)


def test_a_shop_that_is_older_than_its_pictures_gets_them(gallery: Shop) -> None:
    # Given a shop that an earlier version has seeded: nobody was told of its products
    seed(settings().database_url)
    gallery.connection.execute("delete from events")
    before = rows(gallery, "select id, slug, received from products order by id")
    # When the new version starts
    seed(settings().database_url)
    gallery.work()
    # Then the products are the same, and have pictures
    assert rows(gallery, "select id, slug, received from products order by id") == before
    assert len(rows(gallery, MADE)) == THREE * len(SLUGS)


@pytest.mark.parametrize(
    ("spoilt", "tries"), [(b"<svg/>", 1), ((SOURCES / "coffee-pot.webp").read_bytes()[:5000], 3)], ids=["other", "cut"]
)
def test_a_broken_source_calls_operators_and_its_batch_can_be_retried(
    gallery: Shop, sources: Path, spoilt: bytes, tries: int
) -> None:
    # Given a product whose source picture is broken
    source = sources / "coffee-pot.webp"
    source.write_bytes(spoilt)
    seed(settings().database_url)
    # When all tries are used up
    with capture_logs() as said:
        gallery.work()
    # Then operators are called once, and the product is sold without a picture; the others have theirs
    alerts = [line for line in said if line.get("alert") == "pictures_missing"]
    assert [line["slug"] for line in alerts] == ["coffee-pot"]
    pictured = {row.slug for row in rows(gallery, MADE)}
    assert pictured == set(SLUGS) - {"coffee-pot"}
    # And what is no picture at all was not tried again
    assert {job.failures for job in named(gallery, process_image.name) if job.state == "failed"} == {tries}
    assert len(rows(gallery, "select from events where name = 'PicturesProcessed'")) == len(SLUGS) - 1

    # When the source is mended and its jobs are retried
    shutil.copy(SOURCES / "coffee-pot.webp", source)
    lost = [job.id for job in named(gallery, process_image.name) if job.state in ("failed", "cancelled")]
    with gallery.writing() as tx:
        assert set(operations.retry(tx, lost, "the source is mended").values()) == {None}
    gallery.work()

    # Then it has its pictures, and that is told once
    assert len(rows(gallery, MADE)) == THREE * len(SLUGS)
    assert [job.state for job in named(gallery, announce_pictures.name)] == ["succeeded"] * len(SLUGS)


def test_a_worker_killed_in_the_middle_of_a_picture_is_followed_by_one_that_makes_it(
    gallery: Shop, workers: list[Supervised], sources: Path, tmp_path: Path
) -> None:
    # Given a worker that is reading a source picture which never ends
    source = sources / "walnut-desk.webp"
    source.unlink()
    os.mkfifo(source)
    seed(settings().database_url)
    for process in workers:
        process.up()
    pipe = wait_until(lambda: end_of(source), 30)
    assert pipe is not None
    # When it is killed, and another one starts
    workers[-1].kill()
    os.close(pipe)
    source.unlink()
    shutil.copy(SOURCES / "walnut-desk.webp", source)
    workers[-1].up()
    # Then all are made, and told of once
    announced = "select from events where name = 'PicturesProcessed'"
    wait_until(lambda: len(rows(gallery, announced)) == len(SLUGS), 30)
    assert len(rows(gallery, MADE)) == THREE * len(SLUGS)
    (lost,) = rows(gallery, "select job_id from job_attempts where outcome = 'lost'")
    (job,) = [job for job in named(gallery, process_image.name) if job.id == lost.job_id]
    assert (job.state, job.attempt, job.failures, job.lost) == ("succeeded", 2, 0, 1)
    assert {path.suffix for path in (tmp_path / "files").rglob("*") if path.is_file()} == {".webp"}


@pytest.fixture
def workers(gallery: Shop, tmp_path: Path) -> Iterator[list[Supervised]]:
    """A relay and a worker unit with one thread, not started yet."""
    del gallery
    unit = ("services.worker", "run", "--unit", "media", "--queues", "media,default", "--threads", "1")
    commands = {"relay": ("services.worker", "relay"), "media": unit}
    processes = [Supervised(name, words, os.environ, tmp_path / f"{name}.log") for name, words in commands.items()]
    yield processes
    for process in processes:
        process.down()
        print(f"--- {process.name}\n{process.said()[-4000:]}")  # noqa: T201 - pytest shows it of a failure


def end_of(pipe: Path) -> int | None:
    """Return the writing end, once somebody reads from it."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as nobody:
        if nobody.errno == errno.ENXIO:
            return None
        raise
