"""The video of the tour: uploaded as `curl -T` does, watched while it is processed, then played as a player would."""

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

from shared.tour.live import Live
from shared.tour.seen import MILLISECOND, Look, Seen
from shared.tour.shop import Disappointed, Shop

#: Eight seconds of a test card, 854 × 480; how it was made stands in docs/video-lifecycle.md.
CLIP = Path(__file__).with_name("clip.mp4")
OVER = {"failed", "rejected", "cancelled"}
UNIT = re.compile(r"[^@/]+")


class Video:
    """A video with a name of its own."""

    def __init__(self, shop: Shop, live: Live) -> None:
        self._shop, self._live = shop, live
        self._name = f"tour-{uuid4().hex[:6]}.mp4"
        self._video: Any = None
        self._began = 0.0
        self._playback: Any = None

    def stands(self) -> str:
        """Say where it stands, for a sentence that says what is missing."""
        if self._video is None:
            return "the video was not even uploaded"
        video = self._shop.video(self._video["id"])
        return f"{self._name} is {video['status']} ({video['progress']} %)"

    def percent(self) -> str:
        """Return what was heard last, to be shown while one waits."""
        heard = self._live.percents(self._video["id"]) if self._video else []
        return f"{heard[-1]} %" if heard else ""

    # --- what the customer does ---

    def upload(self) -> Seen:
        content = CLIP.read_bytes()
        self._began = time.monotonic()
        self._video = self._shop.upload(self._name, content)
        return Seen(f"{self._name}, {len(content) // 1000} kB, in one PUT", 0.0)

    # --- what the system does ---

    def pictured(self) -> Seen | None:
        """Look for the picture that shows what it is."""
        address = self._now()["poster_url"]
        if address is None:
            return None
        picture = self._shop.fetch(address, "image/jpeg")
        return Seen(f"a picture, {len(picture.content) // 1000} kB", time.monotonic() - self._began)

    def processed(self) -> Seen | None:
        """Listen until it is finished; say how far it was heard to be meanwhile."""
        heard = self._live.heard(self._video["id"], "VideoProcessed")
        video = self._now()
        if heard is None or video["completed_at"] is None:
            return None
        late = (heard - datetime.fromisoformat(video["completed_at"])) / MILLISECOND
        percents = [f"{percent} %" for percent in _a_few(self._live.percents(self._video["id"]))]
        words = ", ".join([*percents, f"ready; heard after {late:.0f} ms"])
        return Seen(words, self._after(video["completed_at"]))

    def worked_on(self) -> Seen:
        """Say who did it."""
        jobs = self._shop.jobs(self._video["id"])
        units = sorted({UNIT.findall(job["worker"])[0] for job in jobs if job["worker"]})
        return Seen(f"{len(jobs)} jobs, on {', '.join(units)}")

    def told(self) -> Look:
        """Look for the mail that says so."""

        def look() -> Seen | None:
            for letter in self._shop.letters("mail", self._shop.customer):
                if self._name in letter["subject"]:
                    return Seen(f"“{letter['subject']}”", self._after(letter["received_at"]))
            return None

        return look

    # --- what a player does: from here on without an access token ---

    def listed(self) -> Seen:
        """Fetch the playlist, and of each size and of the sound the list and the first piece."""
        self._playback = self._shop.playback(self._video["id"])
        master = self._playlist(self._playback["url"])
        sizes = re.findall(r"^#EXT-X-STREAM-INF:.*?RESOLUTION=(\d+x\d+).*\n(.+)$", master, re.MULTILINE)
        sound = re.findall(r'^#EXT-X-MEDIA:TYPE=AUDIO.*?URI="([^"]+)"', master, re.MULTILINE)
        if not sizes or not sound:
            raise Disappointed(f"The playlist of {self._name} has {len(sizes)} sizes and {len(sound)} sounds.")
        pieces = [self._pieces(address) for address in [*(address for _, address in sizes), *sound]]
        if len({seconds for seconds, _ in pieces[: len(sizes)]}) > 1:
            raise Disappointed(f"The sizes of {self._name} are not equally long.")
        what = ", ".join(size for size, _ in sizes)
        return Seen(f"{what} and sound; {pieces[0][0]:.1f} s in {pieces[0][1]} pieces")

    def one_file(self) -> Seen:
        """Fetch a part from the middle of the file for those who play no playlists."""
        part = self._shop.fetch(self._playback["mp4_url"], "video/mp4", {"Range": "bytes=1000-1999"})
        whole = int(part.headers["content-range"].rpartition("/")[2])
        if (part.status_code, len(part.content)) != (206, 1000):
            raise Disappointed(f"A part of 1000 bytes was asked for, {len(part.content)} came.")
        return Seen(f"one MP4 of {whole // 1000} kB, from wherever one wants")

    def _pieces(self, address: str) -> tuple[float, int]:
        """Return how long one of the lists is, and in how many pieces; the first is fetched."""
        address = urljoin(self._playback["url"], address)
        playlist = self._playlist(address)
        lengths = [float(seconds) for seconds in re.findall(r"^#EXTINF:([\d.]+)", playlist, re.MULTILINE)]
        names = [line for line in playlist.splitlines() if line and not line.startswith("#")]
        beginning = re.findall(r'^#EXT-X-MAP:URI="([^"]+)"', playlist, re.MULTILINE)
        if not beginning or not names or "#EXT-X-ENDLIST" not in playlist:
            raise Disappointed(f"{address.rpartition('/')[2]} of {self._name} is not whole.")
        self._shop.fetch(urljoin(address, beginning[0]), "video/mp4")
        self._shop.fetch(urljoin(address, names[0]), "video/iso.segment")
        return round(sum(lengths), 2), len(names)

    def _playlist(self, address: str) -> str:
        return self._shop.fetch(address, "application/vnd.apple.mpegurl").text

    def _now(self) -> Any:
        """Return the video as it is; one that ends otherwise ends the tour."""
        video = self._shop.video(self._video["id"])
        if video["status"] in OVER:
            raise Disappointed(f"{self._name} is {video['status']} ({video['reason']}).")
        return video

    def _after(self, moment: str) -> float:
        return (datetime.fromisoformat(moment) - datetime.fromisoformat(self._video["created_at"])).total_seconds()


def _a_few(percents: list[int], most: int = 5) -> list[int]:
    """Return some of them, the first and the last among them."""
    if len(percents) <= most:
        return percents
    return [percents[round(n * (len(percents) - 1) / (most - 1))] for n in range(most)]
