"""The servers as fixtures. Each xdist worker starts its own, and only when a test asks for it."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.edges import Edge, caddy_edge, nginx_edge
from tests.servers.faulty import FaultyProxy
from tests.servers.ministack import Ministack, ministack
from tests.servers.s3 import S3Endpoint
from tests.servers.s3rver import s3rver
from tests.servers.seaweedfs import Gateway, SeaweedFS, seaweedfs
from tests.servers.webserver import WebServer, webserver

_numbers = itertools.count(1)
StartEdge = Callable[..., Edge]


@pytest.fixture(scope="session")
def seaweedfs_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A SeaweedFS store for the session; `.gateway(name)` starts one more endpoint in 0.1 s. Mark the test `s3`."""
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as store:
        yield store


@pytest.fixture(scope="session")
def seaweedfs_endpoint(seaweedfs_store: SeaweedFS) -> S3Endpoint:
    """The store's shared endpoint; do not break it. Mark the test `s3`."""
    return seaweedfs_store.gateway().endpoint


@pytest.fixture
def seaweedfs_gateways(seaweedfs_store: SeaweedFS) -> Iterator[Callable[[str], Gateway]]:
    """Start endpoints that only this test uses, so it may kill, pause and restart them. Mark the test `s3`."""
    started: list[Gateway] = []

    def start(name: str) -> Gateway:
        gateway = seaweedfs_store.gateway(f"{name}-{next(_numbers)}")
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.kill()


@pytest.fixture(scope="session")
def ministack_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """A ministack for the session, at the real time. Mark the test `ministack`."""
    with ministack(tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture
def time_machine(tmp_path: Path) -> Iterator[Ministack]:
    """A ministack of the test's own whose clock follows `travel_to(moment)`. Mark the test `timetravel`."""
    with ministack(tmp_path / "ministack", time_travel=True) as server:
        yield server


@pytest.fixture(scope="session")
def s3rver_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Endpoint]:
    """A store that ignores conditional writes. Mark the test `s3rver`."""
    with s3rver(tmp_path_factory.mktemp("s3rver")) as endpoint:
        yield endpoint


@pytest.fixture
def new_bucket() -> Callable[[S3Endpoint, str], str]:
    """Create a bucket with a name nobody used: `new_bucket(endpoint, "jwks")`."""

    def create(endpoint: S3Endpoint, prefix: str) -> str:
        return endpoint.make_bucket(f"{prefix}-{next(_numbers)}")

    return create


@pytest.fixture
def faulty_proxy() -> Iterator[Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]]:
    """Put a proxy before an endpoint: `proxy, endpoint = faulty_proxy(endpoint)`."""
    started: list[FaultyProxy] = []

    def start(endpoint: S3Endpoint) -> tuple[FaultyProxy, S3Endpoint]:
        proxy = FaultyProxy(endpoint.url)
        started.append(proxy.__enter__())
        return proxy, S3Endpoint(proxy.url, endpoint.credentials, endpoint.region)

    yield start
    for proxy in started:
        proxy.__exit__()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    """A web server for the directory `web.directory` (empty, below the test's tmp_path)."""
    with webserver(tmp_path / "web") as server:
        yield server


@pytest.fixture
def start_nginx(tmp_path: Path) -> Iterator[StartEdge]:
    """Start an nginx that serves a folder through its cache: `start_nginx(folder, cache_control=…)`. Mark it `nginx`."""
    with contextlib.ExitStack() as stack:
        yield lambda root, **how: stack.enter_context(
            nginx_edge(tmp_path / f"nginx-{next(_numbers)}", root, **how)
        )


@pytest.fixture
def start_caddy(tmp_path: Path) -> Iterator[StartEdge]:
    """Start a Caddy before a folder, or another edge: `start_caddy(folder, upstream=edge)`. Mark the test `caddy`."""
    with contextlib.ExitStack() as stack:
        yield lambda root, **how: stack.enter_context(
            caddy_edge(tmp_path / f"caddy-{next(_numbers)}", root, **how)
        )
