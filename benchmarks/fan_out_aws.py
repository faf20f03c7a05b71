"""Thirty AWS regions that are 100 to 200 ms away, over TLS, as multiples of the bare round trips in the same run.

Run it: .venv/bin/python -m benchmarks.fan_out_aws
First a conditional write of 4 KB and a read of it in each region, then rotator with keys in KMS and state in S3. Bare
means the same requests by a plain HTTP client, with nothing to prepare and nothing to understand. The best of some
rounds counts: what else the machine does makes the others slower.
"""

import os
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import urllib3
from botocore.config import Config

from benchmarks.aws_world import FIRST, REGIONS, Call, Setup, anybody, recorded
from benchmarks.far import far_endpoints
from rotator.adapters.clock import SystemClock
from rotator.adapters.s3_target import S3Target
from rotator.app.apply import apply
from rotator.app.looking import side_by_side
from rotator.app.plan import make_plan
from rotator.aws import AwsAccess, AwsClients
from tests.servers.ministack import ministack

COUNT, NEAREST, FARTHEST = 30, 0.1, 0.2
ROUNDS = 7
BUCKET, BODY = "fan-out", b"x" * 4096
STATES = ("sqlite", "s3")


def main() -> None:
    """Print the ratios."""
    trips = [NEAREST + (FARTHEST - NEAREST) * n / (COUNT - 1) for n in range(COUNT)]
    with anybody(), tempfile.TemporaryDirectory() as name, ministack(Path(name, "aws")) as server:
        folder = Path(name)
        with far_endpoints(folder, server.port, trips) as urls:
            server.endpoint.make_bucket(BUCKET)
            write_and_read(urls)
            rotate(folder, urls)


def write_and_read(urls: Sequence[str]) -> None:
    """Each region's document written and read back: by a plain client, by S3Target, by boto3 as it comes."""
    ways = {"bare": bare_pair, "S3Target": by_target, "boto3 as it comes": by_boto3}
    by_target(urls[:1], "warm-up")  # the first use reads what botocore knows of S3
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way(urls, f"{name}-{number}")
            taken[name].append(time.perf_counter() - start)
    bare = min(taken["bare"])
    print(f"write and read back, bare: {bare:.2f} s")
    for name in ("S3Target", "boto3 as it comes"):
        print(f"{name:20} {min(taken[name]) / bare:5.2f} ×")


def bare_pair(urls: Sequence[str], name: str) -> None:
    """Two requests on one connection per region."""
    http = plain_client()

    def one(url: str) -> None:
        for method, body in (("PUT", BODY), ("GET", None)):
            http.request(method, f"{url}/{BUCKET}/{name}{url[-5:]}", body=body)

    side_by_side(one, urls)


def by_target(urls: Sequence[str], name: str) -> None:
    """As rotator does it, with clients that were not used before."""
    clients = AwsClients()

    def one(url: str) -> None:
        access = AwsAccess(REGIONS[0], endpoint=url)
        target = S3Target(clients, access, BUCKET, f"{name}{url[-5:]}", "application/json")
        target.write(BODY, None)
        target.read()

    side_by_side(one, urls)


def by_boto3(urls: Sequence[str], name: str) -> None:
    """One session, one client per region, and nothing else changed."""
    session, settings = boto3.session.Session(), Config(s3={"addressing_style": "path"})
    clients = [
        session.client("s3", region_name=REGIONS[0], endpoint_url=url, config=settings)
        for url in urls
    ]

    def one(client: Any) -> None:
        where = {"Bucket": BUCKET, "Key": f"{name}{client.meta.endpoint_url[-5:]}"}
        client.put_object(**where, Body=BODY, IfNoneMatch="*")
        client.get_object(**where)["Body"].read()

    side_by_side(one, clients)


def rotate(folder: Path, urls: Sequence[str]) -> None:
    """First apply and plan of an issuer in all regions: beside three of them, and beside the plan's bare requests."""
    names = dict.fromkeys((*REGIONS, *boto3.session.Session().get_available_regions("kms")))
    all_regions = dict(zip(names, urls, strict=False))
    # The three of the small setup are the nearest, one in the middle, and the farthest.
    some = dict(zip(REGIONS, (urls[0], urls[COUNT // 2], urls[-1]), strict=True))
    for state in STATES:
        many, few = (
            life(folder / f"{state}-many", state, all_regions),
            life(folder / f"{state}-few", state, some),
        )
        bare = best(partial(replay, many.calls))
        print(f"keys in KMS, state in {state}")
        print(
            f"  first apply, {COUNT} regions beside 3: {many.applied / few.applied:.2f} × ({many.applied:.1f} s)"
        )
        print(f"  plan, bare: {bare:.2f} s, rotator: {many.planned / bare:.2f} ×", flush=True)


@dataclass(frozen=True, slots=True)
class Life:
    """Seconds of a first apply and of a plan, and the plan's calls."""

    applied: float
    planned: float
    calls: Sequence[Call]


def life(folder: Path, state: str, regions: dict[str, str]) -> Life:
    """The first apply and the plan of an issuer in some regions."""
    folder.mkdir()
    setup = Setup(folder, "kms", state, SystemClock(), regions, bucket_prefix=f"{folder.name}-")
    setup.prepare()
    settings = setup.settings([FIRST])
    start = time.perf_counter()
    assert not apply(setup.world(settings)).failed
    applied = time.perf_counter() - start
    with recorded() as calls:
        assert not make_plan(setup.world(settings)).due
    return Life(applied, best(lambda: make_plan(setup.world(settings))), calls)


def replay(calls: Sequence[Call]) -> None:
    """The same requests by a plain client: what concerns the state in order, everything else at once between."""
    http = plain_client()

    def send(call: Call) -> None:
        sent = call.sent
        if hasattr(sent.body, "seek"):
            sent.body.seek(0)
        http.request(sent.method, sent.url, body=sent.body, headers=dict(sent.headers))

    for together in waves(calls):
        side_by_side(send, together)


def waves(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """Each call on the state alone, calls on the regions together."""
    waiting: list[Call] = []
    for call in calls:
        if call.part == "state":
            if waiting:
                yield waiting
            yield [call]
            waiting = []
        else:
            waiting.append(call)
    if waiting:
        yield waiting


def plain_client() -> urllib3.PoolManager:
    """A client that knows no AWS."""
    trusted = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    return urllib3.PoolManager(
        ssl_context=trusted, num_pools=2 * COUNT, maxsize=8, retries=False, timeout=30
    )


def best(work: Callable[[], object]) -> float:
    """The shortest of some rounds, in seconds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


if __name__ == "__main__":
    main()
