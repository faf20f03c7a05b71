"""A run of rotator that kills itself with SIGKILL at one point: `python -m tests.e2e.crashing FOLDER TIME POINT WHEN`.

The points are calls of ports (see failpoints.py). Without POINT nothing happens, and the points passed are printed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from rotator.cli import main
from tests.e2e.failpoints import Failpoints
from tests.fakes.clock import FakeClock


def kill_myself() -> NoReturn:
    """As `kill -9` does: no handler, no `finally`, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)
    while True:  # the other threads of this process may run for a moment longer; this one does not
        time.sleep(1)


def apply_at(
    folder: Path, now: datetime, fatal: str | None = None, when: str = "before"
) -> list[str]:
    """One `apply --yes` in this process at a moment; the points that it passed. Raises SystemExit when it fails.

    The last thing that a process does before it kills itself is to leave `FOLDER.killed`.
    """

    def die() -> NoReturn:
        folder.with_suffix(".killed").touch()
        kill_myself()

    points = Failpoints(die, fatal, when)
    words = ["--config", str(folder / "rotator.yaml"), "apply", "--yes", "--json"]
    code = main(words, clock=FakeClock(now), environ={}, wiring=points.wrap)
    if code != 0:
        raise SystemExit(code)
    return points.passed


if __name__ == "__main__":
    passed = apply_at(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), *sys.argv[3:])
    sys.stderr.write(json.dumps(passed))
