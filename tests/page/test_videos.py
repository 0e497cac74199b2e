"""The panel `videos`: a cut upload goes on, is watched to its end and played; refusals and failures are said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Request, expect

from shared.config import settings
from shared.domain.videos import media_path, source_path
from tests import clips
from tests.live_house import LiveHouse, live_house
from tests.page.conftest import VisitAs
from tests.panels import Panels
from tests.proxy import Proxy
from tests.waiting import wait_until

BACKOFF = 3  # seconds
WORKED = 90_000  # milliseconds that the jobs of a small film may take
SLOWLY = 0.15  # seconds for 64 KiB
NOT_A_VIDEO = {"en": "This file is not a video.", "ar": "الملف ده مش فيديو."}
FAILED = {"en": "We could not process this video.", "ar": "ما عرفناش نجهّز الفيديو ده."}
#: What the browser's console says of a line that is cut.
CUT = "net::ERR_"
#: Notes each state and each percent that is shown, as long as the page is open.
WATCH = """
() => {
  window.seen = { states: [], percents: [] };
  const note = (list, value) => value !== undefined && list.at(-1) !== value && list.push(value);
  new MutationObserver(() => {
    const film = document.querySelector('.film');
    note(window.seen.states, film?.dataset.status);
    note(window.seen.percents, film?.querySelector('.steps + p progress')?.value);
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}
"""
PLAYS = """
async (video) => {
  video.muted = true;
  await video.play();
  while (video.currentTime < 1) await new Promise((wake) => setTimeout(wake, 50));
  return { time: video.currentTime, by: video.dataset.by, width: video.videoWidth };
}
"""


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[LiveHouse]:
    with live_house(request, video_backoff_seconds=[BACKOFF] * 3) as house:
        yield house


@pytest.fixture(scope="module")
def line(house: LiveHouse) -> Iterator[Proxy]:
    """The line over which browsers reach the house: it may be slow, or cut."""
    with Proxy(house.port) as line:
        house.url = f"http://127.0.0.1:{line.port}"
        yield line


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.clip(tmp_path_factory.mktemp("clip"), seconds=20)


@pytest.fixture
def panels(visit_as: VisitAs, house: LiveHouse, line: Proxy, language: str) -> Iterator[Panels]:
    """Layla looks at her videos; she has none."""
    line.slowly = 0.0
    house.sql("delete from videos")
    panels = Panels(visit_as("layla"), "videos", language)
    panels.page.evaluate(WATCH)
    yield panels
    panels.visit.forgive(CUT)
    panels.leave()
    house.sql("delete from paused_queues")


class Sent:
    """What of uploads was sent: how many were begun, and from which byte on each request went."""

    def __init__(self, panels: Panels) -> None:
        self.begun, self.offsets = 0, list[int]()
        panels.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.method == "PATCH":
            self.offsets.append(int(request.headers["upload-offset"]))
        self.begun += request.method == "POST" and request.url.endswith("/uploads")


def choose(panels: Panels, file: Path) -> Locator:
    """Choose a file to be uploaded; return its card."""
    panels.find("#video-files").set_input_files(file)
    card = panels.find(".film").first
    expect(card).to_be_visible()
    return card


def video_of(card: Locator) -> UUID:
    return UUID((card.get_attribute("id") or "").removeprefix("video-"))


def expect_status(card: Locator, status: str, timeout: float = WORKED) -> None:
    expect(card).to_have_attribute("data-status", status, timeout=timeout)


def wait_until_part_is_there(card: Locator, clip: Path) -> None:
    """Wait until some of the file has arrived, and by far not all of it."""
    place = settings().files / source_path(video_of(card))
    whole = clip.stat().st_size
    wait_until(lambda: place.is_file() and place.stat().st_size > whole / 8)
    assert place.stat().st_size < whole


def plays(card: Locator) -> dict[str, Any]:
    played: dict[str, Any] = card.locator("video").evaluate(PLAYS)
    return played


def test_an_upload_that_is_cut_goes_on_and_the_film_is_watched_to_its_end_and_played(
    panels: Panels, house: LiveHouse, line: Proxy, clip: Path
) -> None:
    # Given an upload over a slow line
    sent, line.slowly = Sent(panels), SLOWLY
    card = choose(panels, clip)
    wait_until_part_is_there(card, clip)
    # When the line is cut
    line.cut()
    line.slowly = 0.0
    expect(card.locator("[data-sending=waiting]")).to_be_visible(timeout=30_000)
    panels.screenshot("video-cut")
    # Then, once it is back, only the rest is sent
    line.mend()
    expect_status(card, "completed")
    assert sent.begun == 1
    assert sent.offsets[0] == 0
    assert sent.offsets[-1] > clip.stat().st_size / 8
    assert (settings().files / source_path(video_of(card))).read_bytes() == clip.read_bytes()
    # And its way was seen, live
    seen = panels.page.evaluate("window.seen")
    assert (seen["states"][0], seen["states"][-1]) == ("uploading", "completed")
    assert "processing" in seen["states"]
    assert seen["percents"] == sorted(seen["percents"])
    assert any(0 < percent < 100 for percent in seen["percents"])
    # And it has a picture, and small ones for whoever moves over it
    assert card.locator("img").evaluate("async (img) => { await img.decode(); return img.naturalWidth }") > 0
    card.locator(".poster").hover()
    expect(card.locator("[data-tile]")).to_be_visible()
    panels.screenshot("video-storyboard")
    # And it plays
    card.locator("[data-do=play]").click()
    played = plays(card)
    assert played["time"] >= 1
    assert (played["by"], played["width"] > 0) == ("hls.js", True)
    card.locator("[type=range]").hover()
    expect(card.locator(".scrubber [data-tile]")).to_be_visible()
    panels.screenshot("video-plays")
    # And by the keyboard one finds a place in it
    card.locator("[type=range]").focus()
    panels.page.keyboard.press("End")
    wait_until(lambda: card.locator("video").evaluate("(video) => video.currentTime") > 19)
    house.wait_until_quiet()


def test_after_a_reload_the_unfinished_upload_is_offered_and_the_same_file_goes_on(
    panels: Panels, line: Proxy, clip: Path
) -> None:
    # Given an upload in the middle of which the page is loaded again
    sent, line.slowly = Sent(panels), SLOWLY
    card = choose(panels, clip)
    wait_until_part_is_there(card, clip)
    line.cut()  # what is on its way is not to arrive after all
    line.slowly = 0.0
    line.mend()
    panels.page.reload()
    # Then the page says how much is there
    unfinished = card.locator("[data-sending=unfinished]")
    expect(unfinished.locator("progress")).not_to_have_attribute("value", "0")
    panels.screenshot("video-unfinished")
    # When another file is chosen, then nothing is sent
    other = clip.with_name("other.mp4")
    other.write_bytes(b"not this one")
    unfinished.locator("input").set_input_files(other)
    expect(unfinished.get_by_role("alert")).to_be_visible()
    # When the same one is
    unfinished.locator("input").set_input_files(clip)
    # Then only the rest is sent
    expect_status(card, "completed")
    assert (sent.begun, sent.offsets[-1] > 0) == (1, True)


def test_whoever_simply_chooses_the_file_again_goes_on_too(panels: Panels, line: Proxy, clip: Path) -> None:
    # Given an upload that rests, and a page that is loaded again
    sent, line.slowly = Sent(panels), SLOWLY
    card = choose(panels, clip)
    wait_until_part_is_there(card, clip)
    card.locator("[data-do=pause]").click()
    expect(card.locator("[data-sending=paused]")).to_be_visible()
    line.slowly = 0.0
    panels.page.reload()
    # When
    expect(card.locator("[data-sending=unfinished]")).to_be_visible()
    choose(panels, clip)
    # Then by its fingerprint it is known
    expect_status(card, "completed")
    assert (sent.begun, sent.offsets[-1] > 0) == (1, True)
    expect(panels.find(".film")).to_have_count(1)


def test_what_is_no_film_is_rejected_with_a_sentence(panels: Panels, tmp_path: Path) -> None:
    # Given a letter that calls itself a film
    letter = tmp_path / "رسالة.mp4"
    letter.write_text("Dear Layla, this is no film. " * 100)
    # When it is uploaded
    card = choose(panels, letter)
    # Then
    expect_status(card, "rejected")
    expect(card).to_contain_text(NOT_A_VIDEO[panels.language])
    expect(card.locator("[data-do=retry]")).to_have_count(0)
    panels.screenshot("video-rejected")


def test_a_film_that_failed_says_why_and_is_processed_again(panels: Panels, house: LiveHouse, clip: Path) -> None:
    # Given a disk on which no picture can be kept
    house.pause("media")
    card = choose(panels, clip)
    expect_status(card, "uploaded")
    panels.screenshot("video-queued")
    in_the_way = (settings().files / media_path(video_of(card), 1)).parent
    in_the_way.parent.mkdir(exist_ok=True)
    in_the_way.write_text("a file where a folder should be")
    # When it is processed, then one sees that it is tried again, and when
    house.resume("media")
    expect_status(card, "retrying")
    expect(card.locator("[data-retry]")).to_be_visible()
    panels.screenshot("video-retrying")
    # And after the last try, that it failed
    expect_status(card, "failed")
    expect(card).to_contain_text(FAILED[panels.language])
    panels.screenshot("video-failed")
    # When the disk is mended, and she tries again
    in_the_way.unlink()
    card.locator("[data-do=retry]").click()
    # Then
    expect_status(card, "completed")


def test_a_film_is_cancelled_and_deleted_by_the_keyboard_and_another_browser_agrees(
    panels: Panels, visit_as: VisitAs, house: LiveHouse, clip: Path
) -> None:
    # Given a film that waits, and a second browser
    house.pause("media")
    card = choose(panels, clip)
    expect_status(card, "uploaded")
    other = Panels(visit_as("layla"), "videos", panels.language)
    there = other.find(".film")
    expect_status(there, "uploaded")
    # When
    card.locator("[data-do=cancel]").press("Enter")
    # Then both say so
    for each in (card, there):
        expect_status(each, "cancelled")
    # And when it is deleted, it is gone from both
    card.locator("[data-do=delete]").press("Enter")
    for each in (card, there):
        expect(each).to_have_count(0)
    assert other.visit.errors == []
