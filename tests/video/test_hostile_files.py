"""Hostile files: refused with a reason, or harmless; also if the first look at them had let them through."""

import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from services.worker.ffmpeg import graph, sniff
from services.worker.ffmpeg.errors import Broken, Failed, Refused
from services.worker.ffmpeg.finish import finish
from services.worker.ffmpeg.ladder import rungs
from services.worker.ffmpeg.pictures import poster, storyboard
from services.worker.ffmpeg.plan import Plan
from services.worker.ffmpeg.probe import probe
from services.worker.ffmpeg.supervise import taken
from services.worker.ffmpeg.transcode import transcode, transcode_chunk
from services.worker.ffmpeg.watch import Watch
from tests.video.canary import Canary
from tests.video.hostile import ATTACKS, NONE, SECRET, Attack, Scene
from tests.video.making import clip
from tests.video.weighing import Scales

MEBIBYTE = 2**20
MEMORY = 1024 * MEBIBYTE
DISK = 24 * MEBIBYTE
WALL = 3.0
WATCH = Watch(wall=WALL, stall=WALL, disk=DISK)
SLACK = 40 * MEBIBYTE  # what is written between two looks


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("films") / "film.ts", seconds=1)


@pytest.fixture
def canary() -> Iterator[Canary]:
    with Canary() as canary:
        yield canary


@pytest.fixture
def scene(tmp_path: Path, film: Path, canary: Canary) -> Scene:
    """Another customer's upload, and a file of the system's, beside the upload."""
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    (uploads / "peer.ts").write_bytes(film.read_bytes())
    (uploads / "passwd").write_bytes(SECRET)
    return Scene(tmp_path, uploads / "peer.ts", uploads / "passwd", canary.port)


def uploaded(attack: Attack, scene: Scene) -> Path:
    source = scene.film.parent / attack.name
    made = attack.make(scene)
    source.write_bytes(made if isinstance(made, bytes) else made.read_bytes())
    return source


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_file_is_refused_or_harmless(name: str, scene: Scene, canary: Canary, tmp_path: Path) -> None:
    # Given a hostile upload, and what it is after
    attack = ATTACKS[name]
    source = uploaded(attack, scene)
    canary.watch(scene.film)
    canary.watch(scene.text)
    # When it goes through everything
    out = tmp_path / "out"
    with Scales() as scales:
        refused = went_through(source, out, probe)
    # Then it was refused for one of its reasons, or made into a film
    assert refused in (attack.refused or (None,))
    # And touched nothing, and took no more than it may
    is_harmless(canary, out, scales)


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_harmless_even_if_it_was_let_through(name: str, scene: Scene, canary: Canary, tmp_path: Path) -> None:
    # Given a hostile upload that was taken for a small film
    source = uploaded(ATTACKS[name], scene)
    believed = sniff.container(source) or "mov"
    canary.watch(scene.film)
    canary.watch(scene.text)
    # When pictures and a stream are made of it
    out = tmp_path / "out"
    with Scales() as scales:
        went_through(source, out, lambda _: plan_for(believed))
    # Then it touched nothing, and took no more than it may
    is_harmless(canary, out, scales)


@pytest.mark.parametrize("container", ["mov", "avi", "mpegts", "matroska"])
@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.refused == NONE])
def test_the_flags_alone_hold_it_back(name: str, container: str, scene: Scene, canary: Canary, tmp_path: Path) -> None:
    # Given a list, or whatever else is no film, and a kernel without Landlock
    source = uploaded(ATTACKS[name], scene)
    canary.watch(scene.film)
    canary.watch(scene.text)
    # When FFmpeg opens it as we would, as any format that is taken here, and without the sandbox
    opened = graph.source(source, plan_for(container), WATCH)
    command = graph.command([graph.hls(opened["0"], "out", c="copy")], WATCH)
    (tmp_path / "out").mkdir()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=20, check=False)
    # Then nothing comes of it
    assert done.returncode != 0
    assert canary.disturbed() == []


def plan_for(container: str) -> Plan:
    return Plan(
        container=container,
        duration=5.0,
        video_duration=5.0,
        audio_duration=None,
        width=320,
        height=240,
        frame_rate="30",
        source_rate="30",
        constant_rate=True,
        video_start=0.0,
        video_index=0,
        audio_index=None,
        rungs=rungs(320, 240, Fraction(30)),
    )


def went_through(source: Path, out: Path, look: Callable[[Path], Plan]) -> str | None:
    """Do all that jobs do with an upload; return why it was refused."""
    try:
        plan = look(source)
    except Refused as refused:
        return refused.refusal
    steps: tuple[Callable[[], object], ...] = (
        lambda: poster(source, plan, out / "poster", WATCH),
        lambda: storyboard(source, plan, out / "storyboard", WATCH),
        lambda: transcode_chunk(source, plan, plan.chunks(180)[0], out / "chunk", WATCH),
        lambda: transcode(source, plan, out / "stream", WATCH),
        lambda: finish(out / "stream", plan, WATCH),
    )
    for step in steps:
        try:
            step()
        except (Broken, Failed):
            continue
    return None


def is_harmless(canary: Canary, out: Path, scales: Scales) -> None:
    assert canary.disturbed() == []
    assert scales.memory <= MEMORY, f"{scales.memory >> 20} MiB"
    assert scales.cpu <= 5 * WALL * 2
    assert taken(out) <= 4 * (DISK + SLACK)
    assert not [file for file in out.rglob("*") if file.is_file() and SECRET in file.read_bytes()]


def test_a_canary_tells(scene: Scene, canary: Canary) -> None:
    # Given a file that is watched, when somebody reads it, then it is known
    canary.watch(scene.text)
    assert scene.text.read_bytes() == SECRET
    assert canary.disturbed() == ["a file was opened"]
