"""Resumable uploads as tus 1.0 has them: what a client may rely on, and what is refused without harm."""

from email.utils import parsedate_to_datetime
from uuid import UUID

import httpx
import pytest

from shared.clock import now
from tests.api import ApiProcess, Customer, problem
from tests.uploading import CHUNK, TUS, Tus, checksum, film, metadata


@pytest.fixture
def tus(api: ApiProcess, layla: Customer) -> Tus:
    return Tus(api, layla)


def test_anybody_may_ask_what_is_offered(api: ApiProcess) -> None:
    # When somebody asks who is not signed in, and speaks another version
    answer = api.http.options("/uploads", headers={"Tus-Resumable": "0.2.2"})
    # Then all is told
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"].split(",") == [
        "creation",
        "creation-with-upload",
        "expiration",
        "checksum",
        "termination",
    ]
    assert int(answer.headers["tus-max-size"]) > 0
    assert "sha1" in answer.headers["tus-checksum-algorithm"].split(",")


def test_an_upload_comes_in_chunks_and_becomes_a_video(tus: Tus) -> None:
    # Given
    content = film(2_500_000)
    # When
    begun = tus.create(len(content), headers=metadata(filename="فيلم العيد.mp4", filetype="video/mp4"))
    path = begun.headers["location"]
    first = tus.patch(path, 0, content[:1_000_000])
    rest = tus.patch(path, 1_000_000, content[1_000_000:])
    # Then each answer says how far it has come, and until when it is kept
    assert (begun.status_code, first.status_code, rest.status_code) == (201, 204, 204)
    assert (first.headers["upload-offset"], rest.headers["upload-offset"]) == ("1000000", "2500000")
    assert all(answer.headers["tus-resumable"] == "1.0.0" for answer in (begun, first, rest))
    for answer in (begun, first):
        assert 23 < (parsedate_to_datetime(answer.headers["upload-expires"]) - now()).total_seconds() / 3600 <= 24
    # And the video is there, with all its bytes
    row = tus.row(path)
    assert (row.status, row.filename, row.size) == ("uploaded", "فيلم العيد.mp4", len(content))
    assert (row.user_id, row.generation, row.expires_at) == (tus.customer.id, 1, None)
    assert row.uploaded_at is not None
    assert tus.stored(path) == content
    assert tus.facts(path) == ["VideoUploaded"]


def test_its_end_is_said_once_whatever_is_repeated(tus: Tus) -> None:
    # Given a whole upload
    path = tus.created(10)
    assert tus.patch(path, 0, b"0123456789").status_code == 204
    # When the client did not hear the answer
    again = [tus.patch(path, 10, b"") for _ in range(3)]
    asked = tus.head(path)
    late = tus.patch(path, 0, b"9876543210")
    # Then
    assert [answer.status_code for answer in again] == [204, 204, 204]
    assert (asked.headers["upload-offset"], asked.headers["upload-length"]) == ("10", "10")
    problem(late, 409, "offset")
    assert tus.stored(path) == b"0123456789"
    assert tus.facts(path) == ["VideoUploaded"]
    assert tus.row(path).version == 2


def test_the_first_chunk_may_come_with_the_creation(tus: Tus) -> None:
    # When
    part = tus.create(10, headers=CHUNK, content=b"0123")
    whole = tus.create(4, headers=CHUNK, content=b"0123")
    empty = tus.create(0)
    # Then
    assert (part.status_code, part.headers["upload-offset"]) == (201, "4")
    assert tus.stored(part.headers["location"]) == b"0123"
    assert (whole.status_code, tus.facts(whole.headers["location"])) == (201, ["VideoUploaded"])
    assert (empty.status_code, tus.facts(empty.headers["location"])) == (201, ["VideoUploaded"])


def test_the_offset_is_asked_for_and_never_cached(tus: Tus) -> None:
    # Given
    said = metadata(filename="desk.mp4", shelf="")
    path = tus.created(10, **said)
    tus.patch(path, 0, b"012")
    # When
    answer = tus.head(path)
    # Then
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("3", "10")
    assert answer.headers["upload-metadata"] == said["Upload-Metadata"]
    assert parsedate_to_datetime(answer.headers["upload-expires"]) > now()


def test_metadata_is_not_needed(tus: Tus) -> None:
    path = tus.created(10)
    answer = tus.head(path)
    assert (answer.status_code, answer.headers["upload-offset"]) == (200, "0")
    assert "upload-metadata" not in answer.headers
    assert tus.row(path).filename == "video"


def test_another_version_is_refused_before_anything_is_done(tus: Tus) -> None:
    # Given
    path = tus.created(10)
    another = {"Tus-Resumable": "0.2.2"}
    # When
    answers = [
        tus.create(10, headers=another),
        tus.patch(path, 0, b"01", **another),
        tus.http.patch(path, content=b"01", headers={"Content-Type": CHUNK["Content-Type"], "Upload-Offset": "0"}),
        tus.http.head(path, headers=another),
        tus.http.delete(path, headers=another),
    ]
    # Then
    assert [answer.status_code for answer in answers] == [412] * 5
    assert {answer.headers["tus-version"] for answer in answers} == {"1.0.0"}
    assert tus.offset(path) == 0


def test_a_wrong_offset_changes_nothing(tus: Tus) -> None:
    # Given
    path = tus.created(10)
    tus.patch(path, 0, b"0123")
    # When
    answers = [tus.patch(path, offset, b"xxx") for offset in (0, 3, 5, 10)]
    # Then
    for answer in answers:
        problem(answer, 409, "offset")
        assert answer.headers["upload-offset"] == "4"
    assert tus.stored(path) == b"0123"


def test_bytes_of_another_type_are_not_taken(tus: Tus) -> None:
    path = tus.created(10)
    problem(tus.patch(path, 0, b"0123", **{"Content-Type": "text/plain"}), 415, "media_type")
    problem(tus.create(4, headers={"Content-Type": "video/mp4"}, content=b"0123"), 415, "media_type")
    assert tus.stored(path) == b""


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_chunk_with_the_right_checksum_is_kept_and_another_is_not(tus: Tus, algorithm: str) -> None:
    # Given
    content = film(1_500_000)
    path = tus.created(len(content))
    first, rest = content[:1_200_000], content[1_200_000:]
    # When
    right = tus.patch(path, 0, first, **checksum(first, algorithm))
    wrong = tus.patch(path, len(first), b"x" * len(rest), **checksum(rest, algorithm))
    # Then
    assert right.status_code == 204
    told = problem(wrong, 460, "checksum_mismatch")
    assert told["title"] == "Checksum Mismatch"
    assert tus.offset(path) == len(first)
    assert tus.facts(path) == []
    # And it goes on from there
    assert tus.patch(path, len(first), rest, **checksum(rest, algorithm)).status_code == 204
    assert tus.stored(path) == content


def test_a_checksum_that_cannot_be_checked_is_refused_before_a_byte_is_taken(tus: Tus) -> None:
    path = tus.created(10)
    problem(tus.patch(path, 0, b"01", **{"Upload-Checksum": "crc32 AAAAAA=="}), 400, "checksum_algorithm")
    problem(tus.patch(path, 0, b"01", **{"Upload-Checksum": "sha1 not-base64"}), 400, "malformed")
    problem(tus.patch(path, 0, b"01", **{"Upload-Checksum": "sha1 AAAA"}), 400, "malformed")
    assert tus.stored(path) == b""


def test_more_bytes_than_announced_are_refused_and_change_nothing(tus: Tus) -> None:
    # Given
    path = tus.created(1000)
    tus.patch(path, 0, b"a" * 100)
    # When too much is announced, or comes without being announced
    problem(tus.patch(path, 100, b"b" * 1400), 413, "too_much")
    problem(tus.patch(path, 100, iter([b"b" * 700, b"c" * 700])), 413, "too_much")
    problem(tus.create(3, headers=CHUNK, content=b"0123"), 413, "too_much")
    # Then
    assert tus.stored(path) == b"a" * 100
    assert tus.patch(path, 100, b"d" * 900).status_code == 204
    assert tus.stored(path) == b"a" * 100 + b"d" * 900


def test_a_chunk_need_not_say_how_long_it_is(tus: Tus) -> None:
    path = tus.created(10)
    assert tus.patch(path, 0, iter([b"0123", b"456789"])).headers["upload-offset"] == "10"
    assert tus.stored(path) == b"0123456789"


def test_nothing_is_taken_of_somebody_who_is_not_signed_in(api: ApiProcess, tus: Tus) -> None:
    # Given
    path = tus.created(10)
    chunk = {**CHUNK, "Upload-Offset": "0"}
    # When
    nobody = api.http.patch(path, content=b"0123", headers=chunk)
    forged = api.client("not.a.token").patch(path, content=b"0123", headers=chunk)
    creation = api.http.post("/uploads", content=b"0123", headers={**CHUNK, "Upload-Length": "4"})
    stream = api.http.put("/videos/clip.mp4", content=b"0123")
    api.sql("update sessions set revoked_at = clock_timestamp() where id = %s", tus.customer.session_id)
    ended = tus.patch(path, 0, b"0123")
    # Then
    for answer in (nobody, creation, stream):
        problem(answer, 401, "unauthorised")
    problem(forged, 401, "invalid_token")
    problem(ended, 401, "session_ended")
    assert nobody.headers["tus-resumable"] == "1.0.0"
    assert tus.stored(path) == b""


def test_an_upload_is_its_owners_alone(api: ApiProcess, tus: Tus, nour: Customer) -> None:
    # Given
    path = tus.created(10)
    tus.patch(path, 0, b"01")
    # When another customer knows its address, and an operator
    for stranger in (Tus(api, api.customer("Omar")), Tus(api, nour)):
        answers = [stranger.head(path), stranger.patch(path, 2, b"xx"), stranger.delete(path)]
        # Then there is no such thing
        assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert tus.stored(path) == b"01"


def test_who_gives_an_upload_up_leaves_nothing(tus: Tus) -> None:
    # Given
    path = tus.created(10)
    tus.patch(path, 0, b"0123")
    # When
    answer = tus.delete(path)
    # Then
    assert (answer.status_code, answer.headers["tus-resumable"]) == (204, "1.0.0")
    assert tus.row(path) is None
    assert not tus.file(path).exists()
    assert tus.head(path).status_code == 404
    problem(tus.patch(path, 4, b"4"), 404, "not_found")
    problem(tus.delete(path), 404, "not_found")


def test_a_whole_video_is_not_given_up_like_an_upload(tus: Tus) -> None:
    path = tus.created(2)
    tus.patch(path, 0, b"01")
    problem(tus.delete(path), 409, "whole")
    assert tus.stored(path) == b"01"


def test_a_client_behind_a_proxy_may_name_its_method_in_a_header(tus: Tus) -> None:
    # Given
    path = tus.created(10)
    posted = {**CHUNK, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    # When
    went_on = tus.http.post(path, content=b"0123", headers=posted)
    ended = tus.http.post(path, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})
    other = tus.http.post(path, headers={**TUS, "X-HTTP-Method-Override": "TRACE"})
    # Then
    assert (went_on.status_code, went_on.headers["upload-offset"]) == (204, "4")
    assert (ended.status_code, tus.row(path)) == (204, None)
    assert other.status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upload-Length": "-1"},
        {"Upload-Length": "ten"},
        {"Upload-Length": "1" * 30},
        {"Upload-Length": "10", "Upload-Concat": "partial"},
        {"Upload-Defer-Length": "1"},
        {"Upload-Length": "10", "Upload-Metadata": "filename not-base64!"},
        {"Upload-Length": "10", "Upload-Metadata": "filename /////w=="},
        {"Upload-Length": "10", "Upload-Metadata": "filename YQ==,filename YQ=="},
        {"Upload-Length": "10", "Upload-Metadata": "a,,b"},
        {"Upload-Length": "10", "Upload-Metadata": f"filename {'YWFh' * 2000}"},
    ],
    ids=lambda headers: str(headers)[:60],
)
def test_a_creation_that_cannot_be_read_is_refused(tus: Tus, headers: dict[str, str]) -> None:
    answer = tus.http.post("/uploads", headers={**TUS, **headers})
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] in ("malformed", "concatenation")
    assert tus.api.sql("select count(*) from videos where user_id = %s", tus.customer.id)[0].count == 0


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\desk.mp4", "desk.mp4"),
        ("clip\x00\x1b[31m\n.mp4", "clip[31m.mp4"),
        ("invoice\u202e4pm.exe", "invoice4pm.exe"),
        ("رحلة إلى أسوان – الجزء ٢.mov", "رحلة إلى أسوان – الجزء ٢.mov"),
        ("🎬 family.mp4", "🎬 family.mp4"),
        ("-i.mp4", "-i.mp4"),
        ("x" * 500 + ".mp4", "x" * 195 + "….mp4"),
        (" / ", "video"),
        ("..", ".."),
    ],
)
def test_a_files_name_is_only_shown(tus: Tus, given: str, shown: str) -> None:
    # When
    path = tus.created(3, **metadata(filename=given))
    assert tus.patch(path, 0, b"abc").status_code == 204
    # Then the name is fit to be shown, and no part of where the file is
    assert tus.row(path).filename == shown
    assert sorted(file.name for file in tus.api.files.glob("uploads/*") if not _is_id(file.name)) == []


def _is_id(name: str) -> bool:
    return str(UUID(name)) == name


def test_an_answer_never_tells_of_uploads_to_caches(tus: Tus) -> None:
    path = tus.created(3)
    answers: list[httpx.Response] = [tus.patch(path, 0, b"a"), tus.head(path)]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
