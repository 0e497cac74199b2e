"""A large upload over a bad line: the server's memory stays flat, nobody waits, and every byte arrives."""

import hashlib
import random
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from tests.api import ApiProcess
from tests.audited import Tell
from tests.uploading import Tus, reel

pytestmark = pytest.mark.proof

MIB = 2**20
CUTS = 20
MOST_GROWTH = 32 * MIB


@pytest.fixture
def api(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[ApiProcess]:
    with ApiProcess(tmp_path, database_url, redis_url, {"DISK_RESERVE_BYTES": "0"}) as process:
        yield process
        shutil.rmtree(process.files)  # pytest would keep gigabytes


def test_two_gigabytes_over_a_line_that_breaks_twenty_times(
    api: ApiProcess, scaled: Callable[[int, int], int], dice: random.Random, tell: Tell
) -> None:
    # Given an API that has received something before, so that all it needs for that is loaded
    tus = Tus(api, api.customer("ليلى"))
    size = scaled(2048, 128) * MIB
    first = tus.created(4 * MIB)
    assert tus.patch(first, 0, b"".join(reel(0, 4 * MIB))).status_code == 204
    before = forget_the_peak(api)
    # When the line breaks at twenty places, now and then without a word
    path = tus.created(size)
    places = sorted(dice.sample(range(MIB, size - MIB), CUTS))
    began = time.monotonic()
    with Waiting(api) as waiting, ExitStack() as dead_lines:
        offset = 0
        for number, place in enumerate(places):
            if place > offset:
                line = dead_lines.enter_context(tus.sending(path, size - offset, offset))
                for part in reel(offset, place):
                    line.send(part)
                if number % 4:
                    line.cut()
            reached, offset = offset, tus.offset(path)
            assert reached <= offset <= max(place, reached)
        answer = tus.patch(path, offset, reel(offset, size))
    # Then all of it is there, once, and the server took no more memory than before
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(size))
    seconds = time.monotonic() - began
    grown = peak(api) - before
    assert digest_of(tus.file(path)) == digest(reel(0, size))
    assert tus.facts(path) == ["VideoUploaded"]
    tell(MiB=size // MIB, cuts=CUTS, seconds=seconds, grown_MiB=grown / MIB, longest_wait_ms=waiting.longest * 1000)
    assert grown <= MOST_GROWTH
    assert waiting.longest < 1


def test_one_body_in_one_go(api: ApiProcess, scaled: Callable[[int, int], int], tell: Tell) -> None:
    # Given
    tus = Tus(api, api.customer("Omar"))
    size = scaled(2048, 128) * MIB
    assert tus.http.put("/videos/first.mp4", content=b"".join(reel(0, 4 * MIB))).status_code == 202
    before = forget_the_peak(api)
    # When
    with Waiting(api) as waiting:
        answer = tus.http.put("/videos/film.mp4", content=reel(0, size), headers={"Content-Length": str(size)})
    # Then
    assert answer.status_code == 202, answer.text
    grown = peak(api) - before
    assert digest_of(tus.file(answer.json()["id"])) == digest(reel(0, size))
    tell(MiB=size // MIB, grown_MiB=grown / MIB, longest_wait_ms=waiting.longest * 1000)
    assert grown <= MOST_GROWTH
    assert waiting.longest < 1


class Waiting:
    """How long others wait for an answer meanwhile, at worst."""

    def __init__(self, api: ApiProcess) -> None:
        self.longest = 0.0
        self._http = api.client()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="waiting", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(0.01):
            asked = time.monotonic()
            assert self._http.get("/livez").is_success
            self.longest = max(self.longest, time.monotonic() - asked)


def forget_the_peak(api: ApiProcess) -> int:
    """Let the kernel measure anew (starting took more than anything after it); return what memory is taken now."""
    Path(f"/proc/{api.pid}/clear_refs").write_text("5")
    return peak(api)


def peak(api: ApiProcess) -> int:
    """Return the most resident memory that the API has had, in bytes."""
    status = Path(f"/proc/{api.pid}/status").read_text()
    return int(re.findall(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[0]) * 1024


def digest(parts: Iterator[bytes]) -> str:
    running = hashlib.sha256()
    for part in parts:
        running.update(part)
    return running.hexdigest()


def digest_of(file: Path) -> str:
    with file.open("rb") as content:
        return digest(iter(lambda: content.read(MIB), b""))
