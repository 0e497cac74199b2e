"""Videos on the page, in Chromium: uploaded, watched while they are processed, and played."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, expect

from shared.broadcasting import signals
from shared.broadcasting.signals import VideoProgressed
from shared.config import settings
from shared.db.engine import connect
from shared.db.sql import videos
from shared.db.transaction import transaction
from shared.domain.videos import VideoStatus, media_path, source_path
from shared.events.catalogue import VideoFailed, VideoProcessed
from shared.events.record import record
from shared.nudge import nudge
from tests import clips
from tests.browser import chromium
from tests.live_house import LiveHouse, live_house
from tests.visit import Visit
from tests.waiting import wait_until

LAYLA = "layla@example.com"
#: Plays from the beginning, and says how far it has come after a while.
PLAYS = """
async (video) => {
  video.muted = true;
  await video.play();
  while (video.currentTime < 1) await new Promise((wake) => setTimeout(wake, 50));
  return { time: video.currentTime, duration: video.duration, width: video.videoWidth, heard: video.dataset.by };
}
"""
SEEKS = """
async (video) => {
  const there = new Promise((go) => (video.onseeked = go));
  video.currentTime = 3;
  await there;
  return video.currentTime;
}
"""
ONE_FILE = "(url) => { const video = document.createElement('video'); video.src = url; document.body.append(video); }"


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[LiveHouse]:
    with live_house(request) as house:
        house.pause("media")  # what the jobs would do, the tests do by hand
        yield house


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def visit(browser: Browser, house: LiveHouse) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    context.set_default_timeout(15_000)
    visit = Visit(context.new_page(), house)
    yield visit
    context.close()


class Films:
    """What jobs do with a video, by hand."""

    def __init__(self, house: LiveHouse) -> None:
        self.house, self.connection = house, connect()

    def newest(self) -> UUID | None:
        rows = self.house.sql("select id from videos order by id desc limit 1")
        return rows[0].id if rows else None

    def status(self, video_id: UUID) -> str:
        return str(self.house.one("select status from videos where id = %s", video_id))

    def finish(self, video_id: UUID) -> None:
        """Put there what is played, and say so."""
        source, folder = (settings().files / path for path in (source_path(video_id), media_path(video_id, 1)))
        clips.stream(source, folder / "stream")
        clips.poster(source, folder / "poster.jpg")
        self.house.sql("update videos set published = 1, poster = 1 where id = %s", video_id)
        self._move(video_id, VideoStatus.PROCESSING)
        self._move(video_id, VideoStatus.COMPLETED, VideoProcessed)

    def fail(self, video_id: UUID, reason: str) -> None:
        self._move(video_id, VideoStatus.FAILED, VideoFailed, reason=reason)

    def process(self, video_id: UUID, percent: int) -> None:
        if self.status(video_id) == "uploaded":
            self._move(video_id, VideoStatus.PROCESSING)
        owner = self.house.one("select user_id from videos where id = %s", video_id)
        self.house.sql("update videos set percent = %s where id = %s", percent, video_id)
        signals.send(VideoProgressed(video_id=video_id, user_id=owner, percent=percent))

    def _move(self, video_id: UUID, to: VideoStatus, fact: Any = None, **said: str) -> None:
        with transaction(self.connection) as tx:
            moved = videos.move(tx, videos.lock(tx, video_id), to, **said)
            if fact:
                record(tx, fact(video=moved))
        nudge()


@pytest.fixture
def films(house: LiveHouse) -> Iterator[Films]:
    films = Films(house)
    yield films
    films.connection.close()


def upload(visit: Visit, films: Films, clip: Path) -> tuple[UUID, Locator]:
    """Upload a clip as a visitor does; return its id, and its card on the page."""
    before = films.newest()
    visit.open("videos")
    visit.page.locator("#video-files").set_input_files(clip)
    wait_until(lambda: films.newest() != before)
    video_id = films.newest()
    assert video_id is not None
    return video_id, visit.page.locator(f"#video-{video_id}")


def expect_status(card: Locator, status: str) -> None:
    expect(card).to_have_attribute("data-status", status)


def test_layla_uploads_a_film_watches_the_percent_and_plays_it(visit: Visit, films: Films, clip: Path) -> None:
    # Given Layla, who has loaded no player
    visit.sign_in()
    assert not any("hls" in url for url in visit.urls)
    # When she uploads a film
    video_id, card = upload(visit, films, clip)
    expect_status(card, "uploaded")
    expect(card.get_by_role("heading")).to_have_text("clip.mp4")
    assert (settings().files / source_path(video_id)).read_bytes() == clip.read_bytes()
    # Then she sees how far it is, live
    for percent in (7, 41):
        films.process(video_id, percent)
        expect(card).to_contain_text(f"{percent}%")
    expect_status(card, "processing")
    # And when it is done, its picture, and a player
    films.finish(video_id)
    expect_status(card, "completed")
    expect(card.locator("img")).to_be_visible()
    assert card.locator("img").evaluate("async (img) => { await img.decode(); return img.naturalWidth }") == 640
    card.locator("[data-do=play]").click()
    # And it plays
    played = card.locator("video").evaluate(PLAYS)
    assert (played["width"], played["heard"]) == (640, "hls.js")
    assert played["time"] >= 1
    assert abs(played["duration"] - 4) < 0.1
    visit.screenshot("video-plays")
    assert visit.errors == []


def test_where_the_playlist_cannot_be_played_it_plays_as_one_file(visit: Visit, films: Films, clip: Path) -> None:
    # Given a finished film, and a browser that gets no playlist
    visit.sign_in()
    video_id, card = upload(visit, films, clip)
    expect_status(card, "uploaded")
    films.finish(video_id)
    visit.page.route("**/*.m3u8", lambda route: route.abort())
    # When
    card.locator("[data-do=play]").click()
    film = card.locator("video[data-by='one file']")
    played = film.evaluate(PLAYS)
    # Then it plays, from wherever one wants
    assert played["time"] >= 1
    assert film.evaluate(SEEKS) == pytest.approx(3, abs=0.1)


def test_who_comes_back_sees_the_videos_as_they_are(visit: Visit, films: Films, clip: Path) -> None:
    # Given one that is being processed
    visit.sign_in()
    video_id, card = upload(visit, films, clip)
    expect_status(card, "uploaded")
    films.process(video_id, 12)
    expect(card).to_contain_text("12%")
    # When the page is loaded again
    visit.page.reload()
    visit.wait_until_live()
    # Then it is there
    expect_status(card, "processing")


def test_a_failure_says_why_and_can_be_tried_again(visit: Visit, films: Films, clip: Path) -> None:
    # Given
    visit.sign_in()
    video_id, card = upload(visit, films, clip)
    expect_status(card, "uploaded")
    # When it fails
    reason = "It could not be processed; we are looking into it."
    films.fail(video_id, reason)
    # Then the page says so
    expect(card).to_contain_text(reason)
    expect_status(card, "failed")
    # When she tries again, and changes her mind
    card.locator("[data-do=retry]").click()
    expect_status(card, "uploaded")
    card.locator("[data-do=cancel]").click()
    expect_status(card, "cancelled")
    assert films.status(video_id) == "cancelled"
    # And when she deletes it, it is gone
    card.locator("[data-do=delete]").click()
    expect(card).to_have_count(0)
    assert visit.errors == []


# --- through the whole pipeline ---


@pytest.fixture
def at_work(house: LiveHouse) -> Iterator[None]:
    """The jobs are done by workers."""
    house.resume("media")
    yield
    house.pause("media")


@pytest.mark.usefixtures("at_work")
def test_a_film_goes_from_the_upload_to_the_player_by_itself(visit: Visit, films: Films, clip: Path) -> None:
    # When Layla uploads a film
    visit.sign_in()
    video_id, card = upload(visit, films, clip)
    # Then it is processed, and plays
    expect(card).to_have_attribute("data-status", "completed", timeout=60_000)
    expect(card.locator("img")).to_be_visible()
    card.locator("[data-do=play]").click()
    played = card.locator("video").evaluate(PLAYS)
    assert (played["width"], played["heard"]) == (640, "hls.js")
    assert abs(played["duration"] - 4) < 0.1
    # And as one file
    owner = films.house.sign_in(LAYLA)
    address = films.house.http.post(f"/videos/{video_id}/playback", headers=owner.headers).json()["mp4_url"]
    visit.page.evaluate(ONE_FILE, address)
    assert visit.page.locator("body > video").evaluate(PLAYS)["width"] == 640
    assert visit.errors == []
