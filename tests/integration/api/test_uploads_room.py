"""Who may upload how much, and how long half an upload is kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from shared.db.engine import Connection, arguments
from shared.db.sql import uploads
from shared.db.transaction import transaction
from shared.engines.redis import RedisServer
from shared.ids import new_id
from tests.api import ApiProcess, problem
from tests.uploading import CHUNK, Tus, id_of

KIB = 1024
LIMITS = {
    "UPLOAD_BYTES": str(600 * KIB),
    "VIDEOS_BYTES": str(1000 * KIB),
    "UPLOADS_AT_ONCE": "4",
    "DISK_RESERVE_BYTES": "0",
}
EXPIRE = "update videos set expires_at = clock_timestamp() - interval '1 second' where id = %s"


@pytest.fixture(scope="module")
def narrow(shop_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    """An API where nobody may have much."""
    with ApiProcess(tmp_path_factory.mktemp("narrow"), shop_url, redis.url, LIMITS) as process:
        yield process


@pytest.fixture
def tus(narrow: ApiProcess) -> Tus:
    return Tus(narrow, narrow.customer("ليلى"))


def test_one_upload_has_a_limit(tus: Tus) -> None:
    problem(tus.create(600 * KIB + 1), 413, "too_large")
    problem(tus.create(600 * KIB + 1, headers=CHUNK, content=b"0123"), 413, "too_large")
    assert tus.create(600 * KIB).status_code == 201
    assert tus.http.options("/uploads").headers["tus-max-size"] == str(600 * KIB)


def test_all_of_a_users_videos_have_a_limit(narrow: ApiProcess, tus: Tus) -> None:
    # Given a whole video and half an upload
    whole, half = tus.created(500 * KIB), tus.created(400 * KIB)
    assert tus.patch(whole, 0, bytes(500 * KIB)).status_code == 204
    # When they want more
    told = problem(tus.create(100 * KIB + 1), 403, "quota_exceeded")
    # Then they are told how much is left, and it does not matter to others
    assert str(100 * KIB) in told["detail"]
    assert Tus(narrow, narrow.customer("Omar")).create(500 * KIB).status_code == 201
    # And what they give up, delete or forget makes room
    tus.delete(half)
    assert tus.create(500 * KIB).status_code == 201
    narrow.sql("update videos set deleted_at = clock_timestamp() where id = %s", id_of(whole))
    assert tus.create(500 * KIB).status_code == 201


def test_unfinished_uploads_have_a_limit(tus: Tus) -> None:
    # Given
    paths = [tus.created(KIB) for _ in range(4)]
    problem(tus.create(KIB), 429, "too_many_uploads")
    # When one is finished, and another expires
    tus.patch(paths[0], 0, bytes(KIB))
    tus.api.sql(EXPIRE, id_of(paths[1]))
    # Then there are two places
    assert [tus.create(KIB).status_code for _ in range(3)] == [201, 201, 429]


def test_many_at_once_cannot_pass_a_limit_together(tus: Tus) -> None:
    # When
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: tus.create(300 * KIB), range(12)))
    # Then
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] * 3 + [403] * 9
    row = tus.api.sql("select sum(size) as size from videos where user_id = %s", tus.customer.id)[0]
    assert row.size == 900 * KIB


def test_nothing_is_begun_that_the_disk_has_no_room_for(shop_url: str, redis: RedisServer, tmp_path: Path) -> None:
    # Given a disk that is to stay emptier than it is
    with ApiProcess(tmp_path, shop_url, redis.url, {"DISK_RESERVE_BYTES": str(2**60)}) as full:
        tus = Tus(full, full.customer("Omar"))
        # When
        begun = tus.create(10)
        stream = tus.http.put("/videos/clip.mp4", content=b"0123456789")
        # Then
        for answer in (begun, stream):
            problem(answer, 507, "disk_full")
            assert answer.headers["retry-after"] == "600"
        # And what was begun while there was room waits for better times
        half, path = new_id(), "/uploads/"
        full.sql(
            "insert into videos (id, user_id, filename, size, expires_at)"
            " values (%s, %s, 'desk.mp4', 10, clock_timestamp() + interval '1 hour')",
            *(half, tus.customer.id),
        )
        problem(tus.patch(f"{path}{half}", 0, b"0123456789"), 507, "disk_full")
        assert tus.offset(f"{path}{half}") == 0


def test_half_an_upload_expires(tus: Tus) -> None:
    # Given
    path = tus.created(10)
    tus.patch(path, 0, b"01234")
    # When nobody has gone on with it for a day
    tus.api.sql(EXPIRE, id_of(path))
    # Then it is over
    assert tus.head(path).status_code == 410
    problem(tus.patch(path, 5, b"56789"), 410, "expired")
    problem(tus.delete(path), 410, "expired")
    assert tus.stored(path) == b"01234"


def test_every_chunk_keeps_an_upload_for_another_while(tus: Tus) -> None:
    # Given an upload that has an hour left
    path = tus.created(10)
    tus.api.sql("update videos set expires_at = clock_timestamp() + interval '1 hour' where id = %s", id_of(path))
    first = tus.row(path).expires_at
    # When
    tus.patch(path, 0, b"01234")
    # Then
    assert 22 < (tus.row(path).expires_at - first).total_seconds() / 3600 < 24


# --- what the schedule asks ---


@pytest.fixture
def connection(narrow: ApiProcess) -> Iterator[Connection]:
    with psycopg.connect(narrow.database_url, **arguments()) as connection:
        yield connection


def test_the_schedule_finds_what_nobody_will_finish(tus: Tus, connection: Connection) -> None:
    # Given one upload that expired, one that is silent, one that is new, and a whole video
    expired, silent, new, whole = (tus.created(10) for _ in range(4))
    tus.patch(whole, 0, bytes(10))
    tus.api.sql(EXPIRE, id_of(expired))
    tus.api.sql("update videos set updated_at = clock_timestamp() - interval '2 minutes' where id = %s", id_of(silent))
    # When
    with transaction(connection) as tx:
        found = {one.id: one for one in uploads.unfinished(tx, 60, 10_000)}
    # Then
    assert (found[id_of(expired)].expired, found[id_of(silent)].expired) == (True, False)
    assert found[id_of(expired)].size == 10
    assert not {id_of(new), id_of(whole)} & found.keys()


def test_it_is_forgotten_only_if_nobody_went_on_with_it(tus: Tus, connection: Connection) -> None:
    # Given
    expired, kept, whole = (tus.created(10) for _ in range(3))
    tus.patch(whole, 0, bytes(10))
    tus.api.sql(EXPIRE, id_of(expired))
    # When
    with transaction(connection) as tx:
        forgotten = [uploads.forget_expired(tx, id_of(path)) for path in (expired, kept, whole)]
    # Then
    assert forgotten == [True, False, False]
    assert tus.row(expired) is None
    assert tus.head(expired).status_code == 404


def test_completing_is_done_once(tus: Tus, connection: Connection) -> None:
    # Given a whole upload that its API did not finish, and whose time is over
    path = tus.created(10)
    tus.file(path).parent.mkdir(exist_ok=True)
    tus.file(path).write_bytes(bytes(10))
    tus.api.sql(EXPIRE, id_of(path))
    # When the schedule does, while the client comes back
    video: UUID = id_of(path)
    for _ in range(3):
        with transaction(connection) as tx:
            assert uploads.complete(tx, video).status == "uploaded"
        assert tus.offset(path) == 10
    # Then
    assert tus.facts(path) == ["VideoUploaded"]
    assert tus.row(path).generation == 1
