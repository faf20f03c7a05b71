"""A run of rotator, a process of its own, that kills itself with SIGKILL at one of its AWS calls."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from rotator.cli import main
from tests.e2e.aws_hooks import HookedClients, Points
from tests.e2e.crashing import kill_myself
from tests.fakes.clock import FakeClock


def apply_at_call(
    folder: Path, now: datetime, environ: Mapping[str, str], point: str, when: str
) -> None:
    """One `apply --yes` at a moment, with AWS's variables of `environ`. Raises SystemExit when it lives to its end."""
    os.environ.update(environ)
    clients = HookedClients()
    clients.around = Points(kill_myself, point, when)
    words = ["--config", str(folder / "rotator.yaml"), "apply", "--yes", "--json"]
    raise SystemExit(main(words, clock=FakeClock(now), environ={}, clients=clients))
