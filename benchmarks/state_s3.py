"""What reading a team's state of many issuers costs, as a multiple of the bare requests it needs, measured in one run.

Run it: .venv/bin/python -m benchmarks.state_s3 [ISSUERS]
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from threading import local

from rotator.adapters.clock import SystemClock
from rotator.adapters.s3_state import S3State
from rotator.adapters.s3_state.documents import evidence_body, state_body
from rotator.app.looking import side_by_side
from rotator.aws import AwsAccess, AwsClients
from tests.adapters.aws_profiles import aws_environment
from tests.scenarios.world import Regions
from tests.servers.ministack import ANYBODY, Ministack, ministack

BUCKET, PREFIX = "state", "team"
STATE, EVIDENCE = f"/{BUCKET}/{PREFIX}/state", f"/{BUCKET}/{PREFIX}/evidence"


def main() -> None:
    """Print the time of a listing, of all states and of all evidence, each beside its bare requests."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder, ministack(Path(folder)) as server:
        names = [f"issuer-{number:05}" for number in range(count)]
        raw = Raw(server.port)
        server.endpoint.make_bucket(BUCKET)
        fill(raw, names)
        store = reached(server, Path(folder) / "aws")
        store.load(names[0])
        listed = seconds(lambda: check(store.issuers(), names))
        print(f"{count} issuers, listed in {listed:.2f} s")
        compare("states", names, store.load, lambda name: raw.send("GET", f"{STATE}/{name}.json"))
        compare(
            "evidence",
            names,
            store.load_evidence,
            lambda name: raw.send("GET", f"{EVIDENCE}/{name}.json"),
        )


class Raw:
    """The bare protocol: one kept connection per thread, no signature (ministack asks for none), nothing decoded."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._mine = local()

    def send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """One request and its answer's body."""
        if not hasattr(self._mine, "server"):
            self._mine.server = HTTPConnection("127.0.0.1", self._port)
        self._mine.server.request(method, path, body)
        answer = self._mine.server.getresponse()
        assert answer.status == 200, answer.status
        content: bytes = answer.read()
        return content


def fill(raw: Raw, names: Sequence[str]) -> None:
    """The state and evidence of an issuer in three regions after its first rotation, under every name."""
    regions = Regions()
    regions.apply()
    regions.runs(100)
    state, evidence = regions.remembered(), regions.state.load_evidence("accounts")
    for name in names:
        raw.send("PUT", f"{STATE}/{name}.json", state_body(replace(state, issuer=name), 1))
        raw.send("PUT", f"{EVIDENCE}/{name}.json", evidence_body(replace(evidence, issuer=name)))


def reached(server: Ministack, folder: Path) -> S3State:
    """The state as rotator reaches it."""
    for name, value in aws_environment(folder, {"team": ANYBODY}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    access = AwsAccess("us-east-1", "team", endpoint=server.endpoint.url)
    return S3State(AwsClients(), access, BUCKET, PREFIX, SystemClock())


def compare(
    what: str,
    names: Sequence[str],
    work: Callable[[str], object],
    bare: Callable[[str], object],
) -> None:
    """Print how long all names take, side by side, and the ratio to the bare requests."""
    took = seconds(lambda: side_by_side(work, names))
    least = seconds(lambda: side_by_side(bare, names))
    each = took / len(names) * 1000
    print(f"{what:9} {took:6.2f} s, {each:.2f} ms each, {took / least:.1f} × the bare requests")


def check(found: Sequence[str], expected: Sequence[str]) -> None:
    """The listing is whole."""
    assert list(found) == list(expected)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
