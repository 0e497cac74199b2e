"""The sandbox alone: what it holds back when all of FFmpeg's own flags fail."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from services.worker.ffmpeg.capabilities import capabilities
from services.worker.ffmpeg.confinement import Confinement
from services.worker.ffmpeg.errors import Failed
from services.worker.ffmpeg.supervise import ask
from services.worker.ffmpeg.watch import Watch
from tests.video.canary import Canary
from tests.video.hostile import SECRET, playlist
from tests.video.making import clip
from tests.waiting import wait_until

PYTHON = os.path.realpath(sys.executable)
CREATE_RULESET = 444
landlock = ctypes.CDLL(None).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1) > 0


def confined(code: str, confinement: Confinement, wall: float = 20) -> str:
    """Run Python as if it was an FFmpeg that somebody has taken over."""
    home = Path(os.__file__).parent
    reads = [*confinement.reads, home]
    allowed = Confinement(reads, confinement.folder, confinement.memory, confinement.cpu, confinement.disk)
    return ask([PYTHON, "-I", "-S", "-c", code], allowed, Watch(wall=wall))[0].decode().strip()


def tries(statement: str) -> str:
    return f"""
try:
    {statement}
    print("done")
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    clip(folder / "peer.ts", seconds=1)
    (folder / "secret").write_bytes(SECRET)
    return folder


def naive(source: str, out: Path) -> list[str]:
    """FFmpeg as tutorials call it, and worse: every protocol is let in."""
    everything = ["-protocol_whitelist", "file,crypto,data,http,tcp,udp,rtp,concat,subfile"]
    return [str(capabilities().ffmpeg), "-nostdin", "-y", *everything, "-i", source, "-c", "copy", str(out)]


@pytest.mark.parametrize("address", ["peer.ts", "http://127.0.0.1:{port}/a.ts", "tcp", "udp"])
def test_a_naive_ffmpeg_reads_and_reaches_nothing_there(address: str, uploads: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with Canary() as canary:
        # Given a playlist that names another customer's upload or a server in the house, or a server itself
        source = uploads / "clip.m3u8"
        source.write_bytes(playlist(address.format(port=canary.port)))
        opened = str(source) if "." in address else f"{address}://127.0.0.1:{canary.port}?listen=0"
        canary.watch(uploads / "peer.ts")
        # When FFmpeg plays it without any protection, in the sandbox
        with suppress(Failed):
            ask(naive(opened, out / "out.ts"), Confinement([source], out), Watch(wall=5))
        # Then it gets nowhere; files need Landlock for that
        if landlock or address != "peer.ts":
            assert canary.disturbed() == []
        # And without the sandbox it would have
        if address != "udp":  # there it would only wait
            command = naive(opened, out / "out.ts")
            with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as unprotected:
                wait_until(canary.disturbed)
                unprotected.kill()


def test_it_reads_its_source_and_writes_its_folder_only(uploads: Path, tmp_path: Path) -> None:
    # Given a source, a folder, and somebody else's file
    source, out = uploads / "peer.ts", tmp_path / "out"
    out.mkdir()
    within = Confinement([source], out)
    # Then the source can be read, and the folder written
    assert confined(tries(f"open({str(source)!r}, 'rb').read()"), within) == "done"
    assert confined(tries(f"open({str(out / 'a')!r}, 'w').write('a')"), within) == "done"
    # And nothing else, where the kernel has Landlock
    if landlock:
        assert confined(tries(f"open({str(uploads / 'secret')!r}, 'rb').read()"), within) == "PermissionError"
        assert confined(tries("open('/etc/passwd').read()"), within) == "PermissionError"
        assert confined(tries(f"open({str(source)!r}, 'ab')"), within) == "PermissionError"
        assert confined(tries(f"open({str(tmp_path / 'b')!r}, 'w')"), within) == "PermissionError"
        assert confined(tries(f"import os; os.kill({os.getpid()}, 0)"), within) == "PermissionError"


@pytest.mark.parametrize("kind", ["AF_INET, socket.SOCK_STREAM", "AF_INET6, socket.SOCK_DGRAM", "AF_UNIX"])
def test_it_has_no_sockets(kind: str) -> None:
    # C's own call: the module of Python lies outside of what can be read there
    number = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
    domain = {"AF_INET, socket.SOCK_STREAM": (2, 1), "AF_INET6, socket.SOCK_DGRAM": (10, 2), "AF_UNIX": (1, 1)}[kind]
    call = f"ctypes.CDLL(None, use_errno=True).syscall({number}, *{domain}, 0)"
    code = f"import ctypes; print({call}, ctypes.get_errno())"
    assert confined(code, Confinement()) == "-1 13"


def test_its_environment_is_empty() -> None:
    os.environ["FFREPORT"] = "file=/tmp/report"
    try:
        assert confined("import os, json; print(json.dumps(dict(os.environ)))", Confinement()) == json.dumps(
            {"LC_ALL": "C"}
        )
    finally:
        del os.environ["FFREPORT"]


@pytest.mark.parametrize(
    ("code", "limits", "ends"),
    [
        ("b = bytearray(2 << 30); print(len(b))", {"memory": 2**30}, 1),
        ("while True: pass", {"cpu": 1}, -signal.SIGKILL),
        (
            "open('big', 'wb').truncate(2 << 20); f = open('big', 'r+b'); f.seek(1 << 21); f.write(b'x')",
            {"disk": 2**20},
            1,
        ),
    ],
    ids=["memory", "cpu", "disk"],
)
def test_the_kernel_holds_it_to_its_limits(code: str, limits: dict[str, int], ends: int, tmp_path: Path) -> None:
    with pytest.raises(Failed) as failed:
        confined(code, Confinement((), tmp_path, **limits))
    assert failed.value.code in (ends, -signal.SIGXFSZ)


def test_it_does_not_outlive_the_worker(tmp_path: Path) -> None:
    # Given a worker that runs FFmpeg
    code = f"""
from services.worker.ffmpeg.confinement import Confinement
from services.worker.ffmpeg.supervise import ask
from services.worker.ffmpeg.watch import Watch
from pathlib import Path
ask([{PYTHON!r}, "-I", "-S", "-c", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"],
    Confinement([Path({str(Path(os.__file__).parent)!r})], Path({str(tmp_path)!r})), Watch())
"""
    worker = subprocess.Popen([sys.executable, "-c", code])
    file = tmp_path / "pid"
    pid = int(wait_until(lambda: file.exists() and file.read_text()))
    # When the worker is killed, then FFmpeg is gone with it
    worker.kill()
    worker.wait()
    wait_until(lambda: gone(pid))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_it_does_not_start_when_nobody_waits_for_it(tmp_path: Path) -> None:
    # Given the launcher, whose supervisor was interrupted before it could say its word
    command = Confinement((), tmp_path).command([PYTHON, "-c", "open('started', 'w')"])
    began = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, cwd=tmp_path, check=False)
    # Then it ends, and FFmpeg never was
    assert done.returncode == 112
    assert time.monotonic() - began < 5
    assert not (tmp_path / "started").exists()
