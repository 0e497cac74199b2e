"""Before a video is shown it is compared with its plan: that FFmpeg ended well proves nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from services.worker.ffmpeg.errors import Broken
from services.worker.ffmpeg.finish import finish
from services.worker.ffmpeg.probe import probe
from services.worker.ffmpeg.transcode import transcode
from services.worker.ffmpeg.watch import Watch
from tests.video.making import clip


def rot(stream: Path) -> None:
    """Leave the index of a segment, and nothing that can be decoded."""
    segment = stream / "240" / "00000.m4s"
    content = segment.read_bytes()
    at = content.index(b"mdat") + 4
    segment.write_bytes(content[:at] + bytes(len(content) - at))


def unfinished(stream: Path) -> None:
    index = stream / "240" / "index.m3u8"
    index.write_text(index.read_text().replace("#EXT-X-ENDLIST", ""))


BROKEN: dict[str, Callable[[Path], object]] = {
    "cannot be decoded": rot,
    "is unfinished": unfinished,
    "has no sound": lambda stream: shutil.rmtree(stream / "audio"),
    "lacks a segment": lambda stream: (stream / "240" / "00001.m4s").unlink(),
    "has an empty segment": lambda stream: (stream / "240" / "00001.m4s").write_bytes(b""),
    "lacks its beginning": lambda stream: (stream / "240" / "init.mp4").unlink(),
    "lacks a rung": lambda stream: shutil.rmtree(stream / "240"),
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of two segments, as it was transcoded."""
    folder = tmp_path_factory.mktemp("film")
    source = clip(folder / "film.mp4", seconds=8)
    transcode(source, probe(source), folder / "stream", Watch())
    return folder


@pytest.mark.parametrize("how", BROKEN)
def test_what_is_broken_is_not_shown(how: str, film: Path, tmp_path: Path) -> None:
    # Given a stream that is whole but for one thing
    stream = tmp_path / "stream"
    shutil.copytree(film / "stream", stream)
    BROKEN[how](stream)
    # Then it is not finished
    with pytest.raises(Broken):
        finish(stream, probe(film / "film.mp4"), Watch())
    assert not (stream / "master.m3u8").exists()


def test_a_source_that_breaks_off_is_noticed(tmp_path: Path) -> None:
    # Given a film of which the second half was never uploaded, but whose index says that it is whole
    source = clip(tmp_path / "film.mp4", "-movflags", "+faststart", "-g", "15", seconds=8)
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    plan = probe(source)
    # When it is transcoded, then FFmpeg ends well, and we do not
    transcode(source, plan, tmp_path / "stream", Watch())
    with pytest.raises(Broken):
        finish(tmp_path / "stream", plan, Watch())


def test_the_whole_is_shown(film: Path, tmp_path: Path) -> None:
    # Given the stream as it was made, then it is finished, twice if need be
    shutil.copytree(film / "stream", tmp_path / "stream")
    plan = probe(film / "film.mp4")
    finish(tmp_path / "stream", plan, Watch())
    finish(tmp_path / "stream", plan, Watch())
    assert "BANDWIDTH" in (tmp_path / "stream" / "master.m3u8").read_text()
