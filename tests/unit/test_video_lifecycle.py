"""docs/video-lifecycle.md says what the code does: the same moves, jobs, facts, settings and places."""

import re
from uuid import UUID

from services.worker.listeners import LISTENERS
from services.worker.schedule import SCHEDULE
from services.worker.videos_ending import MAKING
from shared.config import ROOT, Settings
from shared.domain.videos import MOVES, media_path, source_path, work_path
from shared.events.catalogue import EVENTS
from shared.jobs.job import REGISTRY

DOCUMENT = (ROOT / "docs" / "video-lifecycle.md").read_text()
TITLES = ("The video", "From the upload to the player", "When something goes wrong")
VIDEO, PIPELINE, TROUBLE = (DOCUMENT.partition(f"## {title}\n")[2].partition("\n## ")[0] for title in TITLES)
LEGAL = {(str(one), str(other)) for one, to in MOVES.items() for other in to}


def rows(section: str) -> list[list[str]]:
    """Return the cells of a section's tables, without their heads."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    heads = [number for number, row in enumerate(cells) if set(row[0]) == {"-"}]
    return [row for number, row in enumerate(cells) if not {number, number + 1} & set(heads)]


def test_the_table_and_the_diagram_show_exactly_the_legal_moves() -> None:
    assert {(row[0], row[1]) for row in rows(VIDEO) if row[0] != "–"} == LEGAL
    drawn = set(re.findall(r"^    (\S+) --> (\S+)$", VIDEO, re.MULTILINE))
    assert {move for move in drawn if move[0] != "[*]"} == LEGAL


def test_whoever_causes_a_move_and_what_is_recorded_exist() -> None:
    facts = {event.__name__ for event in EVENTS}
    recorded = {fact.strip("`") for _, _, _, fact in rows(VIDEO) if fact}
    assert recorded == {name for name in facts if name.startswith("Video")} - {"VideoDeleted"}


def test_all_jobs_that_make_a_video_are_in_the_table_with_their_queues() -> None:
    told = {row[0].strip("`"): row[1] for row in rows(PIPELINE) if row[0].strip("`") in REGISTRY}
    assert told == {name: REGISTRY[name].queue for name in MAKING}


def test_every_job_and_setting_that_is_named_exists() -> None:
    assert LISTENERS
    assert SCHEDULE  # by which every job is known
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", DOCUMENT)) - {"processed_url"}
    assert words - set(REGISTRY) == set()
    settings = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", DOCUMENT))
    assert {name.lower() for name in settings} - set(Settings.model_fields) == set()
    assert len(settings) > 4


def test_the_files_lie_where_it_says() -> None:
    video = UUID(int=1042)
    told = [row[0].strip("`").replace("{video}", str(video)).replace("{generation}", "3") for row in rows(PIPELINE)]
    for path in (source_path(video), work_path(video, 3), media_path(video, 3)):
        assert any(place.startswith(f"files/{path}") for place in told), path


def test_there_is_something_to_do_about_everything_that_goes_wrong() -> None:
    assert len(rows(TROUBLE)) > 12
    assert all(len(row) == 2 and all(row) for row in rows(TROUBLE))
