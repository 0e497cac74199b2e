"""Lecture, question 3: job batches.

    Bus::batch([                                               batch(
        new ProcessImage($image1),                                 *(process_image.message(desk, size)
        new ProcessImage($image2),                                   for size in PictureSize),
        new ProcessImage($image3),                             )
    ])->then(function (Batch $batch) { ... })                  .then(tell_all_made.message("walnut-desk"))
      ->catch(function (Batch $batch, Throwable $e) { ... })   .catch(tell_first_failure.message("walnut-desk"))
      ->dispatch();                                            .dispatch(tx)

ProcessImage is the shop's own: a product's picture in one of three sizes. What follows is a job like any other, freed
by the member that decides it, in that member's own transaction: once, whatever is killed.
"""

import shutil
from pathlib import Path
from uuid import UUID

import pytest

from services.worker.listeners import LISTENERS
from services.worker.pictures import process_image
from shared.config import ROOT
from shared.domain.pictures import PictureSize
from shared.events.catalogue import ProductAdded
from shared.events.expand import expand
from shared.events.record import record
from shared.ids import new_id
from shared.jobs import operations
from shared.jobs.batch import BatchState, add_members, batch, cancel_batch, find_batch
from shared.jobs.chain import chain
from shared.jobs.testing import attempt, drain, recording
from tests.events import golden
from tests.lecture.jobs import tell_all_made, tell_first_failure
from tests.ledger import Ledger
from tests.ledger_jobs import break_down, glue, saw, write_down

SOURCE = "walnut-desk.webp"


@pytest.fixture
def desk(lecture: Ledger, tmp_path: Path) -> UUID:
    """A product whose source picture lies in a folder of the test's own."""
    shutil.copytree(ROOT / "shared" / "db" / "pictures", tmp_path / "sources")
    lecture.set(files=tmp_path / "files", picture_sources=tmp_path / "sources")
    product = new_id()
    lecture.connection.execute(
        "insert into products (id, slug, name_en, name_ar, price, currency)"
        " values (%s, 'walnut-desk', 'Walnut desk', 'مكتب خشب جوز', 250000, 'EGP')",
        (product,),
    )
    return product


def dispatch(ledger: Ledger, desk: UUID) -> UUID:
    images = (process_image.message(desk, size) for size in PictureSize)
    wanted = batch(*images, name="pictures of walnut-desk")
    with ledger.transaction() as tx:
        return (
            wanted.then(tell_all_made.message("walnut-desk"))
            .catch(tell_first_failure.message("walnut-desk"))
            .dispatch(tx)
        )


def state(ledger: Ledger, batch_id: UUID) -> BatchState:
    with ledger.transaction() as tx:
        found = find_batch(tx, batch_id)
    assert found is not None
    return found


def test_then_runs_once_when_all_images_are_made(lecture: Ledger, desk: UUID, tmp_path: Path) -> None:
    # Given a batch of three images
    images = dispatch(lecture, desk)
    assert (state(lecture, images).total, state(lecture, images).progress) == (3, 0)
    # When the workers have made one
    drain(lecture.connection, until=lambda: state(lecture, images).pending == 2)
    assert state(lecture, images).progress == 33
    assert lecture.effects() == []
    # And when they have made all
    drain(lecture.connection)
    # Then the pictures are there, and what was to follow has followed, once
    assert {path.stem for path in (tmp_path / "files").rglob("*.webp")} == set(PictureSize)
    assert state(lecture, images).progress == 100
    assert lecture.effects() == ["all pictures of walnut-desk are made"]


def test_catch_runs_once_at_the_first_failure_and_the_batch_ends(lecture: Ledger, desk: UUID, tmp_path: Path) -> None:
    # Given a source that is no picture
    (tmp_path / "sources" / SOURCE).write_text("<svg/>")
    images = dispatch(lecture, desk)
    # When the workers try
    drain(lecture.connection)
    # Then the first failure is told of, the others are not even tried, and the batch is over
    ended = state(lecture, images)
    assert (ended.pending, ended.failed, ended.cancelled, ended.progress) == (0, 1, 2, 100)
    assert lecture.effects() == ["a picture of walnut-desk failed"]

    # When the source is mended, and all three are retried
    shutil.copy(ROOT / "shared" / "db" / "pictures" / SOURCE, tmp_path / "sources" / SOURCE)
    with lecture.transaction() as tx:
        members = [row.id for row in tx.all("select id from jobs where batch_id = %s", (images,))]
        operations.retry(tx, members, "the source is mended")
    drain(lecture.connection)
    # Then the batch succeeds after all
    assert lecture.effects() == ["a picture of walnut-desk failed", "all pictures of walnut-desk are made"]


def test_a_new_products_pictures_are_such_a_batch(lecture: Ledger) -> None:
    # Given the fact that a product was added
    added = golden(ProductAdded)
    with lecture.transaction() as tx:
        record(tx, added)
    # When the relay reads it
    with recording() as jobs, lecture.transaction() as tx:
        expand(tx, LISTENERS)
    # Then a batch follows, of an image for each size
    jobs.assert_batched(members=[process_image.message(added.aggregate_id, size) for size in PictureSize])


def test_a_member_can_add_others(lecture: Ledger) -> None:
    # Given a batch of which one member finds more to do
    with lecture.transaction() as tx:
        batch_id = batch(write_down.message("first")).then(write_down.message("then")).dispatch(tx)
        add_members(tx, batch_id, write_down.message("second"))
    drain(lecture.connection)
    # Then `then` waited for it too
    assert lecture.effects() == ["first", "second", "then"]


def test_where_failures_are_allowed_the_others_go_on(lecture: Ledger) -> None:
    # Given a batch that allows failures, with one member that will fail
    then, catch, finally_ = (write_down.message(what) for what in ("then", "catch", "finally"))
    members = (break_down.message("the vase"), write_down.message("the desk"), write_down.message("the lamp"))
    with lecture.transaction() as tx:
        careful = batch(*members).allow_failures()
        batch_id = careful.then(then).catch(catch).finally_(finally_).dispatch(tx)
    # When all have had their turn
    drain(lecture.connection)
    # Then the others were done, `catch` and `finally` ran, `then` did not, and the batch is over
    assert {"the desk", "the lamp", "catch", "finally"} < set(lecture.effects())
    assert "then" not in lecture.effects()
    ended = state(lecture, batch_id)
    assert (ended.succeeded, ended.failed, ended.pending, ended.progress) == (2, 1, 0, 100)


def test_a_batch_can_be_cancelled(lecture: Ledger) -> None:
    # Given a batch of which one member has run
    with lecture.transaction() as tx:
        members = (write_down.message("the desk"), write_down.message("the lamp"))
        batch_id = batch(*members).then(write_down.message("then")).finally_(write_down.message("over")).dispatch(tx)
    drain(lecture.connection, until=lecture.effects)
    # When it is cancelled
    with lecture.transaction() as tx:
        assert cancel_batch(tx, batch_id, "ليلى changed her mind")
    drain(lecture.connection)
    # Then the rest does not run, and it is over
    assert lecture.effects() == ["the desk", "over"]
    assert (state(lecture, batch_id).cancelled, state(lecture, batch_id).pending) == (1, 0)


def test_a_chain_may_be_a_member_and_a_batch_a_link(lecture: Ledger) -> None:
    # Given a chain whose middle is a batch, of which one member is a chain
    inner = chain(saw, glue).message("walnut-desk")
    with lecture.transaction() as tx:
        middle = batch(inner, write_down.message("lamp")).then(write_down.message("all made"))
        chain(write_down.message("begin"), middle, write_down.message("end")).dispatch(tx)
    drain(lecture.connection)
    # Then each waited for what was before it
    effects = lecture.effects()
    assert effects[0] == "begin"
    assert sorted(effects[1:4]) == ["glue walnut-desk", "lamp", "saw walnut-desk"]
    assert effects.index("saw walnut-desk") < effects.index("glue walnut-desk")
    assert sorted(effects[4:]) == ["all made", "end"]


def test_one_image_by_itself_can_be_tried_without_a_batch(lecture: Ledger, desk: UUID) -> None:
    assert lecture.count_open() == 0
    attempt(process_image, desk, PictureSize.SMALL).assert_succeeded()
