"""PyJWT's PyJWKClient in a process of its own: keeps the whole set for its lifespan, fetches it for an unknown kid."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.servers.process import ServerProcess, free_port
from tests.servers.verifiers import Verifier, answers

_PROGRAM: Final = Path(__file__).with_name("pyjwt_sidecar.py")


@contextlib.contextmanager
def pyjwt(
    directory: Path,
    jwks_url: str,
    issuer: str,
    *,
    lifespan_s: float = 300,
    cooldown_s: float = 30,
    leeway_s: float = 0,
) -> Iterator[Verifier]:
    """A sidecar that answers 200 or 401 to a bearer token."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    numbers = [str(number) for number in (port, lifespan_s, cooldown_s, leeway_s)]
    process = ServerProcess(
        [sys.executable, _PROGRAM, jwks_url, issuer, *numbers], log=directory / "pyjwt.log"
    )
    process.start(lambda: answers(port))
    try:
        yield Verifier("pyjwt", port, "/", process)
    finally:
        process.kill()
