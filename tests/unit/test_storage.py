"""Files that jobs write: whole or not at all, and nothing lies about afterwards."""

from pathlib import Path

import pytest

from shared import storage
from tests.shop import environment

PLACE = "pictures/walnut-desk/small.webp"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


def written(files: Path) -> list[str]:
    return sorted(path.name for path in files.rglob("*") if path.is_file())


def test_what_is_written_can_be_read_and_written_again(files: Path) -> None:
    with environment(FILES=str(files)):
        # Given
        assert storage.read(PLACE) is None
        # When
        storage.write(PLACE, b"a desk", "job", 1)
        storage.write(PLACE, b"a better desk", "job", 2)
        # Then
        assert storage.read(PLACE) == b"a better desk"
    assert written(files) == ["small.webp"]


def test_who_was_killed_while_writing_leaves_neither_half_a_file_nor_rubbish(files: Path) -> None:
    with environment(FILES=str(files)):
        # Given a file that was there, and what three jobs have begun to put in its place or beside it
        storage.write(PLACE, b"a desk", "job", 1)
        folder = files / "pictures" / "walnut-desk"
        for part in (".small.webp.job.2.part", ".small.webp.other.1.part", ".large.webp.job.1.part"):
            (folder / part).write_bytes(b"half a de")
        # Then who reads sees the whole
        assert storage.read(PLACE) == b"a desk"
        # When the first of them is tried again
        storage.write(PLACE, b"a better desk", "job", 3)
        # Then its beginning is gone, and no other's: they may be at work
        assert storage.read(PLACE) == b"a better desk"
    assert written(files) == [".large.webp.job.1.part", ".small.webp.other.1.part", "small.webp"]


def test_a_folder_in_the_place_of_a_file_is_an_error_and_not_silence(files: Path) -> None:
    (files / PLACE).mkdir(parents=True)
    with environment(FILES=str(files)):
        with pytest.raises(IsADirectoryError):
            storage.write(PLACE, b"a desk", "job", 1)
        with pytest.raises(IsADirectoryError):
            storage.read(PLACE)
