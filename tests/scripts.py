"""Node scripts of the tests: run to their end, or talked to by lines of JSON."""

import json
import subprocess
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from shared.config import ROOT
from shared.engines.node import environment, node
from tests.waiting import wait_until

FOLDER = ROOT / "tests" / "realtime" / "js"


def run(script: str, **told: Mapping[str, object]) -> list[dict[str, Any]]:
    """Run a script to its end and return the lines of JSON that it printed."""
    done = subprocess.run(
        [str(node()), str(FOLDER / script)],
        env=_environment(told),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for text in done.stdout.splitlines() if (line := _json(text)) is not None]


class Script:
    """A script that runs meanwhile: `with Script("live.mjs", live={…}) as client:`; `said` grows."""

    def __init__(self, script: str, **told: Mapping[str, object]) -> None:
        self.said: list[dict[str, Any]] = []
        self._noise: list[str] = []
        self._process = subprocess.Popen(
            [str(node()), str(FOLDER / script)],
            env=_environment(told),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name=script, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        print("\n".join([*map(str, self.said), *self._noise]))  # noqa: T201 - pytest shows it of a failure

    @property
    def noise(self) -> str:
        """What it printed beside lines of JSON."""
        return "\n".join(self._noise)

    def tell(self, **command: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def all(self, key: str) -> list[Any]:
        """Return what was said under a key, in order."""
        return [line[key] for line in list(self.said) if key in line]

    def wait_for(self, key: str, value: object = ..., *, times: int = 1, timeout: float = 20) -> list[Any]:
        """Wait until something was said so many times; `...` is anything."""
        return wait_until(lambda: self._enough(key, value, times), timeout)

    def _enough(self, key: str, value: object, times: int) -> list[Any]:
        found = [said for said in self.all(key) if value is ... or said == value]
        return found if len(found) >= times else []

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = _json(text)
            if line is None:
                self._noise.append(text.rstrip())
            else:
                self.said.append(line)


def _environment(told: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Each keyword is a variable: live={…} is TABOOR_LIVE."""
    return {**environment(), **{f"TABOOR_{name.upper()}": json.dumps(value) for name, value in told.items()}}


def _json(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
