"""Stock clients upload here as they are: npm's tus-js-client, and tuspy."""

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from tusclient import client as tuspy
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from shared.engines.redis import RedisServer
from tests import scripts
from tests.api import ApiProcess
from tests.uploading import Tus, film

SCRIPT = Path(__file__).parent / "js" / "tus.mjs"
CASES = re.findall(r"^  '(T\d+ .*)': async", SCRIPT.read_text(), re.MULTILINE)
SIZE = 3_300_000
CONTENT = film(SIZE)


@pytest.fixture(scope="module")
def uploader(shop_url: str, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with ApiProcess(tmp_path_factory.mktemp("tus"), shop_url, redis.url, {"DISK_RESERVE_BYTES": "0"}) as process:
        yield Tus(process, process.customer("ليلى"))


@pytest.fixture(scope="module")
def said(uploader: Tus) -> list[dict[str, Any]]:
    """What the script said; it is run once."""
    api = uploader.api
    return scripts.run(str(SCRIPT), api={"url": api.url, "port": api.port, "token": uploader.customer.token})


@pytest.mark.parametrize("name", CASES)
def test_tus_js_client_works(said: list[dict[str, Any]], name: str) -> None:
    assert [line["error"] for line in said if line.get("name") == name] == [None]


def test_what_tus_js_client_sent_is_there_to_the_byte(uploader: Tus, said: list[dict[str, Any]]) -> None:
    # Given the files that it uploaded
    sent = [line for line in said if "uploaded" in line]
    assert len(sent) == 6
    # Then each became a video, once
    for line in sent:
        path = line["uploaded"]
        assert hashlib.sha256(uploader.stored(path)).hexdigest() == line["sha256"], line["filename"]
        assert uploader.facts(path) == ["VideoUploaded"], line["filename"]
        assert uploader.row(path).filename == line["filename"]


@pytest.fixture
def clip() -> io.BytesIO:
    return io.BytesIO(CONTENT)  # of a path tuspy would open the file, and leave it open


@pytest.fixture
def python(uploader: Tus) -> tuspy.TusClient:
    return tuspy.TusClient(f"{uploader.api.url}/uploads", {"Authorization": f"Bearer {uploader.customer.token}"})


def test_tuspy_uploads_in_chunks_with_checksums(uploader: Tus, python: tuspy.TusClient, clip: io.BytesIO) -> None:
    # When
    upload = python.uploader(
        file_stream=clip, chunk_size=2**20, metadata={"filename": "مكتب.mp4"}, upload_checksum=True
    )
    upload.upload()
    # Then
    assert uploader.stored(str(upload.url)) == CONTENT
    assert uploader.facts(str(upload.url)) == ["VideoUploaded"]
    assert uploader.row(str(upload.url)).filename == "مكتب.mp4"


def test_tuspy_goes_on_where_another_stopped(uploader: Tus, python: tuspy.TusClient, clip: io.BytesIO) -> None:
    # Given
    first = python.uploader(file_stream=clip, chunk_size=2**20)
    first.upload(stop_at=2**21)
    assert uploader.stored(str(first.url)) == CONTENT[: 2**21]
    # When
    second = python.uploader(file_stream=clip, chunk_size=2**20, url=first.url)
    assert second.offset == 2**21
    second.upload()
    # Then
    assert uploader.stored(str(first.url)) == CONTENT


def test_tuspy_hears_a_refusal(uploader: Tus, python: tuspy.TusClient, clip: io.BytesIO) -> None:
    # Given somebody else's upload
    stranger = Tus(uploader.api, uploader.api.customer("Omar"))
    path = stranger.created(SIZE)
    # Then
    with pytest.raises(TusCommunicationError) as refused:
        python.uploader(file_stream=clip, url=f"{uploader.api.url}{path}")
    assert refused.value.status_code == 404
    mine = python.uploader(file_stream=clip, url=f"{uploader.api.url}{uploader.created(SIZE)}", chunk_size=2**20)
    mine.set_url(f"{uploader.api.url}{path}")
    with pytest.raises(TusUploadFailed) as failed:
        mine.upload()
    assert failed.value.status_code == 404
    assert stranger.stored(path) == b""
